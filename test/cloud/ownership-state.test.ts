import { expect, test } from 'vitest'
import {
  isNeverNamed,
  nextOwnershipState,
  type OwnershipEvent,
  type OwnershipState,
} from '#src/cloud/ownership-state.js'
import { expectTransitions } from '../support/transitions.js'

const states: readonly OwnershipState[] = [
  'creating',
  'migrating',
  'candidate',
  'overtaken',
  'unsettled',
  'owned',
  'fenced',
  'destroying',
  'destroyed',
]
const events: readonly OwnershipEvent[] = ['send', 'win', 'lose', 'displace', 'delete', 'destroy']

test('each event leads from each state where the table says', () => {
  expectTransitions<OwnershipState, OwnershipEvent>(
    nextOwnershipState,
    `
             send       win    lose       displace  delete      destroy
  creating   unsettled  -      -          fenced    -           destroyed
  migrating  unsettled  -      -          fenced    -           destroyed
  candidate  unsettled  -      overtaken  fenced    -           -
  overtaken  -          -      -          -         -           -
  unsettled  unsettled  owned  overtaken  fenced    -           -
  owned      -          -      -          fenced    destroying  -
  fenced     -          -      -          -         -           -
  destroying -          -      -          fenced    -           destroyed
  destroyed  -          -      -          -         -           -`,
    { isDocumented: true },
  )
})

test('only an epoch whose CLOUDMANIFEST was never sent, or lost for good, is safe to clean up', () => {
  expect(states.filter(isNeverNamed)).toEqual(['creating', 'candidate', 'overtaken'])
})

test('after a sent CLOUDMANIFEST only a settled loss allows a clean-up', () => {
  const reached = new Set<OwnershipState>(['unsettled'])
  for (let before = -1; before !== reached.size; ) {
    before = reached.size
    for (const state of reached) {
      for (const event of events.filter((name) => name !== 'lose')) {
        try {
          reached.add(nextOwnershipState(state, event))
        } catch {
          // Impossible.
        }
      }
    }
  }
  expect([...reached].filter(isNeverNamed)).toEqual([])
})
