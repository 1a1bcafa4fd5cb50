import type { BlockHandle } from '../format/block-handle.js'
import { valueTypeName } from '../format/internal-key.js'
import type { TableFooter } from '../format/table-footer.js'
import type { TableProperties } from '../format/table-properties.js'
import { decodeVarintExactly } from '../format/varint.js'
import type { BlockKind, TableEntry } from '../table/table-block.js'
import type { TableReader } from '../table/table-reader.js'
import { type JsonBytes, jsonBytes } from './json-bytes.js'
import type { JsonProblem } from './problem-json.js'

/** Output of `cloudenv sst --json`. */
export interface SstJson {
  /** URL of the object. */
  readonly url: string
  readonly sizeBytes: number
  /** Null, like the fields after it, if it cannot be read. */
  readonly footer: {
    readonly byteOffset: number
    readonly formatVersion: number
    /** Name as in RocksDB's option: `kCRC32c`, `kXXH3`, … */
    readonly checksum: string
    readonly metaindex: HandleJson
    /** Null if the metaindex has it and cannot be read. */
    readonly index: HandleJson | null
  } | null
  /**
   * Properties by RocksDB's own names: numbers (digits if above 2^53) and text as RocksDB defined them, bytes
   * otherwise.
   */
  readonly properties: { readonly [name: string]: number | string | JsonBytes } | null
  /** Entries of the metaindex, in its order. */
  readonly metaindex: readonly (HandleJson & { readonly name: string })[] | null
  /** Unreadable parts. Beyond a hundred, the last one says how many more there are. */
  readonly problems: readonly JsonProblem[]
}

/** Output of `cloudenv sst --index --json`. */
export interface SstIndexJson {
  readonly url: string
  /** Data blocks in the order of their keys. */
  readonly index: readonly (HandleJson & {
    /** No smaller than any user key in the block, and no larger than any after it. */
    readonly upperKey: JsonBytes
  })[]
  readonly problems: readonly JsonProblem[]
}

/** Output of `cloudenv sst --blocks --json`. */
export interface SstBlocksJson {
  readonly url: string
  /** All blocks in file order. */
  readonly blocks: readonly BlockJson[]
  readonly problems: readonly JsonProblem[]
}

export interface BlockJson extends HandleJson {
  /**
   * One of `data`, `index`, `indexPartition`, `filter`, `filterPartition`, `compressionDictionary`, `rangeDeletions`,
   * `properties`, `metaindex`, `other`.
   */
  readonly kind: BlockKind
  /** Name in the metaindex. */
  readonly name?: string
  /** For data blocks and partitions. */
  readonly upperKey?: JsonBytes
  /**
   * False: the block is damaged. Null: it is not read here, and may be sound. The fields after it are null then; see
   * the problems.
   */
  readonly isSound: boolean | null
  readonly compression: string | null
  /** Size after decompression. */
  readonly contentBytes: number | null
}

/** Location of a block. */
export interface HandleJson {
  readonly byteOffset: number
  /** Size as stored, without the 5 bytes behind it. */
  readonly sizeBytes: number
}

/** A line of the output of `cloudenv sst --entries --json`: an entry, and after all others the range deletions. */
export interface SstEntryJson {
  readonly key: JsonBytes
  /** Digits. Null if only the MANIFEST has it, for an ingested table. */
  readonly sequence: string | null
  /** `value`, `deletion`, `merge`, `singleDeletion`, `rangeDeletion`, `blobIndex`, `wideColumnEntity`, … */
  readonly type: string
  /** For a range deletion, the exclusive end of the range. */
  readonly value: JsonBytes
}

export function footerJson(
  footer: TableFooter,
  named: TableReader['metaindex'] | undefined,
): SstJson['footer'] {
  const { offset, formatVersion, checksum, metaindex, index } = footer
  const indexHandle = index ?? named?.get('rocksdb.index')
  return {
    byteOffset: offset,
    formatVersion,
    checksum,
    metaindex: handleJson(metaindex),
    index: indexHandle ? handleJson(indexHandle) : null,
  }
}

export function handleJson({ offset, size }: BlockHandle): HandleJson {
  return { byteOffset: offset, sizeBytes: size }
}

export function propertiesJson({ raw, numbers, texts }: TableProperties): NonNullable<SstJson['properties']> {
  const jsonOf = (name: string, bytes: Uint8Array) => {
    const exact = numbers.has(name) ? decodeVarintExactly(bytes, 0)!.value : undefined
    if (exact === undefined) return texts.get(name) ?? jsonBytes(bytes)
    return exact > Number.MAX_SAFE_INTEGER ? String(exact) : Number(exact)
  }
  return Object.fromEntries([...raw].map(([name, bytes]) => [name, jsonOf(name, bytes)]))
}

export function entryJson({ userKey, sequence, type, value }: TableEntry): SstEntryJson {
  return {
    key: jsonBytes(userKey),
    sequence: sequence === undefined ? null : String(sequence),
    type: valueTypeName(type),
    value: jsonBytes(value),
  }
}
