import { EnvError } from '../env/env-error.js'
import { ByteReader, maxTextBytes } from './byte-reader.js'
import { corruption } from './corruption.js'
import { exactText } from './exact-text.js'
import { decodeInternalKey, type InternalKey } from './internal-key.js'
import { decodeVarint } from './varint.js'
import { editTag, ignorableTagBit } from './version-edit-tag.js'

/**
 * One record of a MANIFEST: a change to the set of files that make up a database. Covers the formats that RocksDB 7.8
 * to 9 writes. Fields that do not affect which files are live are left out if their form is unknown: opening the
 * database does not need them.
 */
export interface VersionEdit {
  /** Column family that the edit is about; 0 if it names none. */
  readonly columnFamily: number
  /** Name of the column family that the edit creates. */
  readonly addedColumnFamily?: string
  readonly dropsColumnFamily: boolean
  readonly maxColumnFamily?: number
  readonly comparator?: string
  readonly dbId?: string
  /** Write-ahead logs below this number hold nothing that the column family still needs. */
  readonly logNumber?: number
  readonly prevLogNumber?: number
  readonly minLogNumberToKeep?: number
  readonly nextFileNumber?: number
  readonly lastSequence?: number
  /** Start of the next compaction of each level. */
  readonly compactCursors: readonly CompactCursor[]
  /** Deletions come before additions: a table that moves to another level is in both. */
  readonly deletedTables: readonly DeletedTable[]
  readonly newTables: readonly NewTable[]
  readonly newBlobFiles: readonly NewBlobFile[]
  readonly blobGarbage: readonly BlobGarbage[]
  /** Write-ahead logs that were created, or synced up to a size. */
  readonly addedWals: readonly AddedWal[]
  /** Write-ahead logs below this number are gone. */
  readonly deletedWalsBelow?: number
  /** A user-defined timestamp: older data may have been collapsed. */
  readonly fullHistoryTimestampLow?: Uint8Array
  /** True if tables store user-defined timestamps. */
  readonly persistsTimestamps?: boolean
  /** Number of edits still to come in an atomic group. */
  readonly remainingInGroup?: number
}

export interface DeletedTable {
  readonly number: number
  readonly level: number
}

export interface NewTable {
  readonly number: number
  readonly level: number
  /** Bytes. */
  readonly size: number
  /** Index in `db_paths`, from 0. */
  readonly pathId: number
  readonly smallest: InternalKey
  readonly largest: InternalKey
  /** Unknown in edits of the oldest RocksDBs. */
  readonly smallestSequence?: bigint
  readonly largestSequence?: bigint
  readonly isMarkedForCompaction: boolean
  /** Oldest blob file that the table points into. */
  readonly oldestBlobFile?: number
  /** Seconds since 1970; 0 is unknown. */
  readonly oldestAncestorTime?: number
  /** Seconds since 1970; 0 is unknown. */
  readonly fileCreationTime?: number
  readonly fileChecksum?: Uint8Array
  readonly fileChecksumFunction?: string
  /** RocksDB's `enum class Temperature`. */
  readonly temperature?: number
  /** Orders the tables of level 0: a higher number has newer data. */
  readonly epochNumber?: number
  /** RocksDB's internal unique id, as two numbers of 64 bits. */
  readonly uniqueId?: readonly [bigint, bigint]
  /** Estimate of the bytes that range deletions in this table delete in the levels below. */
  readonly compensatedRangeDeletionSize?: number
  /** Bytes after the data blocks. */
  readonly tailSize?: number
  /** True if the table stores user-defined timestamps. */
  readonly persistsTimestamps: boolean
}

export interface CompactCursor {
  readonly level: number
  readonly key: InternalKey
}

export interface AddedWal {
  readonly number: number
  readonly syncedBytes?: number
}

export interface NewBlobFile {
  readonly number: number
  readonly blobCount: number
  /**
   * Bytes of all blobs, each with its 32-byte header and its key. The header and footer of the file are not included.
   */
  readonly blobBytes: number
  readonly checksumMethod?: string
  readonly checksum?: Uint8Array
}

export interface BlobGarbage {
  readonly number: number
  readonly blobCount: number
  readonly blobBytes: number
}

/** Counterpart in the customized fields of tables and blob files: this bit forbids skipping. */
const requiredFieldBit = 1 << 6
const endOfTableFields = 1
const endOfBlobFields = 0
const endOfWalFields = 1

type Draft = { -readonly [K in keyof VersionEdit]: VersionEdit[K] } & {
  deletedTables: DeletedTable[]
  newTables: NewTable[]
  newBlobFiles: NewBlobFile[]
  blobGarbage: BlobGarbage[]
  compactCursors: CompactCursor[]
  addedWals: AddedWal[]
}

type FieldDecoder = (reader: ByteReader, edit: Draft) => void

const fields: ReadonlyMap<number, FieldDecoder> = new Map<number, FieldDecoder>([
  [1, (reader, edit) => (edit.comparator = reader.prefixedText('the comparator'))],
  [2, (reader, edit) => (edit.logNumber = reader.varint64('the log number'))],
  [editTag.nextFileNumber, (reader, edit) => (edit.nextFileNumber = reader.varint64('the next file number'))],
  [4, (reader, edit) => (edit.lastSequence = reader.varint64('the last sequence number'))],
  [5, (reader, edit) => edit.compactCursors.push(decodeCompactCursor(reader))],
  [editTag.deletedTable, (reader, edit) => edit.deletedTables.push(decodeDeletedTable(reader))],
  [7, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 1))],
  [9, (reader, edit) => (edit.prevLogNumber = reader.varint64('the previous log number'))],
  [10, (reader, edit) => (edit.minLogNumberToKeep = reader.varint64('the lowest log number to keep'))],
  [editTag.sequencedTable, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 2))],
  [102, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 3))],
  [103, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 4))],
  [200, (reader, edit) => (edit.columnFamily = reader.varint32('the column family'))],
  [201, (reader, edit) => (edit.addedColumnFamily = reader.prefixedText('the column family name'))],
  [202, (_reader, edit) => (edit.dropsColumnFamily = true)],
  [203, (reader, edit) => (edit.maxColumnFamily = reader.varint32('the highest column family'))],
  [300, (reader, edit) => (edit.remainingInGroup = reader.varint32('the rest of the atomic group'))],
  [400, (reader, edit) => edit.newBlobFiles.push(decodeNewBlobFile(reader))],
  [401, (reader, edit) => edit.blobGarbage.push(decodeBlobGarbage(reader))],
  [editTag.dbId, (reader, edit) => (edit.dbId = reader.prefixedText('the database id'))],
  // Early spellings of 400 and 401, and of write-ahead log facts, that carry no length to skip by.
  [ignorableTagBit + 2, (reader, edit) => edit.newBlobFiles.push(decodeNewBlobFile(reader))],
  [ignorableTagBit + 3, (reader, edit) => edit.blobGarbage.push(decodeBlobGarbage(reader))],
  [ignorableTagBit + 4, (reader, edit) => edit.addedWals.push(decodeAddedWal(reader))],
  [ignorableTagBit + 5, (reader, edit) => (edit.deletedWalsBelow = reader.varint64('a deleted log'))],
])

/** Fields that have a length and do not affect which files are live. */
const ignorableFields: ReadonlyMap<number, (field: Uint8Array, edit: Draft) => void> = new Map([
  [ignorableTagBit + 6, (field: Uint8Array, edit: Draft) => (edit.fullHistoryTimestampLow = field)],
  [ignorableTagBit + 7, ignorableAddedWal],
  [ignorableTagBit + 8, ignorableDeletedWals],
  [ignorableTagBit + 9, (field: Uint8Array, edit: Draft) => (edit.persistsTimestamps = field[0] === 1)],
])

/**
 * Limit on what is held of a MANIFEST: files, column families, and the fields of an edit. A field of 3 bytes takes some
 * 100 bytes of memory, a table some 1,300, so this many take at most 650 MB, and a command that looks for the tables
 * takes about twice that. With tables of 64 MiB, this is a database of 30 TB.
 */
export const maxEntries = 500_000

/**
 * Decodes an edit. `offset` is the start of the record in the MANIFEST that errors call `name`.
 * @throws EnvError Corruption; NotSupported: it has more than `most` fields.
 */
export function decodeVersionEdit(
  payload: Uint8Array,
  offset: number,
  name: string,
  most = maxEntries,
): VersionEdit {
  const edit: Draft = {
    columnFamily: 0,
    dropsColumnFamily: false,
    deletedTables: [],
    newTables: [],
    newBlobFiles: [],
    blobGarbage: [],
    compactCursors: [],
    addedWals: [],
  }
  const reader = new ByteReader(payload, (reason) => corruption(name, offset, reason))
  for (let read = 0; !reader.done; read++) {
    if (read >= most) {
      const message = `${name} has an edit at byte ${offset} with more than ${most} fields, more than is read here`
      throw new EnvError('NotSupported', message)
    }
    const tag = reader.varint32('a tag')
    const decode = fields.get(tag)
    if (decode) decode(reader, edit)
    else if (tag & ignorableTagBit) {
      const field = reader.prefixedBytes(`the field of tag ${tag}`)
      ignorableFields.get(tag)?.(field, edit)
    } else
      throw reader.fail(`tag ${tag} is unknown: something other than RocksDB 7.8 to 9 wrote this MANIFEST`)
  }
  return edit
}

function decodeDeletedTable(reader: ByteReader): DeletedTable {
  return { level: reader.varint32('a level'), number: reader.varint64('a deleted table') }
}

/** Four generations of the field: 2 adds sequence numbers, 3 a path number, 4 customized fields instead. */
function decodeNewTable(reader: ByteReader, generation: 1 | 2 | 3 | 4): NewTable {
  const level = reader.varint32('a level')
  const number = reader.varint64('a table number')
  const pathId = generation === 3 ? reader.varint32('a path number') : 0
  const table: TableDraft = {
    number,
    level,
    size: reader.varint64('a table size'),
    pathId,
    smallest: decodeKey(reader),
    largest: decodeKey(reader),
    isMarkedForCompaction: false,
    persistsTimestamps: true,
  }
  if (generation > 1) {
    table.smallestSequence = reader.exactVarint64('the lowest sequence number of a table')
    table.largestSequence = reader.exactVarint64('the highest sequence number of a table')
  }
  if (generation === 4) decodeTableFields(reader, table)
  return table
}

type TableDraft = { -readonly [K in keyof NewTable]: NewTable[K] }

/**
 * Customized fields of a table: `enum NewFileCustomTag` in db/version_edit.h. Of these, opening needs only the blob
 * file.
 */
function decodeTableFields(reader: ByteReader, table: TableDraft): void {
  const oldestBlobFileField = 4
  const pathField = requiredFieldBit + 1
  for (;;) {
    const tag = reader.varint32('a field of a table')
    if (tag === endOfTableFields) return
    if (tag === oldestBlobFileField) {
      // 0 if there is none.
      const file = reader.nested(`field ${tag} of a table`).varint64('the oldest blob file')
      if (file !== 0) table.oldestBlobFile = file
    } else {
      const field = reader.prefixedBytes(`field ${tag} of a table`)
      if (tag === pathField) table.pathId = field[0] ?? 0
      else if (tag & requiredFieldBit) {
        throw reader.fail(`field ${tag} of a table is unknown and must not be ignored`)
      } else tableFields.get(tag)?.(field, table)
    }
  }
}

const tableFields: ReadonlyMap<number, (field: Uint8Array, table: TableDraft) => void> = new Map<
  number,
  (field: Uint8Array, table: TableDraft) => void
>([
  [2, (field, table) => (table.isMarkedForCompaction = field[0] === 1)],
  [5, numberField('oldestAncestorTime')],
  [6, numberField('fileCreationTime')],
  [7, (field, table) => (table.fileChecksum = field)],
  [8, decodeChecksumFunction],
  [9, decodeTemperature],
  [12, decodeUniqueId],
  [13, numberField('epochNumber')],
  [14, numberField('compensatedRangeDeletionSize')],
  [15, numberField('tailSize')],
  [16, (field, table) => (table.persistsTimestamps = field[0] === 1)],
])

function numberField(
  name:
    | 'oldestAncestorTime'
    | 'fileCreationTime'
    | 'epochNumber'
    | 'compensatedRangeDeletionSize'
    | 'tailSize',
) {
  return (field: Uint8Array, table: TableDraft): void => {
    const value = decodeVarint(field, 0)?.value
    if (Number.isSafeInteger(value)) table[name] = value!
  }
}

function decodeChecksumFunction(field: Uint8Array, table: TableDraft): void {
  if (field.length <= maxTextBytes) table.fileChecksumFunction = exactText(field)
}

function decodeTemperature(field: Uint8Array, table: TableDraft): void {
  if (field[0] !== undefined) table.temperature = field[0]
}

function decodeUniqueId(field: Uint8Array, table: TableDraft): void {
  if (field.length !== 16) return
  const view = new DataView(field.buffer, field.byteOffset, field.byteLength)
  table.uniqueId = [view.getBigUint64(0, true), view.getBigUint64(8, true)]
}

function decodeKey(reader: ByteReader): InternalKey {
  return decodeInternalKey(reader.prefixedBytes('a key'), (reason) => reader.fail(reason))
}

function decodeNewBlobFile(reader: ByteReader): NewBlobFile {
  const counts = decodeBlobGarbageCounts(reader)
  const checksumMethod = reader.prefixedText('the checksum method of a blob file')
  const checksum = reader.prefixedBytes('the checksum of a blob file')
  skipBlobFields(reader)
  return checksumMethod === '' ? counts : { ...counts, checksumMethod, checksum }
}

function decodeBlobGarbage(reader: ByteReader): BlobGarbage {
  const garbage = decodeBlobGarbageCounts(reader)
  skipBlobFields(reader)
  return garbage
}

function decodeBlobGarbageCounts(reader: ByteReader): BlobGarbage {
  return {
    number: reader.varint64('a blob file number'),
    blobCount: reader.varint64('a count of blobs'),
    blobBytes: reader.varint64('the size of blobs'),
  }
}

function skipBlobFields(reader: ByteReader): void {
  for (;;) {
    const tag = reader.varint32('a field of a blob file')
    if (tag === endOfBlobFields) return
    if (tag & requiredFieldBit)
      throw reader.fail(`field ${tag} of a blob file is unknown and must not be ignored`)
    reader.prefixedBytes(`field ${tag} of a blob file`)
  }
}

function decodeCompactCursor(reader: ByteReader): CompactCursor {
  return { level: reader.varint32('a level'), key: decodeKey(reader) }
}

function decodeAddedWal(reader: ByteReader): AddedWal {
  const syncedSizeField = 2
  const number = reader.varint64('a log number')
  let syncedBytes: number | undefined
  for (;;) {
    const tag = reader.varint32('a field of a log')
    if (tag === endOfWalFields) return { number, ...(syncedBytes !== undefined && { syncedBytes }) }
    if (tag !== syncedSizeField) throw reader.fail(`field ${tag} of a log is unknown`)
    syncedBytes = Number(reader.exactVarint64('the synced size of a log'))
  }
}

function ignorableAddedWal(field: Uint8Array, edit: Draft): void {
  const number = decodeVarint(field, 0)
  if (number === undefined || !Number.isSafeInteger(number.value)) return
  // The synced size follows behind its tag, or the end.
  const size = field[number.end] === 2 ? decodeVarint(field, number.end + 1)?.value : undefined
  edit.addedWals.push({
    number: number.value,
    ...(size !== undefined && Number.isSafeInteger(size) && { syncedBytes: size }),
  })
}

function ignorableDeletedWals(field: Uint8Array, edit: Draft): void {
  const value = decodeVarint(field, 0)?.value
  if (value !== undefined && Number.isSafeInteger(value)) edit.deletedWalsBelow = value
}
