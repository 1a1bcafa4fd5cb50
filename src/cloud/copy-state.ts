/**
 * The life of the local copy of a stored file.
 *
 * - `absent`: nothing is held.
 * - `sole`: a complete file that the store may not have yet: it can't be evicted.
 * - `cached`: a copy, in whole or in part, of what the store has.
 * - `removed`: the object is gone, or about to go: nothing is kept of it any more.
 */
export type CopyState = 'absent' | 'sole' | 'cached' | 'removed'

/**
 * - `write`: the file was completed here.
 * - `cache`: a copy begins, or one that an earlier process left was found.
 * - `adopt`: the store has it, and the local file moved into the cache.
 * - `evict`: its files leave the disk.
 * - `remove`: the object is gone, or about to go.
 */
export type CopyEvent = 'write' | 'cache' | 'adopt' | 'evict' | 'remove'

type Transitions = Readonly<Partial<Record<CopyEvent, CopyState>>>

const transitions: Readonly<Record<CopyState, Transitions>> = {
  absent: { write: 'sole', cache: 'cached', remove: 'removed' },
  sole: { adopt: 'cached', evict: 'absent', remove: 'removed' },
  cached: { evict: 'absent', remove: 'removed' },
  removed: { remove: 'removed' },
}

/** @throws Error for an event that the state does not have: a mistake in this program. */
export function nextCopyState(state: CopyState, event: CopyEvent): CopyState {
  const next = transitions[state][event]
  if (next === undefined) throw new Error(`"${event}" is impossible while a local copy is ${state}`)
  return next
}
