/**
 * The life of a table or blob file, as far as the store is concerned, while its database is open for writing. Objects
 * that earlier owners left begin as `obsolete`.
 *
 * - `sealed`: the local file is complete, and the only copy; its upload waits for its turn.
 * - `uploading`: it is on its way.
 * - `failed`: the upload failed; the next wait for uploads tries it again.
 * - `stored`: the store has it.
 * - `cancelled`: RocksDB deleted it during the upload, which still reads the local file.
 * - `obsolete`: RocksDB deleted it; readers of an older state may still use the object.
 * - `deleting`: the deletion of the object was sent.
 * - `resealed`: RocksDB wrote a file of that name anew; nothing is sent while the deletion of the old one may arrive.
 * - `deleted`: nothing is left of it.
 */
export type TableState =
  | 'sealed'
  | 'uploading'
  | 'failed'
  | 'stored'
  | 'cancelled'
  | 'obsolete'
  | 'deleting'
  | 'resealed'
  | 'deleted'

/**
 * - `seal`: RocksDB closed a file of that name.
 * - `start`: the upload has its turn.
 * - `fail`: the request under way failed; whether it took effect is unknown.
 * - `retry`: a failed upload waits for its turn again.
 * - `arrive`: the upload succeeded.
 * - `drop`: RocksDB deleted the file.
 * - `delete`: the deletion is about to be sent.
 * - `vanish`: the deletion succeeded.
 */
export type TableEvent = 'seal' | 'start' | 'fail' | 'retry' | 'arrive' | 'drop' | 'delete' | 'vanish'

type Transitions = Readonly<Partial<Record<TableEvent, TableState>>>

const transitions: Readonly<Record<TableState, Transitions>> = {
  sealed: { start: 'uploading', drop: 'obsolete' },
  uploading: { arrive: 'stored', fail: 'failed', drop: 'cancelled' },
  failed: { retry: 'sealed', drop: 'obsolete' },
  stored: { drop: 'obsolete' },
  cancelled: { arrive: 'obsolete', fail: 'obsolete' },
  obsolete: { seal: 'sealed', delete: 'deleting' },
  deleting: { seal: 'resealed', vanish: 'deleted', fail: 'obsolete' },
  resealed: { vanish: 'sealed', fail: 'sealed', drop: 'deleting' },
  deleted: {},
}

export const tableStates = Object.keys(transitions) as readonly TableState[]

/** @throws Error for an event that the state does not have: a mistake in this program. */
export function nextTableState(state: TableState, event: TableEvent): TableState {
  const next = transitions[state][event]
  if (next === undefined) throw new Error(`"${event}" is impossible while a table is ${state}`)
  return next
}
