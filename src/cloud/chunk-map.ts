import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/**
 * Of the cache's files. A miss costs a request of some milliseconds whatever its size below some 100 KiB, and a
 * RocksDB block is 4 to 16 KiB: 64 KiB brings the neighbours at no extra wait.
 */
export const chunkBytes = 64 * 1024

/**
 * Which chunks of a sparse file are present: the bitmap that the bridge maps into memory. Its layout is
 * described in docs/wire-protocol.md.
 */
export class ChunkMap {
  static readonly headerBytes = 64

  readonly fileSize: number
  readonly chunkBytes: number
  readonly bits: Uint8Array
  #presentBytes = 0

  constructor(fileSize: number, chunkBytes: number) {
    this.fileSize = fileSize
    this.chunkBytes = chunkBytes
    this.bits = new Uint8Array(Math.ceil(Math.ceil(fileSize / chunkBytes) / 8))
  }

  /** The map of a file of which everything is present. */
  static full(fileSize: number, chunkBytes: number): ChunkMap {
    const map = new ChunkMap(fileSize, chunkBytes)
    for (let chunk = 0; chunk < map.chunkCount; chunk++) map.add(chunk)
    return map
  }

  /** The map in `bytes`, or undefined when they are no map of such a file that can be trusted. */
  static decode(bytes: Uint8Array, fileSize: number, bootId: string): ChunkMap | undefined {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (buffer.length < ChunkMap.headerBytes || buffer.toString('latin1', 0, 8) !== magic) return undefined
    const chunkBytes = buffer.readUInt32LE(12)
    const isPowerOfTwo = chunkBytes > 0 && (chunkBytes & (chunkBytes - 1)) === 0
    if (buffer.readUInt32LE(8) !== version || !isPowerOfTwo) return undefined
    if (buffer.readBigUInt64LE(16) !== BigInt(fileSize)) return undefined
    if (!buffer.subarray(32, 64).equals(encodeBootId(bootId))) return undefined
    const map = new ChunkMap(fileSize, chunkBytes)
    if (buffer.length !== ChunkMap.headerBytes + map.bits.length) return undefined
    map.bits.set(buffer.subarray(ChunkMap.headerBytes))
    for (let chunk = 0; chunk < map.chunkCount; chunk++) {
      if (map.has(chunk)) map.#presentBytes += map.#sizeOf(chunk)
    }
    return map
  }

  /** @param bootId see {@link readBootId}: a map from before a power cut may name chunks that never reached the disk. */
  encode(bootId: string): Uint8Array {
    const buffer = Buffer.alloc(ChunkMap.headerBytes + this.bits.length)
    buffer.write(magic, 0, 'latin1')
    buffer.writeUInt32LE(version, 8)
    buffer.writeUInt32LE(this.chunkBytes, 12)
    buffer.writeBigUInt64LE(BigInt(this.fileSize), 16)
    encodeBootId(bootId).copy(buffer, 32)
    buffer.set(this.bits, ChunkMap.headerBytes)
    return buffer
  }

  get chunkCount(): number {
    return Math.ceil(this.fileSize / this.chunkBytes)
  }

  /** How many bytes of the file are present. */
  get presentBytes(): number {
    return this.#presentBytes
  }

  has(chunk: number): boolean {
    return (this.bits[chunk >> 3]! & (1 << (chunk & 7))) !== 0
  }

  add(chunk: number): void {
    if (this.has(chunk)) return
    this.bits[chunk >> 3]! |= 1 << (chunk & 7)
    this.#presentBytes += this.#sizeOf(chunk)
  }

  #sizeOf(chunk: number): number {
    return Math.min(this.chunkBytes, this.fileSize - chunk * this.chunkBytes)
  }
}

/** Whether the bridge has looked at the map in this file since it was last asked; false when there is none. */
export function takeUsedMark(path: string): boolean {
  let file: number | undefined
  try {
    file = openSync(path, 'r+')
    const mark = Buffer.alloc(4)
    readSync(file, mark, 0, 4, usedOffset)
    if (mark.readUInt32LE() === 0) return false
    writeSync(file, Buffer.alloc(4), 0, 4, usedOffset)
    return true
  } catch {
    return false
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

const usedOffset = 24
const magic = 'CHUNKMAP'
const version = 1

function encodeBootId(bootId: string): Buffer {
  const field = Buffer.alloc(32)
  field.write(bootId.replaceAll('-', '').slice(0, 32), 'latin1')
  return field
}
