import type { CloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import type { VersionEdit } from '../format/version-edit.js'
import { BlobLinks } from './blob-links.js'
import { Breath } from './decode-manifest.js'
import type { FetchedLog, HistoryLog, LoggedHistory } from './history-logs.js'
import { type LiveTable, ManifestBuilder } from './manifest.js'
import { type StateChange, StateChanges } from './state-changes.js'
import type { StoredFile } from './stored-file.js'
import { type PlacedEdit, versionEdits } from './version-edits.js'

/** A state that the database had: its MANIFEST was this beginning of a log. */
export interface HistoryState {
  readonly epoch: Epoch
  /** Last part of the key of the log. */
  readonly manifestObject: string
  /** Bytes of the log that were the MANIFEST. */
  readonly manifestLength: number
  /**
   * Time of the commit, by the store's clock, as well as its objects tell. A state that adds files was committed after
   * the newest of them was written, as a rule within moments: this is when it was written. A state that adds none, or
   * whose files are gone, has no such witness: this is when it was committed at the latest. Undefined: nothing that is
   * left tells.
   */
  readonly time: Date | undefined
  /** Time before which it was not committed, which is earlier if it has no witness. */
  readonly notBefore: Date | undefined
  /** No write in it has a higher sequence number. */
  readonly sequence: number
  readonly tables: number
  /** Bytes of the tables. */
  readonly bytes: number
  readonly columnFamilies: number
  /** Number of tables that are gone, or have another size than they had. */
  readonly missingTables: number
  /** True if everything that it needs is there. */
  readonly isOpenable: boolean
  readonly change: StateChange
}

/**
 * States of a log, oldest first: one for each edit, or atomic group, that changes the files or the column families.
 * Takes time for each edit and each file, and memory for one state.
 * @throws EnvError Corruption, NotSupported: at the first edit that cannot be read.
 */
export async function* statesOf(
  { log, content }: FetchedLog,
  { objects, firstWrittenFrom }: Pick<LoggedHistory, 'objects' | 'firstWrittenFrom'>,
): AsyncGenerator<HistoryState> {
  if (content.oversized) throw content.oversized
  const walk = new LogWalk(log, content.url, objects, firstWrittenFrom)
  const breath = new Breath()
  try {
    for (const placed of versionEdits(content.object.body, { name: content.url })) {
      if (isBeyond(placed.edit, log)) break
      yield* walk.add(placed)
      if (breath.isDue(placed.end)) await breath.at(placed.end)
    }
  } catch (error) {
    yield* walk.end()
    throw error
  }
  yield* walk.end()
}

/** Reports whether the edit was written after the epoch had ended. */
function isBeyond(
  { nextFileNumber = 0, newTables, newBlobFiles }: VersionEdit,
  { end }: HistoryLog,
): boolean {
  if (end === undefined) return false
  return nextFileNumber > end || [...newTables, ...newBlobFiles].some(({ number }) => number >= end)
}

/** One pass over a log. */
class LogWalk {
  readonly #log: HistoryLog
  readonly #objects: ReadonlyMap<string, StoredFile>
  readonly #firstWrittenFrom: (number: number) => Date | undefined
  readonly #builder: ManifestBuilder
  readonly #changes = new StateChanges()
  readonly #blobLinks = new BlobLinks()
  /** Column families of missing blob files, by number. One that no later state can need is left out. */
  readonly #missingBlobFiles = new Map<number, number>()
  #tables = 0
  #bytes = 0
  #missingTables = 0
  #time: Date | undefined
  /** The first state, as long as further edits of its commit may follow. */
  #first: { readonly state: HistoryState; readonly edit: VersionEdit } | undefined
  #hasBegun = false
  /** True if the store has a file that the edits since the last state add. */
  #hasWitness = false

  constructor(
    log: HistoryLog,
    name: string,
    objects: ReadonlyMap<string, StoredFile>,
    firstWrittenFrom: (number: number) => Date | undefined,
  ) {
    this.#log = log
    this.#objects = objects
    this.#firstWrittenFrom = firstWrittenFrom
    this.#builder = new ManifestBuilder(name, undefined, (table, change) => this.#onTable(table, change))
    this.#time = log.notBefore
  }

  /** @returns the states that are complete now. */
  add(placed: PlacedEdit): HistoryState[] {
    const { edit, end } = placed
    this.#changes.note(edit, this.#builder)
    this.#builder.add(placed)
    for (const { number } of edit.newBlobFiles) this.#addBlobFile(number, edit.columnFamily)
    // RocksDB begins a MANIFEST with edits that are not complete before the last of them.
    if (edit.remainingInGroup || !this.#builder.isComplete) return []
    const change = this.#changes.take()
    const hasWitness = this.#hasWitness
    this.#hasWitness = false
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#first = { edit, state: this.#state(end, beginning) }
      return []
    }
    if (!change) return []
    const first = this.#first
    if (first && isOfSameCommit(first.edit, edit, change)) {
      this.#first = { edit, state: this.#state(end, beginning) }
      return []
    }
    const notBefore = this.#time
    if (!hasWitness) this.#settleTime()
    return [...this.end(), { ...this.#state(end, change), notBefore }]
  }

  /** @returns what is complete now that no edit follows. */
  end(): HistoryState[] {
    const first = this.#first
    this.#first = undefined
    return first ? [first.state] : []
  }

  #onTable(table: LiveTable, change: 1 | -1): void {
    const stored = this.#find('table', table.number)
    this.#tables += change
    this.#bytes += change * table.size
    if (stored?.size !== table.size) this.#missingTables += change
    this.#blobLinks.count(table, change)
    const isFile = this.#changes.count(table, change)
    if (change === 1 && isFile) this.#witness(stored)
  }

  #addBlobFile(number: number, columnFamily: number): void {
    const stored = this.#find('blob', number)
    if (!stored) this.#missingBlobFiles.set(number, columnFamily)
    this.#witness(stored)
  }

  #witness(file: StoredFile | undefined): void {
    this.#hasWitness ||= file !== undefined
    this.#notBefore(file?.modified)
  }

  /** No file that the state adds dates it: the next one that was written does. */
  #settleTime(): void {
    this.#notBefore(this.#firstWrittenFrom(this.#builder.nextFileNumber) ?? this.#log.notAfter)
  }

  #notBefore(time: Date | undefined): void {
    const { notAfter } = this.#log
    if (!time || (this.#time && time <= this.#time)) return
    // An object that was brought back is younger than the state that needs it.
    this.#time = time < notAfter ? time : notAfter
  }

  #find(kind: 'table' | 'blob', number: number): StoredFile | undefined {
    return this.#objects.get(nameIn(this.#log.cloudManifest, kind, number))
  }

  #state(manifestLength: number, change: StateChange): HistoryState {
    return {
      epoch: this.#log.epoch,
      manifestObject: this.#log.objectName,
      manifestLength,
      time: this.#time,
      notBefore: this.#time,
      sequence: this.#builder.lastSequence,
      tables: this.#tables,
      bytes: this.#bytes,
      columnFamilies: this.#builder.columnFamilies.size,
      missingTables: this.#missingTables,
      isOpenable: this.#missingTables === 0 && !this.#lacksBlobFile(),
      change,
    }
  }

  #lacksBlobFile(): boolean {
    for (const [number, columnFamily] of this.#missingBlobFiles) {
      if (this.#blobLinks.isNeeded(number, columnFamily, this.#builder)) return true
      this.#missingBlobFiles.delete(number)
    }
    return false
  }
}

const beginning: StateChange = {
  isBeginning: true,
  addedTables: 0,
  removedTables: 0,
  levels: [],
  addedBlobFiles: 0,
  addedFamilies: [],
  droppedFamilies: [],
}

/**
 * Recovery writes an edit for each column family, at once: the state between two of them never was. All have the same
 * numbers, and only add tables.
 */
function isOfSameCommit(first: VersionEdit, edit: VersionEdit, change: StateChange): boolean {
  const hasSameNumbers =
    edit.nextFileNumber === first.nextFileNumber && edit.lastSequence === first.lastSequence
  const { removedTables, addedFamilies, droppedFamilies } = change
  return hasSameNumbers && removedTables + addedFamilies.length + droppedFamilies.length === 0
}

function nameIn(cloudManifest: CloudManifest, kind: 'table' | 'blob', number: number): string {
  return objectName({ kind, number, epoch: epochOf(cloudManifest, number) })
}
