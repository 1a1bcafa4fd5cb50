import { EnvError } from '../env/env-error.js'
import { corruption } from '../format/corruption.js'
import {
  type BlobGarbage,
  maxEntries,
  type NewBlobFile,
  type NewTable,
  type VersionEdit,
} from '../format/version-edit.js'
import { type PlacedEdit, type VersionEditsOptions, versionEdits } from './version-edits.js'

/** State of a MANIFEST after all its edits: the files that make up the database. */
export interface Manifest {
  /** Column families by id; 0 is `default`. */
  readonly columnFamilies: ReadonlyMap<number, LiveFamily>
  /** Live tables by file number, over all column families. */
  readonly liveTables: ReadonlyMap<number, LiveTable>
  readonly liveBlobFiles: ReadonlyMap<number, LiveBlobFile>
  readonly dbId: string | undefined
  /** Next-file-number of the last edit that has one. A new epoch starts here. */
  readonly lastNextFileNumber: number
  readonly lastSequence: number
  readonly minLogNumberToKeep: number
  /**
   * Bytes of the file up to the end of the last edit that counts. A torn edit or the beginning of an atomic group may
   * follow: cut it off before appending.
   */
  readonly length: number
}

export interface LiveFamily {
  readonly id: number
  readonly name: string
  readonly comparator: string | undefined
  /** Write-ahead logs below this number hold nothing that the column family still needs. */
  readonly logNumber: number
}

/** Its keys are views of the MANIFEST's bytes. */
export interface LiveTable extends NewTable {
  readonly columnFamily: number
  /** Offset in the MANIFEST of the edit that put the table there: the last one, if the table moved between levels. */
  readonly editOffset: number
}

export interface LiveBlobFile extends NewBlobFile {
  readonly columnFamily: number
}

export interface ReadManifestOptions extends Pick<VersionEditsOptions, 'name' | 'tail'> {
  /** Limit on what is held, counted as for {@link maxEntries}, which is the default. */
  readonly limit?: number
}

/**
 * Throws Corruption, with the byte offset, where RocksDB 7.8 to 10 would refuse to open the database or would end the
 * process; NotSupported if too much has to be held.
 */
export function readManifest(
  bytes: Uint8Array,
  { name = 'MANIFEST', tail = 'recover', limit = maxEntries }: ReadManifestOptions = {},
): Manifest {
  const builder = new ManifestBuilder(name, limit)
  for (const placed of versionEdits(bytes, { name, tail, limit })) builder.add(placed)
  return builder.build({ tail })
}

/** Called for each table that an edit adds, with 1, or removes, with -1. A table that moves is removed and added. */
export type OnTable = (table: LiveTable, change: 1 | -1) => void

interface BlobFile extends LiveBlobFile {
  garbageCount: number
  garbageBytes: number
}

/** Does the same as {@link readManifest}, for callers that look at each edit as well. Unusable once it has thrown. */
export class ManifestBuilder {
  readonly #name: string
  readonly #limit: number
  readonly #columnFamilies = new Map<number, LiveFamily>([
    [0, { id: 0, name: 'default', comparator: undefined, logNumber: 0 }],
  ])
  /** Names of the present column families. */
  readonly #familyNames = new Set(['default'])
  readonly #tables: FamilyFiles<LiveTable>
  readonly #blobFiles = new FamilyFiles<BlobFile>()
  /** Number of blob files that became garbage from end to end since such files were last forgotten. */
  #garbageFiles = 0
  #hasForgotten = false
  /** Edits of an atomic group that is not complete yet. */
  #group: PlacedEdit[] = []
  #groupEntries = 0
  #length = 0
  #dbId: string | undefined
  #nextFileNumber: number | undefined
  #lastSequence: number | undefined
  #sawLogNumber = false
  #minLogNumberToKeep = 0

  constructor(name: string, limit = maxEntries, onTable?: OnTable) {
    this.#name = name
    this.#limit = limit
    this.#tables = new FamilyFiles(onTable)
  }

  /** True once {@link build} has enough to open a database. */
  get isComplete(): boolean {
    return this.#nextFileNumber !== undefined && this.#lastSequence !== undefined && this.#sawLogNumber
  }

  /** Sequence number of the last edit that has one. */
  get lastSequence(): number {
    return this.#lastSequence ?? 0
  }

  /** See {@link Manifest.lastNextFileNumber}; 0 if no edit has one. */
  get nextFileNumber(): number {
    return this.#nextFileNumber ?? 0
  }

  get columnFamilies(): ReadonlyMap<number, LiveFamily> {
    return this.#columnFamilies
  }

  /** Reports whether a blob file is garbage from end to end, or not there at all. */
  isGarbage(blobFile: number): boolean {
    const file = this.#blobFiles.byNumber.get(blobFile)
    return file === undefined || isGarbage(file)
  }

  /** Throws Corruption if the edit contradicts earlier ones, NotSupported if it is too much together with them. */
  add(placed: PlacedEdit): void {
    const { edit, start, end } = placed
    const rest = this.#group.at(-1)?.edit.remainingInGroup
    if (rest !== undefined && edit.remainingInGroup !== rest - 1) {
      throw corruption(this.#name, start, 'an atomic group is interrupted')
    }
    this.#group.push(placed)
    this.#groupEntries += entriesOf(edit)
    const blobFiles = this.#blobFiles.byNumber.size - this.#garbageFiles
    const held = this.#tables.byNumber.size + blobFiles + this.#columnFamilies.size
    if (held + this.#groupEntries > this.#limit) {
      const message = `${this.#name} has more than ${this.#limit} files at byte ${start}, more than is read here`
      throw new EnvError('NotSupported', message)
    }
    if (edit.remainingInGroup) return
    for (const member of this.#group) this.#apply(member.edit, member.start)
    if (this.#garbageFiles > this.#limit / 10) this.#forgetGarbage()
    this.#length = end
    this.#group = []
    this.#groupEntries = 0
  }

  /** State after all edits. Throws Corruption if that is not enough to open a database. */
  build({ tail }: Required<Pick<ReadManifestOptions, 'tail'>>): Manifest {
    if (this.#group.length > 0 && tail === 'strict')
      throw corruption(this.#name, this.#length, 'an atomic group is incomplete')
    const [nextFileNumber, lastSequence] = [this.#nextFileNumber, this.#lastSequence]
    if (nextFileNumber === undefined || lastSequence === undefined || !this.#sawLogNumber) {
      throw corruption(
        this.#name,
        this.#length,
        'it lacks a log number, a next file number or a last sequence number',
      )
    }
    return {
      columnFamilies: this.#columnFamilies,
      liveTables: this.#tables.byNumber,
      liveBlobFiles: this.#liveBlobFiles(),
      dbId: this.#dbId,
      lastNextFileNumber: nextFileNumber,
      lastSequence,
      minLogNumberToKeep: this.#minLogNumberToKeep,
      length: this.#length,
    }
  }

  #apply(edit: VersionEdit, offset: number): void {
    const fail = (reason: string) => corruption(this.#name, offset, reason)
    if (edit.addedColumnFamily !== undefined) this.#addColumnFamily(edit, edit.addedColumnFamily, fail)
    else if (edit.dropsColumnFamily) this.#dropColumnFamily(edit, fail)
    else this.#applyFiles(edit, offset, fail)
    this.#applyNumbers(edit)
  }

  #addColumnFamily(edit: VersionEdit, name: string, fail: (reason: string) => Error): void {
    const id = edit.columnFamily
    // This holds for `default` as well: RocksDB adds it by itself, and writes no edit that does.
    if (this.#columnFamilies.has(id)) throw fail(`column family ${id} is added twice`)
    if (this.#familyNames.has(name)) throw fail(`column family ${id} has the name of another`)
    const { comparator, logNumber = 0 } = edit
    this.#columnFamilies.set(id, { id, name, comparator, logNumber })
    this.#familyNames.add(name)
  }

  #dropColumnFamily(edit: VersionEdit, fail: (reason: string) => Error): void {
    const id = edit.columnFamily
    const family = this.#columnFamilies.get(id)
    if (family === undefined) throw fail(`column family ${id} is dropped but not there`)
    if (id === 0) throw fail('the column family "default" is dropped')
    this.#columnFamilies.delete(id)
    this.#familyNames.delete(family.name)
    this.#tables.deleteFamily(id)
    this.#blobFiles.deleteFamily(id)
  }

  #applyFiles(edit: VersionEdit, offset: number, fail: (reason: string) => Error): void {
    const columnFamily = edit.columnFamily
    const family = this.#columnFamilies.get(columnFamily)
    if (family === undefined) throw fail(`column family ${columnFamily} is unknown`)
    const { comparator = family.comparator, logNumber = 0 } = edit
    this.#columnFamilies.set(columnFamily, {
      ...family,
      comparator,
      logNumber: Math.max(family.logNumber, logNumber),
    })

    for (const file of edit.newBlobFiles) {
      const { number } = file
      if (this.#blobFiles.byNumber.has(number)) throw fail(`blob file ${number} is added twice`)
      this.#blobFiles.add({ ...file, columnFamily, garbageCount: 0, garbageBytes: 0 })
      if (file.blobCount === 0) this.#garbageFiles += 1
    }
    for (const garbage of edit.blobGarbage) this.#addGarbage(garbage, fail)
    for (const { number, level } of edit.deletedTables) {
      const table = this.#tables.byNumber.get(number)
      if (table?.columnFamily !== columnFamily || table.level !== level) {
        throw fail(`table ${number} is deleted from level ${level} but is not there`)
      }
      this.#tables.delete(table)
    }
    for (const table of edit.newTables) {
      const { number } = table
      if (this.#tables.byNumber.has(number)) throw fail(`table ${number} is added twice`)
      this.#tables.add({ ...table, columnFamily, editOffset: offset })
    }
  }

  #addGarbage({ number, blobCount, blobBytes }: BlobGarbage, fail: (reason: string) => Error): void {
    const file = this.#blobFiles.byNumber.get(number)
    if (file === undefined) {
      // RocksDB could still add garbage of zero blobs to a forgotten file.
      if (this.#hasForgotten && blobCount === 0) return
      throw fail(`blob file ${number} has garbage but is not there`)
    }
    const wasGarbage = isGarbage(file)
    file.garbageCount += blobCount
    file.garbageBytes += blobBytes
    if (file.garbageCount > file.blobCount || file.garbageBytes > file.blobBytes)
      throw fail(`blob file ${number} has more garbage than blobs`)
    if (!wasGarbage && isGarbage(file)) this.#garbageFiles += 1
  }

  /**
   * Over the life of a database, far more blob files become garbage than it ever has at a time, and no edit mentions
   * them after that. Forgetting them now and then, rather than at once, takes little time and a tenth more memory.
   */
  #forgetGarbage(): void {
    const { linked } = this.#linkedBlobFiles()
    for (const file of this.#blobFiles.byNumber.values())
      if (isGarbage(file) && !linked.has(file.number)) this.#blobFiles.delete(file)
    this.#garbageFiles = 0
    this.#hasForgotten = true
  }

  #applyNumbers(edit: VersionEdit): void {
    this.#dbId = edit.dbId ?? this.#dbId
    this.#nextFileNumber = edit.nextFileNumber ?? this.#nextFileNumber
    this.#lastSequence = edit.lastSequence ?? this.#lastSequence
    this.#sawLogNumber ||= edit.logNumber !== undefined
    this.#minLogNumberToKeep = Math.max(this.#minLogNumberToKeep, edit.minLogNumberToKeep ?? 0)
  }

  /**
   * Blob files that RocksDB keeps when it opens: in each column family those from the oldest that a table points to
   * onward, except those that no table points to and that are garbage from end to end.
   */
  #liveBlobFiles(): Map<number, LiveBlobFile> {
    const { linked, oldest } = this.#linkedBlobFiles()
    const live = new Map<number, LiveBlobFile>()
    for (const blobFile of this.#blobFiles.byNumber.values()) {
      const { garbageCount: _, garbageBytes: __, ...file } = blobFile
      const inRange = file.number >= (oldest.get(file.columnFamily) ?? Infinity)
      const holdsData = linked.has(file.number) || !isGarbage(blobFile)
      if (inRange && holdsData) live.set(file.number, file)
    }
    return live
  }

  /** Blob files that a table points to, and the oldest of them in each column family. */
  #linkedBlobFiles(): { readonly linked: ReadonlySet<number>; readonly oldest: ReadonlyMap<number, number> } {
    const linked = new Set<number>()
    const oldest = new Map<number, number>()
    for (const { columnFamily, oldestBlobFile } of this.#tables.byNumber.values()) {
      if (oldestBlobFile === undefined || !this.#blobFiles.byNumber.has(oldestBlobFile)) continue
      linked.add(oldestBlobFile)
      oldest.set(columnFamily, Math.min(oldest.get(columnFamily) ?? Infinity, oldestBlobFile))
    }
    return { linked, oldest }
  }
}

function isGarbage({ garbageCount, blobCount }: BlobFile): boolean {
  return garbageCount >= blobCount
}

/** Number of entries: the edit itself, and its items of any unbounded kind. */
function entriesOf(edit: VersionEdit): number {
  const { deletedTables, newTables, newBlobFiles, blobGarbage, compactCursors, addedWals } = edit
  const lists = [deletedTables, newTables, newBlobFiles, blobGarbage, compactCursors, addedWals]
  return lists.reduce((sum, list) => sum + list.length, 1)
}

/** Files that can be dropped with their column family at once, however many files other families have. */
class FamilyFiles<File extends { readonly number: number; readonly columnFamily: number }> {
  readonly #byNumber = new Map<number, File>()
  readonly #numbers = new Map<number, Set<number>>()
  readonly #onChange: ((file: File, change: 1 | -1) => void) | undefined

  constructor(onChange?: (file: File, change: 1 | -1) => void) {
    this.#onChange = onChange
  }

  get byNumber(): ReadonlyMap<number, File> {
    return this.#byNumber
  }

  add(file: File): void {
    const { number, columnFamily } = file
    this.#byNumber.set(number, file)
    const numbers = this.#numbers.get(columnFamily)
    if (numbers) numbers.add(number)
    else this.#numbers.set(columnFamily, new Set([number]))
    this.#onChange?.(file, 1)
  }

  delete(file: File): void {
    this.#byNumber.delete(file.number)
    this.#numbers.get(file.columnFamily)?.delete(file.number)
    this.#onChange?.(file, -1)
  }

  deleteFamily(id: number): void {
    for (const number of this.#numbers.get(id) ?? []) {
      const file = this.#byNumber.get(number)!
      this.#byNumber.delete(number)
      this.#onChange?.(file, -1)
    }
    this.#numbers.delete(id)
  }
}
