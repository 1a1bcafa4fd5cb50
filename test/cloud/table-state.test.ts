import { expect, test } from 'vitest'
import { nextTableState, type TableEvent, type TableState } from '#src/cloud/table-state.js'
import { expectTransitions } from '../support/transitions.js'

const drawing = `
            seal      start      fail      retry   arrive    drop       delete    vanish
  sealed    -         uploading  -         -       -         obsolete   -         -
  uploading -         -          failed    -       stored    cancelled  -         -
  failed    -         -          -         sealed  -         obsolete   -         -
  stored    -         -          -         -       -         obsolete   -         -
  cancelled -         -          obsolete  -       obsolete  -          -         -
  obsolete  sealed    -          -         -       -         -          deleting  -
  deleting  resealed  -          obsolete  -       -         -          -         deleted
  resealed  -         -          sealed    -       -         deleting   -         sealed
  deleted   -         -          -         -       -         -          -         -`

test('each event leads from each state where the table says', () => {
  expectTransitions<TableState, TableEvent>(nextTableState, drawing, { isDocumented: true })
})

test('only dropped files can be deleted, and not those wanted again before', () => {
  const events = drawing.trim().split('\n')[0]!.trim().split(/ +/) as TableEvent[]
  const reached = new Set<TableState>(['sealed', 'stored'])
  for (const state of reached) {
    for (const event of events.filter((name) => name !== 'drop')) {
      try {
        reached.add(nextTableState(state, event))
      } catch {
        // Impossible.
      }
    }
  }
  expect([...reached].sort()).toEqual(['failed', 'sealed', 'stored', 'uploading'])
})
