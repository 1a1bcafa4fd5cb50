import { test } from 'vitest'
import { type CopyEvent, type CopyState, nextCopyState } from '#src/cloud/copy-state.js'
import { expectTransitions } from '../support/transitions.js'

test('each event leads from each state where the table says', () => {
  expectTransitions<CopyState, CopyEvent>(
    nextCopyState,
    `
          write  cache   adopt   evict   remove
  absent  sole   cached  -       -       removed
  sole    -      -       cached  absent  removed
  cached  -      -       -       absent  removed
  removed -      -       -       -       removed`,
    { isDocumented: false },
  )
})
