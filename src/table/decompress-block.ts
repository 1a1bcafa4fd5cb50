import { inflateRawSync } from 'node:zlib'
import { EnvError } from '../env/env-error.js'
import type { CompressedBlock, CompressionType } from '../format/block-compression.js'
import { corruption } from '../format/corruption.js'

export interface DecompressOptions {
  /** Limit on the decompressed block. */
  readonly maxBytes: number
  /** Dictionary that the compressor used. Snappy and BZip2 do not use one. */
  readonly dictionary: Uint8Array | undefined
  /** Name of the table in errors, and offset of the block in it. */
  readonly name: string
  readonly offset: number
}

/** RocksDB counts the bytes of a block in 32 bits. */
const maxRocksDBBlockBytes = 2 ** 32

/** Decompresses a block. @throws EnvError NotSupported: Xpress, the oldest BZip2, and blocks that are too large. */
export async function decompressBlock(
  block: CompressedBlock,
  options: DecompressOptions,
): Promise<Uint8Array> {
  const { type, size = options.maxBytes } = block
  if (size >= maxRocksDBBlockBytes) throw corruptBlock(options, `it claims ${size} bytes before compression`)
  if (size > options.maxBytes) throw tooLarge(options, size)
  switch (type) {
    case 'NoCompression':
      return block.data
    case 'Zlib':
      return inflate(block, size, options)
    case 'Snappy':
    case 'LZ4':
    case 'LZ4HC':
    case 'ZSTD':
    case 'ZSTDNotFinal':
      return decompressNatively(block.data, type, size, options)
    case 'BZip2':
      // Format versions 0 and 1, which RocksDB wrote before 2015, do not store the decompressed size.
      if (block.size === undefined) throw unknown(type, options)
      return decompressNatively(block.data, type, size, options)
    case 'Xpress':
      throw unknown(type, options)
  }
}

function unknown(type: CompressionType, { name, offset }: DecompressOptions): EnvError {
  return new EnvError(
    'NotSupported',
    `${name}: the block at byte ${offset} is compressed with ${type}, which is not read here. ` +
      "RocksDB's own sst_dump may",
  )
}

/** Error for a block that may be sound: one large value makes one. */
export function tooLarge(
  { name, offset, maxBytes }: Omit<DecompressOptions, 'dictionary'>,
  size: number,
): EnvError {
  return new EnvError(
    'NotSupported',
    `${name}: the block at byte ${offset} has ${size} bytes, and ${maxBytes} are the most that are read here. ` +
      "RocksDB's own sst_dump may",
  )
}

function corruptBlock({ name, offset }: DecompressOptions, reason: string): EnvError {
  return corruption(name, offset, `in the block here, ${reason}`)
}

function inflate({ data, size }: CompressedBlock, maxBytes: number, options: DecompressOptions): Uint8Array {
  let inflated: Uint8Array
  try {
    // At least one byte of room, because zlib rejects none.
    inflated = inflateRawSync(data, {
      maxOutputLength: Math.max(1, maxBytes),
      ...(options.dictionary && { dictionary: options.dictionary }),
    })
  } catch (cause) {
    throw corruptBlock(
      options,
      `zlib cannot decompress it: ${cause instanceof Error ? cause.message : cause}`,
    )
  }
  if (size !== undefined && inflated.length !== size) {
    throw corruptBlock(options, `decompressed it has ${inflated.length} bytes instead of ${size}`)
  }
  return inflated
}

async function decompressNatively(
  data: Uint8Array,
  type: 'Snappy' | 'LZ4' | 'LZ4HC' | 'ZSTD' | 'ZSTDNotFinal' | 'BZip2',
  size: number,
  options: DecompressOptions,
): Promise<Uint8Array> {
  // Loaded here, because readers of uncompressed blocks do not need it.
  const { native, codec } = await import('../binding/native.js')
  const output = new Uint8Array(size)
  const codecs = {
    Snappy: codec.snappy,
    LZ4: codec.lz4,
    LZ4HC: codec.lz4,
    ZSTD: codec.zstd,
    ZSTDNotFinal: codec.zstd,
    BZip2: codec.bzip2,
  }
  if (!native.decompress(codecs[type], data, output, options.dictionary)) {
    throw corruptBlock(options, `it is not ${size} bytes compressed with ${type}`)
  }
  return output
}
