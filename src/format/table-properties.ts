import type { EnvError } from '../env/env-error.js'
import { readBlock } from './block.js'
import type { IndexFormat } from './index-block.js'
import { decodeVarint } from './varint.js'

/** Properties of a table, as the table states them. */
export interface TableProperties {
  /** All properties as stored, by RocksDB's own names, for example `rocksdb.num.entries`. */
  readonly raw: ReadonlyMap<string, Uint8Array>
  /** RocksDB's own numbers. Sizes are in bytes, times in seconds since 1970. Rounded above 2^53. */
  readonly numbers: ReadonlyMap<string, number>
  /** RocksDB's own texts. */
  readonly texts: ReadonlyMap<string, string>
  readonly indexType: IndexType
  readonly indexFormat: IndexFormat
  /** Sequence number of all entries in an ingested table, which replaces their own. */
  readonly globalSequence: bigint | 'inManifest' | undefined
}

/** In the order of `enum IndexType` in RocksDB's table.h. */
const indexTypes = [
  'kBinarySearch',
  'kHashSearch',
  'kTwoLevelIndexSearch',
  'kBinarySearchWithFirstKey',
] as const
export type IndexType = (typeof indexTypes)[number]

/** The varints of `struct TablePropertiesNames` in RocksDB's table/table_properties.cc. */
const numberNames: ReadonlySet<string> = new Set([
  'rocksdb.original.file.number',
  'rocksdb.data.size',
  'rocksdb.index.size',
  'rocksdb.index.partitions',
  'rocksdb.top-level.index.size',
  'rocksdb.index.key.is.user.key',
  'rocksdb.index.value.is.delta.encoded',
  'rocksdb.filter.size',
  'rocksdb.raw.key.size',
  'rocksdb.raw.value.size',
  'rocksdb.num.data.blocks',
  'rocksdb.num.entries',
  'rocksdb.num.filter_entries',
  'rocksdb.deleted.keys',
  'rocksdb.merge.operands',
  'rocksdb.num.range-deletions',
  'rocksdb.format.version',
  'rocksdb.fixed.key.length',
  'rocksdb.column.family.id',
  'rocksdb.creation.time',
  'rocksdb.oldest.key.time',
  'rocksdb.newest.key.time',
  'rocksdb.file.creation.time',
  'rocksdb.sample_for_compression.slow.data.size',
  'rocksdb.sample_for_compression.fast.data.size',
  'rocksdb.tail.start.offset',
  'rocksdb.user.defined.timestamps.persisted',
  'rocksdb.key.largest.seqno',
])

/** The texts of the same. */
const textNames: ReadonlySet<string> = new Set([
  'rocksdb.creating.db.identity',
  'rocksdb.creating.session.identity',
  'rocksdb.creating.host.identity',
  'rocksdb.column.family.name',
  'rocksdb.filter.policy',
  'rocksdb.comparator',
  'rocksdb.merge.operator',
  'rocksdb.prefix.extractor.name',
  'rocksdb.property.collectors',
  'rocksdb.compression',
  'rocksdb.compression_options',
])

const indexTypeName = 'rocksdb.block.based.table.index.type'
/** Written in place when the table is ingested, without an update of the block's checksum. */
export const globalSequenceName = 'rocksdb.external_sst_file.global_seqno'
const externalVersionName = 'rocksdb.external_sst_file.version'
const versionWithoutGlobalSequence = 1

/**
 * RocksDB has about fifty, and a program adds some. Names are stored without their shared prefixes: a small block can
 * hold this many of any length.
 */
const maxProperties = 10_000
/** The longest of RocksDB's own takes 55. */
const maxNameBytes = 1_000

const utf8 = new TextDecoder('utf-8')

/**
 * Reads the properties block, decompressed and checked.
 * @param block undefined for a table without one, as LevelDB wrote them: RocksDB treats it as one in the oldest form.
 */
export function readTableProperties(
  block: Uint8Array | undefined,
  error: (reason: string) => EnvError,
): TableProperties {
  const raw = new Map<string, Uint8Array>()
  for (const { key, value } of block ? readBlock(block, { error }) : []) {
    if (raw.size === maxProperties) throw error(`it has more than ${maxProperties} properties`)
    if (key.length > maxNameBytes) throw error(`the name of a property has ${key.length} bytes`)
    raw.set(utf8.decode(key), value)
  }

  const numbers = new Map<string, number>()
  const texts = new Map<string, string>()
  for (const [name, value] of raw) {
    // RocksDB ignores a number that it cannot decode.
    const number = numberNames.has(name) ? decodeVarint(value, 0)?.value : undefined
    if (number !== undefined) numbers.set(name, number)
    if (textNames.has(name)) texts.set(name, utf8.decode(value))
  }
  const indexType = readIndexType(raw.get(indexTypeName), error)
  const hasFlag = (name: string) => (numbers.get(name) ?? 0) !== 0
  return {
    raw,
    numbers,
    texts,
    indexType,
    indexFormat: {
      hasUserKeys: hasFlag('rocksdb.index.key.is.user.key'),
      hasDeltaHandles: hasFlag('rocksdb.index.value.is.delta.encoded'),
      hasFirstKeys: indexType === 'kBinarySearchWithFirstKey',
    },
    globalSequence: readGlobalSequence(raw, error),
  }
}

function readIndexType(value: Uint8Array | undefined, error: (reason: string) => EnvError): IndexType {
  if (value === undefined) return 'kBinarySearch'
  if (value.length !== 4) throw error('the index type is not of 4 bytes')
  const number = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true)
  const type = indexTypes[number]
  if (type === undefined) throw error(`index type ${number} is unknown`)
  return type
}

/** Does the same as `GetGlobalSequenceNumber` in RocksDB's block_based_table_reader.cc. */
function readGlobalSequence(
  raw: ReadonlyMap<string, Uint8Array>,
  error: (reason: string) => EnvError,
): bigint | 'inManifest' | undefined {
  const version = raw.get(externalVersionName)
  if (version === undefined || version[0] === versionWithoutGlobalSequence) return undefined
  const value = raw.get(globalSequenceName)
  // Later versions of RocksDB no longer write it into the table.
  if (value === undefined) return 'inManifest'
  if (value.length !== 8) throw error('the global sequence number is not of 8 bytes')
  const sequence = new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true)
  return sequence === 0n ? 'inManifest' : sequence
}
