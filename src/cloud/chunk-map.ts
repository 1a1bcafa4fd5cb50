import type { Files } from '../env/files.js'

/**
 * Chunks of a sparse file that are present: the bitmap that the bridge maps into memory. Its layout is
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

  /** Map of a file that is present in full. */
  static full(fileSize: number, chunkBytes: number): ChunkMap {
    const map = new ChunkMap(fileSize, chunkBytes)
    for (let chunk = 0; chunk < map.chunkCount; chunk++) map.add(chunk)
    return map
  }

  /** The map in `bytes`; undefined if they are no trustworthy map of such a file. */
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

  /** Bytes of the file that are present. */
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

/** Reports whether the bridge has looked at the map in this file since the last call; false if there is none. */
export function takeUsedMark(files: Files, path: string): boolean {
  try {
    return files.sync.clear(path, usedOffset)
  } catch {
    return false
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
