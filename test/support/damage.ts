/**
 * Damage to the objects of a database: each function takes the bytes of a sound one and returns those of a damaged one.
 * Tables and blob files are parsed by code of the tests, not of the product.
 */
import type { TestStore } from './test-stores.js'

/** The objects of a store by key, to be damaged and put into another one. */
export type Objects = Map<string, Uint8Array>

export async function readObjects(store: TestStore): Promise<Objects> {
  const objects: Objects = new Map()
  for (const key of (await store.list()).keys()) {
    // The store's private files.
    if (!key.startsWith('.cloudenv-store/')) objects.set(key, await store.get(key))
  }
  return objects
}

export async function writeObjects(store: TestStore, objects: Objects): Promise<void> {
  for (const [key, bytes] of objects) await store.put(key, bytes)
}

export function flipped(bytes: Uint8Array, at: number, mask = 4): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at]! ^= mask
  return copy
}

export const truncated = (bytes: Uint8Array, by = 3): Uint8Array => bytes.subarray(0, bytes.length - by)

export const extended = (bytes: Uint8Array, by = 3): Uint8Array => Buffer.concat([bytes, Buffer.alloc(by, 7)])

/** The bytes with these others replaced. */
export function overwritten(bytes: Uint8Array, at: number, others: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy.set(others, at)
  return copy
}

interface Part {
  readonly offset: number
  readonly size: number
}

/** Places of the parts of a table, without their trailers of 5 bytes (compression type and checksum). */
export interface TableAnatomy {
  readonly firstData: Part
  /** Compression type and checksum of the last data block. */
  readonly lastDataTrailer: Part
  readonly index: Part
  readonly filter: Part | undefined
  readonly properties: Part
  readonly metaindex: Part
  /** The whole footer; its parts follow. */
  readonly footer: Part
  readonly checksumType: Part
  readonly handles: Part
  readonly version: Part
  readonly magic: Part
}

const footerSize = 53
const trailerSize = 5

/** Parses tables of format_version 1 to 5 without index partitions. */
export function tableAnatomy(bytes: Uint8Array): TableAnatomy {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const footer = bytes.length - footerSize
  const version = buffer.readUInt32LE(footer + 41)
  if (version < 1 || version > 5) throw new RangeError(`expected format_version 1 to 5, got ${version}`)
  const [metaindex, afterMetaindex] = readHandle(buffer, footer + 1)
  const [index] = readHandle(buffer, afterMetaindex)
  const named = metaindexEntries(buffer.subarray(metaindex.offset, metaindex.offset + metaindex.size))
  const part = (pattern: RegExp) => [...named].find(([name]) => pattern.test(name))?.[1]
  const dataEnd = Math.min(index.offset, ...[...named.values()].map(({ offset }) => offset))
  return {
    // How large it is does not matter here.
    firstData: { offset: 0, size: 1 },
    lastDataTrailer: { offset: dataEnd - trailerSize, size: trailerSize },
    index,
    filter: part(/^(full|partitioned)?filter\./),
    properties: part(/^rocksdb\.properties$/)!,
    metaindex,
    footer: { offset: footer, size: footerSize },
    checksumType: { offset: footer, size: 1 },
    handles: { offset: footer + 1, size: 40 },
    version: { offset: footer + 41, size: 4 },
    magic: { offset: footer + 45, size: 8 },
  }
}

/** Places of the parts of a blob file. */
export interface BlobFileAnatomy {
  readonly header: Part
  readonly version: Part
  readonly compression: Part
  readonly records: readonly BlobRecordAnatomy[]
  readonly footer: Part
  readonly blobCount: Part
}

export interface BlobRecordAnatomy {
  /** Header before the key. */
  readonly header: Part
  readonly key: Part
  readonly value: Part
}

export function blobFileAnatomy(bytes: Uint8Array): BlobFileAnatomy {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const footer = { offset: bytes.length - 32, size: 32 }
  const records: BlobRecordAnatomy[] = []
  for (let at = 30; at < footer.offset; ) {
    const header = { offset: at, size: 32 }
    const key = { offset: at + 32, size: Number(buffer.readBigUInt64LE(at)) }
    const value = { offset: key.offset + key.size, size: Number(buffer.readBigUInt64LE(at + 8)) }
    records.push({ header, key, value })
    at = value.offset + value.size
  }
  return {
    header: { offset: 0, size: 30 },
    version: { offset: 4, size: 4 },
    compression: { offset: 13, size: 1 },
    records,
    footer,
    blobCount: { offset: footer.offset + 4, size: 8 },
  }
}

function readHandle(buffer: Buffer, at: number): [handle: Part, end: number] {
  const [offset, afterOffset] = readVarint(buffer, at)
  const [size, end] = readVarint(buffer, afterOffset)
  return [{ offset, size }, end]
}

function readVarint(buffer: Buffer, start: number): [value: number, end: number] {
  let value = 0
  for (let at = start, scale = 1; ; at++, scale *= 128) {
    const byte = buffer.readUInt8(at)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return [value, at + 1]
  }
}

function metaindexEntries(content: Buffer): Map<string, Part> {
  const entries = new Map<string, Part>()
  const end = content.length - 4 - 4 * content.readUInt32LE(content.length - 4)
  let key = ''
  for (let at = 0; at < end; ) {
    const [shared, afterShared] = readVarint(content, at)
    const [fresh, afterFresh] = readVarint(content, afterShared)
    const [length, keyStart] = readVarint(content, afterFresh)
    key = key.slice(0, shared) + content.toString('latin1', keyStart, keyStart + fresh)
    entries.set(key, readHandle(content, keyStart + fresh)[0])
    at = keyStart + fresh + length
  }
  return entries
}
