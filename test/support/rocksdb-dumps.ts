// Parses the output of RocksDB's own ldb and sst_dump, and translates that of the CLI into the same words. An unknown line
// is an error, so that no line is left out of the comparison.

import { encodeVarint } from '#src/format/varint.js'
import type { EditJson, KeyJson, NewTableJson } from '#src/inspect/manifest-json.js'
import type { SstJson } from '#src/inspect/sst-json.js'

/** Labels of ldb and their values; repeated ones of an edit are joined. */
export type DumpedEdit = Readonly<Record<string, string>>

const editLabels: ReadonlySet<string> = new Set([
  'DB ID',
  'Comparator',
  'PersistUserDefinedTimestamps',
  'LogNumber',
  'PrevLogNumber',
  'NextFileNumber',
  'MaxColumnFamily',
  'MinLogNumberToKeep',
  'LastSeq',
  'CompactCursor',
  'DeleteFile',
  'AddFile',
  'BlobFileAddition',
  'BlobFileGarbage',
  'WalAddition',
  'WalDeletion',
  'ColumnFamily',
  'ColumnFamilyAdd',
  'ColumnFamilyDrop',
])

/** The edits in `ldb manifest_dump --verbose`. */
export function dumpedEdits(dump: string): DumpedEdit[] {
  return [...dump.matchAll(/^VersionEdit \{\n(.*?)^\}/gms)].map(([, body]) => {
    const edit: Record<string, string> = {}
    for (const line of body!.trimEnd().split('\n')) {
      const [, label = '', value = ''] = /^ +([A-Za-z ]+?)(?:: (.*))?$/.exec(line) ?? []
      if (!editLabels.has(label)) throw new Error(`ldb prints something unknown: ${line}`)
      const known = label === 'AddFile' ? dumpedTable(value) : value.trim()
      edit[label] = edit[label] === undefined ? known : `${edit[label]}; ${known}`
    }
    return edit
  })
}

/** Output of ldb for a table, without derived values. */
function dumpedTable(line: string): string {
  return line.replace(/ public_unique_id: \S+/, '').trim()
}

/** The same for the output of `cloudenv manifest --json`, as far as this dump goes: versions of RocksDB differ. */
export function editInWords(
  edit: EditJson,
  { dump, keyText }: { readonly dump: string; readonly keyText: (bytes: Buffer) => string },
): DumpedEdit {
  const isPrinted = (label: string) => dump.includes(label)
  const joined = (items: readonly string[]) => (items.length === 0 ? undefined : items.join('; '))
  const words: Record<string, string | undefined> = {
    'DB ID': edit.dbId,
    Comparator: edit.comparator,
    PersistUserDefinedTimestamps: isPrinted('PersistUser') ? edit.persistsTimestamps?.toString() : undefined,
    LogNumber: edit.logNumber?.toString(),
    PrevLogNumber: edit.prevLogNumber?.toString(),
    NextFileNumber: edit.nextFileNumber?.toString(),
    MaxColumnFamily: edit.maxColumnFamily?.toString(),
    MinLogNumberToKeep: edit.minLogNumberToKeep?.toString(),
    LastSeq: edit.lastSequence?.toString(),
    CompactCursor: joined(
      edit.compactCursors.map(({ level, key }) => `${level} ${keyInWords(key, keyText)}`),
    ),
    DeleteFile: joined(edit.deletedTables.map(({ level, number }) => `${level} ${number}`)),
    AddFile: joined(edit.newTables.map((table) => tableInWords(table, keyText, isPrinted))),
    BlobFileAddition: joined(
      edit.newBlobFiles.map(
        ({ number, blobs, blobBytes, checksumMethod = '' }) =>
          `blob_file_number: ${number} total_blob_count: ${blobs} total_blob_bytes: ${blobBytes} ` +
          `checksum_method: ${checksumMethod} checksum_value:`,
      ),
    ),
    BlobFileGarbage: joined(
      edit.blobGarbage.map(
        ({ number, blobs, blobBytes }) =>
          `blob_file_number: ${number} garbage_blob_count: ${blobs} garbage_blob_bytes: ${blobBytes}`,
      ),
    ),
    WalAddition: joined(
      edit.addedWals.map(
        ({ number, syncedBytes }) =>
          `log_number: ${number} synced_size_in_bytes: ${syncedBytes ?? 2n ** 64n - 1n}`,
      ),
    ),
    WalDeletion: edit.deletedWalsBelow && `log_number: ${edit.deletedWalsBelow}`,
    ColumnFamily: String(edit.columnFamily),
    ColumnFamilyAdd: edit.addedColumnFamily,
    ColumnFamilyDrop: edit.dropsColumnFamily && '',
  } as Record<string, string | undefined>
  return Object.fromEntries(Object.entries(words).filter(([, value]) => value !== undefined)) as DumpedEdit
}

function tableInWords(
  table: NewTableJson,
  keyText: (bytes: Buffer) => string,
  isPrinted: (label: string) => boolean,
): string {
  const where = (label: string, value: unknown) => (isPrinted(label) ? [`${label}${value}`] : [])
  const seconds = (time: string | undefined) => (time === undefined ? 0 : Date.parse(time) / 1000)
  return [
    `${table.level} ${table.number} ${table.sizeBytes}`,
    `${keyInWords(table.smallest, keyText)} .. ${keyInWords(table.largest, keyText)}`,
    ...(table.oldestBlobFile === undefined ? [] : [`blob_file:${table.oldestBlobFile}`]),
    `oldest_ancester_time:${seconds(table.oldestAncestorTime)}`,
    ...where('largest_seqno:', table.largestSequence),
    `file_creation_time:${seconds(table.fileCreationTime)}`,
    ...where('epoch_number:', table.epochNumber ?? 0),
    `file_checksum: file_checksum_func_name: ${table.fileChecksumFunction ?? 'Unknown'}`,
    ...(table.temperature ? [`temperature: ${table.temperature}`] : []),
    ...(table.uniqueId ? [`unique_id(internal): {${table.uniqueId.join(',')}}`] : []),
    ...where('tail size: ', table.tailBytes ?? 0),
    ...where('User-defined timestamps persisted: ', table.persistsTimestamps),
  ].join(' ')
}

function keyInWords({ userKey, sequence, type }: KeyJson, keyText: (bytes: Buffer) => string): string {
  return `'${keyText(Buffer.from(userKey.base64, 'base64'))}' seq:${sequence}, type:${typeNumbers[type]}`
}

/** `enum ValueType` in RocksDB's db/dbformat.h. */
export const typeNumbers: Readonly<Record<string, number>> = {
  deletion: 0,
  value: 1,
  merge: 2,
  singleDeletion: 7,
  rangeDeletion: 15,
  blobIndex: 17,
}

/** The properties in `sst_dump --show_properties`, by its labels. */
export function dumpedProperties(dump: string): Map<string, string> {
  const begin = dump.indexOf('Table Properties:')
  if (begin < 0) throw new Error('sst_dump prints no properties')
  const found = new Map<string, string>()
  for (const line of dump.slice(begin).split('\n')) {
    const match = /^ {2}(.+?): (.*)$/.exec(line)
    if (match) found.set(match[1]!, match[2]!.trim())
  }
  return found
}

type Words = (properties: NonNullable<SstJson['properties']>) => unknown

const numberOr0 =
  (name: string): Words =>
  (properties) =>
    properties[name] ?? 0
const textOr =
  (name: string, otherwise: string): Words =>
  (properties) =>
    properties[name] ?? otherwise

/** Property of each label. Undefined: sst_dump derives it from others. */
const propertyLabels: Readonly<Record<string, Words | undefined>> = {
  '# data blocks': numberOr0('rocksdb.num.data.blocks'),
  '# entries': numberOr0('rocksdb.num.entries'),
  '# deletions': numberOr0('rocksdb.deleted.keys'),
  '# merge operands': numberOr0('rocksdb.merge.operands'),
  '# range deletions': numberOr0('rocksdb.num.range-deletions'),
  'raw key size': numberOr0('rocksdb.raw.key.size'),
  'raw average key size': undefined,
  'raw value size': numberOr0('rocksdb.raw.value.size'),
  'raw average value size': undefined,
  'data block size': numberOr0('rocksdb.data.size'),
  '# index partitions': numberOr0('rocksdb.index.partitions'),
  'top-level index size': numberOr0('rocksdb.top-level.index.size'),
  'filter block size': numberOr0('rocksdb.filter.size'),
  '# entries for filter': numberOr0('rocksdb.num.filter_entries'),
  '(estimated) table size': undefined,
  'filter policy name': textOr('rocksdb.filter.policy', 'N/A'),
  'prefix extractor name': textOr('rocksdb.prefix.extractor.name', 'N/A'),
  'column family ID': numberOr0('rocksdb.column.family.id'),
  'column family name': textOr('rocksdb.column.family.name', 'N/A'),
  'comparator name': textOr('rocksdb.comparator', 'N/A'),
  'user defined timestamps persisted': (properties) =>
    properties['rocksdb.user.defined.timestamps.persisted'] !== 0,
  'largest sequence number in file': numberOr0('rocksdb.key.largest.seqno'),
  'merge operator name': textOr('rocksdb.merge.operator', 'N/A'),
  'property collectors names': textOr('rocksdb.property.collectors', 'N/A'),
  'SST file compression algo': textOr('rocksdb.compression', 'N/A'),
  'SST file compression options': (properties) => String(properties['rocksdb.compression_options']).trim(),
  'creation time': numberOr0('rocksdb.creation.time'),
  'time stamp of earliest key': numberOr0('rocksdb.oldest.key.time'),
  'time stamp of newest key': numberOr0('rocksdb.newest.key.time'),
  'file creation time': numberOr0('rocksdb.file.creation.time'),
  'slow compression estimated data size': numberOr0('rocksdb.sample_for_compression.slow.data.size'),
  'fast compression estimated data size': numberOr0('rocksdb.sample_for_compression.fast.data.size'),
  'DB identity': textOr('rocksdb.creating.db.identity', ''),
  'DB session identity': textOr('rocksdb.creating.session.identity', ''),
  'DB host id': textOr('rocksdb.creating.host.identity', ''),
  'original file number': numberOr0('rocksdb.original.file.number'),
  'unique ID': undefined,
  'Sequence number to time mapping': undefined,
}

/** Output of `cloudenv sst --json` under the labels of sst_dump: those of the dump, without derived ones. */
export function propertiesInWords(
  properties: NonNullable<SstJson['properties']>,
  labels: Iterable<string>,
): Map<string, string> {
  const words = new Map<string, string>()
  for (const label of labels) {
    const raw = /^# (.+\..+)$/.exec(label)?.[1]
    const index = /^index block size \(user-key\? (\d), delta-value\? (\d)\)$/.exec(label)
    if (raw !== undefined) words.set(label, rawInWords(properties[raw]))
    else if (index) {
      const flags = `user-key? ${properties['rocksdb.index.key.is.user.key'] ?? 0}, delta-value? ${properties['rocksdb.index.value.is.delta.encoded'] ?? 0}`
      words.set(`index block size (${flags})`, String(properties['rocksdb.index.size']))
    } else if (!(label in propertyLabels)) {
      throw new Error(`sst_dump prints something unknown: ${label}`)
    } else if (propertyLabels[label]) {
      words.set(label, String(propertyLabels[label](properties)))
    }
  }
  return words
}

/** Without values that sst_dump derives. */
export function storedProperties(dumped: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...dumped].filter(([label]) => !(label in propertyLabels) || propertyLabels[label]))
}

function rawInWords(value: unknown): string {
  const bytes =
    typeof value === 'number'
      ? Buffer.from(encodeVarint(value))
      : typeof value === 'string'
        ? Buffer.from(value)
        : Buffer.from((value as { readonly base64: string }).base64, 'base64')
  return `0x${bytes.toString('hex').toUpperCase()}`
}
