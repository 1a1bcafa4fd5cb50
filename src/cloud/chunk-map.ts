import type { Piece } from '../env/files.js'
import type { Run } from '../table/chunk-grid.js'

/**
 * Chunks of a sparse file that are present: the bitmap that the bridge maps into memory. Its layout is
 * described in docs/wire-protocol.md. The marks of used chunks, which the bridge sets, are in the file alone.
 */
export class ChunkMap {
  static readonly headerBytes = 64

  readonly fileSize: number
  readonly chunkBytes: number
  /** Chunks that are present. */
  readonly bits: Uint8Array
  /** Those that the bridge is told of. */
  readonly #shown: Uint8Array
  /** The file may be somebody else's too, under another name or open: no part of it may be taken out. */
  readonly isShared: boolean
  #presentBytes = 0
  #removals = 0

  constructor(fileSize: number, chunkBytes: number, isShared = false) {
    this.isShared = isShared
    this.fileSize = fileSize
    this.chunkBytes = chunkBytes
    this.bits = new Uint8Array(Math.ceil(Math.ceil(fileSize / chunkBytes) / 8))
    this.#shown = new Uint8Array(this.bits.length)
  }

  /** Map of a file that is present in full. */
  static full(fileSize: number, chunkBytes: number, isShared: boolean): ChunkMap {
    const map = new ChunkMap(fileSize, chunkBytes, isShared)
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
    const map = new ChunkMap(fileSize, chunkBytes, buffer.readUInt32LE(sharedOffset) !== 0)
    if (buffer.length !== map.marksPosition + map.chunkCount) return undefined
    for (const bits of [map.bits, map.#shown])
      bits.set(buffer.subarray(ChunkMap.headerBytes, map.marksPosition))
    map.#removals = buffer.readUInt32LE(removalsOffset)
    for (let chunk = 0; chunk < map.chunkCount; chunk++) {
      if (map.has(chunk)) map.#presentBytes += map.sizeOf(chunk)
    }
    return map
  }

  /** @param bootId see {@link readBootId}: a map from before a power cut may name chunks that never reached the disk. */
  encode(bootId: string): Uint8Array {
    const buffer = Buffer.alloc(this.marksPosition + this.chunkCount)
    buffer.write(magic, 0, 'latin1')
    buffer.writeUInt32LE(version, 8)
    buffer.writeUInt32LE(this.chunkBytes, 12)
    buffer.writeBigUInt64LE(BigInt(this.fileSize), 16)
    buffer.writeUInt32LE(this.isShared ? 1 : 0, sharedOffset)
    encodeBootId(bootId).copy(buffer, 32)
    buffer.set(this.#shown, ChunkMap.headerBytes)
    return buffer
  }

  get chunkCount(): number {
    return Math.ceil(this.fileSize / this.chunkBytes)
  }

  /** Times that chunks were taken out. */
  get removals(): number {
    return this.#removals
  }

  /** Place of the marks in the file: a byte for each chunk. */
  get marksPosition(): number {
    return ChunkMap.headerBytes + this.bits.length
  }

  /** Bytes of the file that are present. */
  get presentBytes(): number {
    return this.#presentBytes
  }

  has(chunk: number): boolean {
    return (this.bits[chunk >> 3]! & (1 << (chunk & 7))) !== 0
  }

  hasAll({ first, end }: Run): boolean {
    for (let chunk = first; chunk < end; chunk++) if (!this.has(chunk)) return false
    return true
  }

  add(chunk: number, { isShown = true }: { readonly isShown?: boolean } = {}): void {
    if (this.has(chunk)) return
    this.bits[chunk >> 3]! |= 1 << (chunk & 7)
    if (isShown) this.#shown[chunk >> 3]! |= 1 << (chunk & 7)
    this.#presentBytes += this.sizeOf(chunk)
  }

  isShown(chunk: number): boolean {
    return (this.#shown[chunk >> 3]! & (1 << (chunk & 7))) !== 0
  }

  /** Shows what is present of the run. @returns whether any of it was not shown before. */
  show({ first, end }: Run): boolean {
    let isNew = false
    for (let chunk = first; chunk < end; chunk++) {
      if (!this.has(chunk) || this.isShown(chunk)) continue
      this.#shown[chunk >> 3]! |= 1 << (chunk & 7)
      isNew = true
    }
    return isNew
  }

  remove(chunk: number): void {
    if (!this.has(chunk)) return
    for (const bits of [this.bits, this.#shown]) bits[chunk >> 3]! &= ~(1 << (chunk & 7))
    this.#presentBytes -= this.sizeOf(chunk)
  }

  /** Counts a removal. @returns what the file has to have before the bytes of removed chunks go. */
  countRemoval(): Piece {
    this.#removals += 1
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(this.#removals)
    return { position: removalsOffset, bytes }
  }

  /**
   * The bits of some chunks, and their neighbours in the same bytes, for the file. They change with the map: several
   * writes of a byte may be under way, and each of them writes the newest.
   */
  bitsOf(first: number, end: number): Piece {
    const start = first >> 3
    return {
      position: ChunkMap.headerBytes + start,
      bytes: this.#shown.subarray(start, ((end - 1) >> 3) + 1),
    }
  }

  sizeOf(chunk: number): number {
    return Math.min(this.chunkBytes, this.fileSize - chunk * this.chunkBytes)
  }
}

const removalsOffset = 24
const sharedOffset = 28
const magic = 'CHUNKMAP'
const version = 2

function encodeBootId(bootId: string): Buffer {
  const field = Buffer.alloc(32)
  field.write(bootId.replaceAll('-', '').slice(0, 32), 'latin1')
  return field
}
