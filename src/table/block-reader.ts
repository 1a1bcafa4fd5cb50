import type { EnvError } from '../env/env-error.js'
import { readBlock } from '../format/block.js'
import {
  type ChecksumFunction,
  checkBlock,
  checkStored,
  checksumModifier,
  loadChecksum,
  loadRunningChecksum,
} from '../format/block-checksum.js'
import { type CompressionType, parseCompressedBlock } from '../format/block-compression.js'
import { type BlockHandle, blockTrailerSize } from '../format/block-handle.js'
import { corruption } from '../format/corruption.js'
import type { TableFooter } from '../format/table-footer.js'
import { globalSequenceName } from '../format/table-properties.js'
import { decompressBlock, tooLarge } from './decompress-block.js'
import type { RangedSource } from './ranged-source.js'
import { readTwice } from './read-twice.js'

/** A block whose checksum was correct, decompressed. */
export interface BlockContents {
  readonly bytes: Uint8Array
  /** Compression by its trailer. */
  readonly compression: CompressionType
}

/** RocksDB cuts blocks at some kilobytes; a larger one has a single large value, or an index of millions of blocks. */
export const maxBlockBytes = 64 * 1024 * 1024
/**
 * Limit for metaindex and properties, which are read from many tables at a time. They have some KB, but a program's own
 * collectors of properties may add much.
 */
export const maxMetaBlockBytes = 8 * 1024 * 1024

/** Size of the checksum, which ends a block's trailer. */
const checksumSize = 4
/** Size of a request of a sequential reader. */
const pieceBytes = 1024 * 1024

export interface ReadBlockOptions {
  /** Dictionary that the compressor used. */
  readonly dictionary?: Uint8Array | undefined
  /** Limit on the bytes to read and to decompress. Default: {@link maxBlockBytes}. */
  readonly maxBytes?: number
}

/** Reads single blocks of one table. */
export class BlockReader {
  readonly #source: RangedSource
  readonly #footer: TableFooter
  readonly #checksum: ChecksumFunction

  static async open(source: RangedSource, footer: TableFooter): Promise<BlockReader> {
    return new BlockReader(source, footer, await loadChecksum(footer.checksum))
  }

  private constructor(source: RangedSource, footer: TableFooter, checksum: ChecksumFunction) {
    this.#source = source
    this.#footer = footer
    this.#checksum = checksum
  }

  /** @throws EnvError Corruption: the block cannot be where the handle says. */
  checkPlace({ offset, size }: BlockHandle): void {
    if (offset + size + blockTrailerSize > this.#footer.offset) {
      throw corruption(
        this.#source.name,
        offset,
        `a block of ${size} bytes is said to be here, and what can be a block ends at byte ${this.#footer.offset}`,
      )
    }
  }

  /** @throws EnvError Corruption; NotSupported: it is too large to read here, or its compression is unknown. */
  async read(handle: BlockHandle, options: ReadBlockOptions = {}): Promise<BlockContents> {
    this.checkPlace(handle)
    return readTwice(this.#source, async () => {
      const stored = await this.#readStored(handle, options)
      this.#check(handle, stored)
      return this.#decompress(handle, stored, options)
    })
  }

  /**
   * Reads the properties. RocksDB writes the sequence number of an ingested table into them but leaves the checksum,
   * which still covers a 0 there.
   */
  async readProperties(handle: BlockHandle): Promise<BlockContents> {
    this.checkPlace(handle)
    return readTwice(this.#source, () => this.#readProperties(handle))
  }

  async #readProperties(handle: BlockHandle): Promise<BlockContents> {
    const options = { maxBytes: maxMetaBlockBytes }
    const stored = await this.#readStored(handle, options)
    const contents = await this.#decompress(handle, stored, options)
    try {
      this.#check(handle, stored)
    } catch (error) {
      const original = this.#withoutGlobalSequence(handle, stored, contents)
      if (original === undefined) throw error
      this.#check(handle, original)
    }
    return contents
  }

  /**
   * Checks only the checksum, piece by piece, for a block that is too large to read or whose compression is unknown.
   * @throws EnvError Corruption
   */
  async checkChecksum(handle: BlockHandle): Promise<void> {
    this.checkPlace(handle)
    await readTwice(this.#source, () => this.#checkChecksum(handle))
  }

  async #checkChecksum(handle: BlockHandle): Promise<void> {
    const checksum = await loadRunningChecksum(this.#footer.checksum)
    const { offset, size } = handle
    const end = offset + size + blockTrailerSize - checksumSize
    checksum.init()
    for (let at = offset; at < end; at += pieceBytes)
      checksum.update(await this.#source.read(at, Math.min(pieceBytes, end - at)))
    const trailer = await this.#source.read(end, checksumSize)
    checkStored(trailer, checksum.digest(), this.#modifier(handle), this.errorAt(handle))
  }

  errorAt({ offset }: BlockHandle): (reason: string) => EnvError {
    return (reason) => corruption(this.#source.name, offset, `in the block here, ${reason}`)
  }

  async #readStored(
    handle: BlockHandle,
    { maxBytes = maxBlockBytes }: ReadBlockOptions,
  ): Promise<Uint8Array> {
    const { offset, size } = handle
    if (size > maxBytes) throw tooLarge({ name: this.#source.name, offset, maxBytes }, size)
    return this.#source.read(offset, size + blockTrailerSize)
  }

  #check(handle: BlockHandle, stored: Uint8Array): void {
    checkBlock(stored, this.#checksum, this.#modifier(handle), this.errorAt(handle))
  }

  #modifier({ offset }: BlockHandle): number {
    return checksumModifier(this.#footer.baseContextChecksum, offset)
  }

  async #decompress(
    handle: BlockHandle,
    stored: Uint8Array,
    { dictionary, maxBytes = maxBlockBytes }: ReadBlockOptions,
  ): Promise<BlockContents> {
    const error = this.errorAt(handle)
    const { formatVersion } = this.#footer
    const block = parseCompressedBlock(
      stored.subarray(0, handle.size),
      stored[handle.size]!,
      formatVersion,
      error,
    )
    const bytes = await decompressBlock(block, {
      maxBytes,
      dictionary,
      name: this.#source.name,
      offset: handle.offset,
    })
    return { bytes, compression: block.type }
  }

  #withoutGlobalSequence(
    handle: BlockHandle,
    stored: Uint8Array,
    { bytes, compression }: BlockContents,
  ): Uint8Array | undefined {
    if (compression !== 'NoCompression') return undefined
    for (const { key, value } of readBlock(bytes, { error: this.errorAt(handle) })) {
      if (Buffer.from(key).toString() !== globalSequenceName) continue
      const original = Uint8Array.from(stored)
      const start = value.byteOffset - bytes.byteOffset
      return original.fill(0, start, start + value.length)
    }
    return undefined
  }
}
