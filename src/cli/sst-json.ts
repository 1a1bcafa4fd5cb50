import type { BlockHandle } from '../format/block-handle.js'
import { valueTypeName } from '../format/internal-key.js'
import type { TableFooter } from '../format/table-footer.js'
import type { TableProperties } from '../format/table-properties.js'
import { decodeVarintExactly } from '../format/varint.js'
import type { BlockKind, TableEntry, TableReader } from '../inspect/table-reader.js'
import { type JsonBytes, jsonBytes } from './output/json.js'
import type { JsonProblem } from './output/problem.js'

/** What `cloudenv sst --json` prints. */
export interface SstJson {
  /** Of the object. */
  readonly url: string
  readonly sizeBytes: number
  /** Null, as what follows, where it cannot be read. */
  readonly footer: {
    readonly byteOffset: number
    readonly formatVersion: number
    /** As RocksDB's option: `kCRC32c`, `kXXH3`, … */
    readonly checksum: string
    readonly metaindex: HandleJson
    /** Null where the metaindex has to tell and cannot be read. */
    readonly index: HandleJson | null
  } | null
  /** By RocksDB's own names: numbers (digits where beyond 2^53) and text where RocksDB defined them, bytes otherwise. */
  readonly properties: { readonly [name: string]: number | string | JsonBytes } | null
  /** What the metaindex names, in its order. */
  readonly metaindex: readonly (HandleJson & { readonly name: string })[] | null
  /** What cannot be read. Beyond a hundred, the last one says how many more there are. */
  readonly problems: readonly JsonProblem[]
}

/** What `cloudenv sst --index --json` prints. */
export interface SstIndexJson {
  readonly url: string
  /** The data blocks, in the order of their keys. */
  readonly index: readonly (HandleJson & {
    /** No smaller than any user key in the block, and no larger than any behind it. */
    readonly upperKey: JsonBytes
  })[]
  readonly problems: readonly JsonProblem[]
}

/** What `cloudenv sst --blocks --json` prints. */
export interface SstBlocksJson {
  readonly url: string
  /** All of them, in file order. */
  readonly blocks: readonly BlockJson[]
  readonly problems: readonly JsonProblem[]
}

export interface BlockJson extends HandleJson {
  /** `data`, `index`, `indexPartition`, `filter`, `filterPartition`, `compressionDictionary`, `rangeDeletions`, `properties`, `metaindex`, `other`. */
  readonly kind: BlockKind
  /** What the metaindex calls it. */
  readonly name?: string
  /** Of data blocks and partitions. */
  readonly upperKey?: JsonBytes
  /** False: it is damaged. Null: it is not read here, and may be sound. What follows is null then; see the problems. */
  readonly isSound: boolean | null
  readonly compression: string | null
  /** After decompression. */
  readonly contentBytes: number | null
}

/** Where a block lies. */
export interface HandleJson {
  readonly byteOffset: number
  /** As stored, without the 5 bytes behind it. */
  readonly sizeBytes: number
}

/** A line of what `cloudenv sst --entries --json` prints: an entry, and after all others the range deletions. */
export interface SstEntryJson {
  readonly key: JsonBytes
  /** Digits. Null where the MANIFEST alone has it, of a table that was ingested. */
  readonly sequence: string | null
  /** `value`, `deletion`, `merge`, `singleDeletion`, `rangeDeletion`, `blobIndex`, `wideColumnEntity`, … */
  readonly type: string
  /** Of a range deletion the end of the range, exclusive. */
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
