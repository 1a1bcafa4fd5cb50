import { ByteReader } from './byte-reader.js'
import { corruption } from './corruption.js'
import { encodeVarint } from './varint.js'

/**
 * One record of a MANIFEST: a change to the set of files that make up a database. What RocksDB 7.8 to
 * 9 writes is understood; fields that say nothing about which files are live are read over.
 */
export interface VersionEdit {
  /** The column family that the edit speaks of, 0 when it names none. */
  readonly columnFamily: number
  /** The name of the column family that the edit creates. */
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
  /** Deletions come before additions: a table that moves to another level is in both. */
  readonly deletedTables: readonly DeletedTable[]
  readonly newTables: readonly NewTable[]
  readonly newBlobFiles: readonly NewBlobFile[]
  readonly blobGarbage: readonly BlobGarbage[]
  /** In an atomic group: how many edits of the group are still to come. */
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
  /** The oldest blob file that the table points into. */
  readonly oldestBlobFile?: number
}

export interface NewBlobFile {
  readonly number: number
  readonly blobCount: number
  /** Bytes of all blobs: less than the file, which adds a header, a footer and 32 bytes and the key for each blob. */
  readonly blobBytes: number
}

export interface BlobGarbage {
  readonly number: number
  readonly blobCount: number
  readonly blobBytes: number
}

/** Tag numbers: `enum Tag` in RocksDB's db/version_edit.h. */
const nextFileNumberTag = 3
/** A tag with this bit, when unknown, is a length-prefixed field to skip. */
const ignorableTagBit = 1 << 13
/** The same inside the customized fields of a table and of a blob file: this bit forbids skipping. */
const requiredFieldBit = 1 << 6
const endOfTableFields = 1
const endOfBlobFields = 0
const endOfWalFields = 1

type Draft = { -readonly [K in keyof VersionEdit]: VersionEdit[K] } & {
  deletedTables: DeletedTable[]
  newTables: NewTable[]
  newBlobFiles: NewBlobFile[]
  blobGarbage: BlobGarbage[]
}

type FieldDecoder = (reader: ByteReader, edit: Draft) => void

const fields: ReadonlyMap<number, FieldDecoder> = new Map<number, FieldDecoder>([
  [1, (reader, edit) => (edit.comparator = reader.prefixedText('the comparator'))],
  [2, (reader, edit) => (edit.logNumber = reader.varint64('the log number'))],
  [nextFileNumberTag, (reader, edit) => (edit.nextFileNumber = reader.varint64('the next file number'))],
  [4, (reader, edit) => (edit.lastSequence = reader.varint64('the last sequence number'))],
  [5, skipCompactCursor],
  [6, (reader, edit) => edit.deletedTables.push(decodeDeletedTable(reader))],
  [7, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 1))],
  [9, (reader, edit) => (edit.prevLogNumber = reader.varint64('the previous log number'))],
  [10, (reader, edit) => (edit.minLogNumberToKeep = reader.varint64('the lowest log number to keep'))],
  [100, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 2))],
  [102, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 3))],
  [103, (reader, edit) => edit.newTables.push(decodeNewTable(reader, 4))],
  [200, (reader, edit) => (edit.columnFamily = reader.varint32('the column family'))],
  [201, (reader, edit) => (edit.addedColumnFamily = reader.prefixedText('the column family name'))],
  [202, (_reader, edit) => (edit.dropsColumnFamily = true)],
  [203, (reader, edit) => (edit.maxColumnFamily = reader.varint32('the highest column family'))],
  [300, (reader, edit) => (edit.remainingInGroup = reader.varint32('the rest of the atomic group'))],
  [400, (reader, edit) => edit.newBlobFiles.push(decodeNewBlobFile(reader))],
  [401, (reader, edit) => edit.blobGarbage.push(decodeBlobGarbage(reader))],
  [ignorableTagBit + 1, (reader, edit) => (edit.dbId = reader.prefixedText('the database id'))],
  // Early spellings of 400 and 401, and of write-ahead log facts, that carry no length to skip by.
  [ignorableTagBit + 2, (reader, edit) => edit.newBlobFiles.push(decodeNewBlobFile(reader))],
  [ignorableTagBit + 3, (reader, edit) => edit.blobGarbage.push(decodeBlobGarbage(reader))],
  [ignorableTagBit + 4, skipWalAddition],
  [ignorableTagBit + 5, (reader) => reader.varint64('a deleted log')],
])

/** `offset` is where the record starts in the MANIFEST that errors call `name`. */
export function decodeVersionEdit(payload: Uint8Array, offset: number, name: string): VersionEdit {
  const edit: Draft = {
    columnFamily: 0,
    dropsColumnFamily: false,
    deletedTables: [],
    newTables: [],
    newBlobFiles: [],
    blobGarbage: [],
  }
  const reader = new ByteReader(payload, (reason) => corruption(name, offset, reason))
  while (!reader.done) {
    const tag = reader.varint32('a tag')
    const decode = fields.get(tag)
    if (decode) decode(reader, edit)
    else if (tag & ignorableTagBit) reader.prefixedBytes(`the field of tag ${tag}`)
    else throw reader.fail(`tag ${tag} is unknown: something other than RocksDB 7.8 to 9 wrote this MANIFEST`)
  }
  return edit
}

/** An edit that changes nothing but the next file number, and nothing at all when that is what it was. */
export function encodeNextFileNumberEdit(nextFileNumber: number): Uint8Array {
  return Buffer.concat([encodeVarint(nextFileNumberTag), encodeVarint(nextFileNumber)])
}

function decodeDeletedTable(reader: ByteReader): DeletedTable {
  return { level: reader.varint32('a level'), number: reader.varint64('a deleted table') }
}

/** The four generations of the field: 2 adds sequence numbers, 3 a path number, 4 customized fields instead. */
function decodeNewTable(reader: ByteReader, generation: 1 | 2 | 3 | 4): NewTable {
  const level = reader.varint32('a level')
  const number = reader.varint64('a table number')
  if (generation === 3) reader.varint32('a path number')
  const size = reader.varint64('a table size')
  skipInternalKey(reader)
  skipInternalKey(reader)
  if (generation > 1) {
    reader.skipVarint64('the lowest sequence number of a table')
    reader.skipVarint64('the highest sequence number of a table')
  }
  const table = { number, level, size }
  if (generation < 4) return table
  const oldestBlobFile = decodeTableFields(reader)
  return oldestBlobFile ? { ...table, oldestBlobFile } : table
}

/** Of the customized fields of a table only the blob file matters here, 0 when there is none. */
function decodeTableFields(reader: ByteReader): number {
  const oldestBlobFileField = 4
  const pathField = requiredFieldBit + 1
  let oldestBlobFile = 0
  for (;;) {
    const tag = reader.varint32('a field of a table')
    if (tag === endOfTableFields) return oldestBlobFile
    const field = reader.nested(`field ${tag} of a table`)
    if (tag === oldestBlobFileField) oldestBlobFile = field.varint64('the oldest blob file')
    else if (tag & requiredFieldBit && tag !== pathField) {
      throw reader.fail(`field ${tag} of a table is unknown and must not be ignored`)
    }
  }
}

/** A user key and 8 bytes of sequence number and type. */
function skipInternalKey(reader: ByteReader): void {
  if (reader.prefixedBytes('a key').length < 8) throw reader.fail('a key is shorter than its 8-byte trailer')
}

function decodeNewBlobFile(reader: ByteReader): NewBlobFile {
  const file = decodeBlobGarbageCounts(reader)
  reader.prefixedBytes('the checksum method of a blob file')
  reader.prefixedBytes('the checksum of a blob file')
  skipBlobFields(reader)
  return file
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

function skipCompactCursor(reader: ByteReader): void {
  reader.varint32('a level')
  skipInternalKey(reader)
}

function skipWalAddition(reader: ByteReader): void {
  const syncedSizeField = 2
  reader.varint64('a log number')
  for (;;) {
    const tag = reader.varint32('a field of a log')
    if (tag === endOfWalFields) return
    if (tag !== syncedSizeField) throw reader.fail(`field ${tag} of a log is unknown`)
    reader.skipVarint64('the synced size of a log')
  }
}
