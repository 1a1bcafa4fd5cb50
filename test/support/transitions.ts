import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

const architecture = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8')
const arrow = /^ *(\w+) --> (\w+): (\w+)$/gm

/**
 * Compares a state machine with a table that has a row for each state and a column for each event, with the next state or
 * `-` if impossible. If `isDocumented`, also with the state diagram in docs/architecture.md that has all of its states.
 */
export function expectTransitions<State extends string, Event extends string>(
  next: (state: State, event: Event) => State,
  drawing: string,
  { isDocumented }: { readonly isDocumented: boolean },
): void {
  const [events, ...rows] = drawing
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ +/)) as [Event[], ...[State, ...(State | '-')[]][]]
  const arrows: string[] = []
  for (const [state, ...expected] of rows) {
    expect(expected, state).toHaveLength(events.length)
    for (const [at, event] of events.entries()) {
      const attempt = () => next(state, event)
      if (expected[at] === '-') expect(attempt, `${state} ${event}`).toThrow('is impossible while')
      else {
        expect(attempt(), `${state} ${event}`).toBe(expected[at])
        arrows.push(`${state} ${event} ${expected[at]}`)
      }
    }
  }
  if (!isDocumented) return
  const diagrams = architecture.split('stateDiagram-v2').slice(1)
  const documented = diagrams.map((diagram) =>
    [...diagram.split('```')[0]!.matchAll(arrow)].map(([, from, to, event]) => `${from} ${event} ${to}`),
  )
  expect(documented.map((diagram) => diagram.sort())).toContainEqual(arrows.sort())
}
