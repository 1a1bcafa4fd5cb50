import type { VersionEdit } from '../format/version-edit.js'
import type { LiveFamily, LiveTable } from './manifest.js'

/** Difference between a state and the one before it. */
export interface StateChange {
  /** True for the first state of a log: RocksDB opened the database, or began its MANIFEST anew. Nothing else is known. */
  readonly isBeginning: boolean
  readonly addedTables: number
  readonly removedTables: number
  /** Levels that got tables, or that lost some if none got any, in order. */
  readonly levels: readonly number[]
  readonly addedBlobFiles: number
  /** Names from the bucket: escape them before printing. */
  readonly addedFamilies: readonly string[]
  readonly droppedFamilies: readonly string[]
}

/** Collects what edits change, until they make a state. */
export class StateChanges {
  /** Levels of the tables, by number. */
  readonly #added = new Map<number, number>()
  readonly #removed = new Map<number, number>()
  #addedBlobFiles = 0
  #addedFamilies: string[] = []
  #droppedFamilies: string[] = []

  /** Call this before the edit is added to what has the column families. */
  note(
    edit: VersionEdit,
    { columnFamilies }: { readonly columnFamilies: ReadonlyMap<number, LiveFamily> },
  ): void {
    this.#addedBlobFiles += edit.newBlobFiles.length
    if (edit.addedColumnFamily !== undefined) this.#addedFamilies.push(edit.addedColumnFamily)
    if (edit.dropsColumnFamily)
      this.#droppedFamilies.push(columnFamilies.get(edit.columnFamily)?.name ?? `${edit.columnFamily}`)
  }

  /** @returns false if the table only moves to another level: it is the same file. */
  count({ number, level }: LiveTable, change: 1 | -1): boolean {
    const [there, other] = change === 1 ? [this.#added, this.#removed] : [this.#removed, this.#added]
    if (other.delete(number)) return false
    there.set(number, level)
    return true
  }

  /** Changes since the last call; undefined if files and column families are the same. */
  take(): StateChange | undefined {
    const levels = new Set((this.#added.size > 0 ? this.#added : this.#removed).values())
    const change: StateChange = {
      isBeginning: false,
      addedTables: this.#added.size,
      removedTables: this.#removed.size,
      levels: [...levels].sort((a, b) => a - b),
      addedBlobFiles: this.#addedBlobFiles,
      addedFamilies: this.#addedFamilies,
      droppedFamilies: this.#droppedFamilies,
    }
    const { addedTables, removedTables, addedBlobFiles, addedFamilies, droppedFamilies } = change
    this.#added.clear()
    this.#removed.clear()
    this.#addedBlobFiles = 0
    this.#addedFamilies = []
    this.#droppedFamilies = []
    const changes =
      addedTables + removedTables + addedBlobFiles + addedFamilies.length + droppedFamilies.length
    return changes > 0 ? change : undefined
  }
}
