/**
 * Writes table files (SST) byte by byte, right or wrong, with checksums that are right: what a careful enemy would put
 * into a bucket. Independent of what the product knows of the format.
 */
import { crc32c, maskCrc } from '#src/format/crc32c.js'
import { u32, u64 } from './little-endian.ts'

export interface Handle {
  readonly offset: bigint | number
  readonly size: bigint | number
}

export type Entry = readonly [key: Uint8Array, value: Uint8Array]

const magic = 0x88e241b785f4cff7n
/** Magic number of format version 0, which LevelDB uses too. */
const legacyMagic = 0xdb4775248b80fb57n
export const trailerSize = 5
export const footerSize = 53
const noChecksumType = 0
const crc32cType = 1
/** Marker of the footers of format version 6. */
const extendedMagic = 0x007a003e

/** LEB128 of up to 64 bits. */
export function varint(value: bigint | number): Buffer {
  const bytes: number[] = []
  let rest = BigInt(value)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

/** More bytes that say "there is more" than any varint has. */
export const endlessVarint = Buffer.alloc(64, 0xff)

export function handleBytes({ offset, size }: Handle): Buffer {
  return Buffer.concat([varint(offset), varint(size)])
}

/** A user key with sequence number and type (1 is a value). */
export function internalKey(key: string | Uint8Array, sequence: bigint | number = 1, type = 1): Buffer {
  return Buffer.concat([Buffer.from(key), u64((BigInt(sequence) << 8n) | BigInt(type))])
}

/** The content of a block: each entry a restart point, so that no key is shortened. */
export function block(entries: readonly Entry[]): Buffer {
  const pieces: Buffer[] = []
  const restarts: number[] = []
  let size = 0
  for (const [key, value] of entries) {
    const piece = Buffer.concat([varint(0), varint(key.length), varint(value.length), key, value])
    restarts.push(size)
    size += piece.length
    pieces.push(piece)
  }
  if (restarts.length === 0) restarts.push(0)
  return Buffer.concat([...pieces, ...restarts.map(u32), u32(restarts.length)])
}

export interface RawTableOptions {
  readonly version?: number
  /** 0: the blocks have none. 1: CRC32c. */
  readonly checksumType?: number
}

/** A file that grows block by block. */
export class RawTable {
  readonly #pieces: Buffer[] = []
  readonly #version: number
  readonly #checksumType: number
  #size = 0

  constructor({ version = 5, checksumType = crc32cType }: RawTableOptions = {}) {
    this.#version = version
    this.#checksumType = checksumType
  }

  /** Offset of the next block. */
  get size(): number {
    return this.#size
  }

  /** Appends the content, its compression type and the right checksum. */
  add(content: Uint8Array, compression = 0): Handle {
    const handle = { offset: this.#size, size: content.length }
    const typed = Buffer.concat([content, Buffer.of(compression)])
    this.append(Buffer.concat([typed, u32(this.#checksum(typed, this.#size))]))
    return handle
  }

  append(bytes: Uint8Array): void {
    this.#pieces.push(Buffer.from(bytes))
    this.#size += bytes.length
  }

  /** The whole file, with a footer that points to these. From version 6 on the metaindex has to be the last block. */
  finish(metaindex: Handle, index: Handle): Buffer {
    const handles = Buffer.concat([handleBytes(metaindex), handleBytes(index)])
    if (this.#version === 0) {
      const padding = Buffer.alloc(40 - handles.length)
      return Buffer.concat([...this.#pieces, handles, padding, u64(legacyMagic)])
    }
    const footer = Buffer.alloc(footerSize)
    footer[0] = this.#checksumType
    footer.writeUInt32LE(this.#version, footerSize - 12)
    footer.writeBigUInt64LE(magic, footerSize - 8)
    if (this.#version === 6) {
      footer.writeUInt32LE(extendedMagic, 1)
      footer.writeUInt32LE(baseContextChecksum, 9)
      footer.writeUInt32LE(Number(metaindex.size), 13)
      footer.writeUInt32LE(this.#checksum(footer, this.#size), 5)
    } else handles.copy(footer, 1)
    return Buffer.concat([...this.#pieces, footer])
  }

  #checksum(bytes: Uint8Array, offset: number): number {
    const own = this.#checksumType === noChecksumType ? 0 : maskCrc(crc32c(bytes))
    return (own + (this.#version === 6 ? (baseContextChecksum ^ offset) >>> 0 : 0)) >>> 0
  }
}

/** Any but 0. From version 6 on every checksum depends on it, and on the place of its block. */
const baseContextChecksum = 0x5eed_cafe

export interface SmallTableOptions extends RawTableOptions {
  readonly number: number
  readonly entries: readonly Entry[]
  readonly columnFamily?: number
  readonly dbId?: string
  readonly sessionId?: string
  /** Contents in place of the blocks. */
  readonly data?: Uint8Array
  readonly dataCompression?: number
  /** A second block of data, right behind the first. */
  readonly next?: Uint8Array
  /** Bytes between the data and the index. */
  readonly padding?: Uint8Array
  readonly index?: (data: Handle, indexOffset: number) => Uint8Array
  readonly indexCompression?: number
  readonly rangeDeletions?: readonly Entry[]
  /** False: it has none. */
  readonly properties?: false | ((entries: Entry[]) => Uint8Array)
  readonly propertiesCompression?: number
  readonly metaindex?: (properties: Handle) => Uint8Array
  readonly indexType?: number
  readonly footer?: (metaindex: Handle, index: Handle) => readonly [Handle, Handle]
}

/** A table of one data block. Without more options a sound one. */
export function smallTable(options: SmallTableOptions): Buffer {
  const { number, entries, columnFamily = 0, indexType = 0 } = options
  const file = new RawTable(options)
  const data = file.add(options.data ?? block(entries), options.dataCompression)
  if (options.next) file.add(options.next)
  if (options.padding) file.append(options.padding)
  const lastKey = entries.at(-1)?.[0] ?? internalKey('')
  const indexContent = options.index?.(data, file.size) ?? block([[lastKey, handleBytes(data)]])
  const index = file.add(indexContent, options.indexCompression)
  const rangeDeletions = options.rangeDeletions && file.add(block(options.rangeDeletions))
  const numbers: Record<string, number> = {
    'rocksdb.column.family.id': columnFamily,
    'rocksdb.data.size': Number(data.size) + trailerSize,
    'rocksdb.format.version': 0,
    'rocksdb.index.size': Number(index.size) + trailerSize,
    'rocksdb.num.data.blocks': 1,
    'rocksdb.num.entries': entries.length,
    'rocksdb.original.file.number': number,
    'rocksdb.raw.key.size': entries.reduce((sum, [key]) => sum + key.length, 0),
    'rocksdb.raw.value.size': entries.reduce((sum, [, value]) => sum + value.length, 0),
  }
  const properties: Entry[] = [
    ...Object.entries(numbers).map(([name, value]): Entry => [Buffer.from(name), varint(value)]),
    [Buffer.from('rocksdb.block.based.table.index.type'), u32(indexType)],
    [Buffer.from('rocksdb.comparator'), Buffer.from('leveldb.BytewiseComparator')],
    [Buffer.from('rocksdb.creating.db.identity'), Buffer.from(options.dbId ?? 'a-database')],
    [Buffer.from('rocksdb.creating.session.identity'), Buffer.from(options.sessionId ?? '')],
  ]
  properties.sort(([a], [b]) => Buffer.compare(a, b))
  const addProperties = (write: (entries: Entry[]) => Uint8Array = block) =>
    file.add(write(properties), options.propertiesCompression)
  const named = {
    ...(options.version === 6 && { 'rocksdb.index': index }),
    ...(options.properties !== false && { 'rocksdb.properties': addProperties(options.properties) }),
    ...(rangeDeletions && { 'rocksdb.range_del': rangeDeletions }),
  }
  const metaindex = file.add(
    options.metaindex?.(named['rocksdb.properties']!) ??
      block(Object.entries(named).map(([name, handle]) => [Buffer.from(name), handleBytes(handle)])),
  )
  const [first, second] = options.footer?.(metaindex, index) ?? [metaindex, index]
  return file.finish(first, second)
}
