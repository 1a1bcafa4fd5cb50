import { objectKey } from '../catalog/database-place.js'
import type { StoredFile } from '../catalog/stored-file.js'
import type { EnvError } from '../env/env-error.js'
import type { ObjectKey } from '../store/object-store.js'
import { nextTableState, type TableEvent, type TableState } from './table-state.js'

/** A table or blob file in one stage of its life, or an object that earlier owners left. */
export class Table {
  readonly key: ObjectKey
  /** Undefined for an object that earlier owners left. */
  file: StoredFile | undefined
  /** Last upload, unless the store has the file. */
  upload: Upload | undefined
  /** Last answer with which the store refused it. */
  refusal: EnvError | undefined
  /** Deletion under way, until it has failed or not. Never rejects. */
  deletion: Promise<void> | undefined
  /** Elapsed time of the clock at which it may be deleted; undefined while nobody knows. */
  dueAtMs: number | undefined
  /** Elapsed time of the clock since which no other state of the database is known to need it. */
  unneededAtMs: number | undefined
  #state: TableState

  constructor(key: ObjectKey, state: TableState, file?: StoredFile) {
    this.key = key
    this.#state = state
    this.file = file
  }

  get state(): TableState {
    return this.#state
  }

  /** @throws Error for an event that its state does not have. */
  on(event: TableEvent): void {
    this.#state = nextTableState(this.#state, event)
  }
}

export interface Upload {
  readonly abort: AbortController
  /** Never rejects: the failure, or undefined when the file is in the store. */
  readonly outcome: Promise<EnvError | undefined>
}

/** States of a table on its way into the store: its only copy is the local file. */
const pendingStates: ReadonlySet<TableState> = new Set(['sealed', 'resealed', 'uploading', 'failed'])
/** States of an object that leaves the store, or may. */
const leavingStates: ReadonlySet<TableState> = new Set(['cancelled', 'obsolete', 'deleting', 'resealed'])

/** The tables and blob files of one database while it is open for writing, each in one {@link TableState}. */
export class Tables {
  /** Those that RocksDB has, by the name that it knows. */
  readonly #live = new Map<string, Table>()
  readonly #pending = new Set<Table>()
  readonly #leaving = new Map<ObjectKey, Table>()

  /** @param stored files that the store has, by the name that RocksDB knows. */
  constructor(stored: ReadonlyMap<string, StoredFile>) {
    for (const [name, file] of stored)
      this.#live.set(name, new Table(objectKey(file.place, file.objectName), 'stored', file))
  }

  names(): Iterable<string> {
    return this.#live.keys()
  }

  /** Those that RocksDB has. */
  values(): Iterable<Table> {
    return this.#live.values()
  }

  /** File that RocksDB has; undefined: none of that name. */
  live(name: string): Table | undefined {
    return this.#live.get(name)
  }

  /** Those on their way into the store, in the order in which they were sealed. */
  get pending(): ReadonlySet<Table> {
    return this.#pending
  }

  /** Those on their way out of the store, by key. */
  get leaving(): ReadonlyMap<ObjectKey, Table> {
    return this.#leaving
  }

  /** RocksDB completed a file. The name may be that of one that it deleted before. */
  seal(name: string, file: StoredFile): Table {
    const key = objectKey(file.place, file.objectName)
    const known = this.#leaving.get(key)
    const table = known ?? new Table(key, 'sealed')
    table.file = file
    table.dueAtMs = undefined
    table.unneededAtMs = undefined
    this.#live.set(name, table)
    if (known) this.on(known, 'seal')
    else this.#sort(table)
    return table
  }

  /** RocksDB deleted a file that it has. */
  drop(name: string): Table {
    const table = this.#live.get(name)
    if (!table) throw new Error(`${name} is no live table`)
    this.#live.delete(name)
    this.on(table, 'drop')
    return table
  }

  /** An object that no state of the database leads to. */
  inherit(key: ObjectKey): Table {
    const known = this.#leaving.get(key)
    if (known) return known
    const table = new Table(key, 'obsolete')
    this.#sort(table)
    return table
  }

  /** The object is left to others. */
  forget(table: Table): void {
    this.#leaving.delete(table.key)
  }

  on(table: Table, event: TableEvent): void {
    table.on(event)
    this.#sort(table)
  }

  #sort(table: Table): void {
    if (pendingStates.has(table.state)) this.#pending.add(table)
    else this.#pending.delete(table)
    if (leavingStates.has(table.state)) this.#leaving.set(table.key, table)
    else this.#leaving.delete(table.key)
  }
}
