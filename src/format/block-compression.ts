import type { EnvError } from '../env/env-error.js'
import { decodeVarint } from './varint.js'

/**
 * Compression by the byte that follows a block, or that a blob file's header has: `enum CompressionType` in RocksDB's
 * compression_type.h.
 */
const compressionTypes: ReadonlyMap<number, CompressionType> = new Map([
  [0, 'NoCompression'],
  [1, 'Snappy'],
  [2, 'Zlib'],
  [3, 'BZip2'],
  [4, 'LZ4'],
  [5, 'LZ4HC'],
  [6, 'Xpress'],
  [7, 'ZSTD'],
  [0x40, 'ZSTDNotFinal'],
])

export type CompressionType =
  | 'NoCompression'
  | 'Snappy'
  | 'Zlib'
  | 'BZip2'
  | 'LZ4'
  | 'LZ4HC'
  | 'Xpress'
  | 'ZSTD'
  | 'ZSTDNotFinal'

export interface CompressedBlock {
  readonly type: CompressionType
  /** Claimed length of the decompressed block. Undefined if only zlib knows it, in format versions 0 and 1. */
  readonly size: number | undefined
  /** Input of the decompressor: for Snappy everything, because its own data has the size. */
  readonly data: Uint8Array
}

/** Compression with this number in RocksDB; undefined if none has it. */
export function compressionType(typeByte: number): CompressionType | undefined {
  return compressionTypes.get(typeByte)
}

/** Splits a block without its trailer into its compression, its size and its data. */
export function parseCompressedBlock(
  bytes: Uint8Array,
  typeByte: number,
  formatVersion: number,
  error: (reason: string) => EnvError,
): CompressedBlock {
  const type = compressionType(typeByte)
  if (type === undefined) throw error(`compression type ${typeByte} is unknown`)
  const isOld = formatVersion < 2
  if (type === 'NoCompression') return { type, size: bytes.length, data: bytes }
  if (isOld && (type === 'Zlib' || type === 'BZip2')) return { type, size: undefined, data: bytes }
  if (isOld && (type === 'LZ4' || type === 'LZ4HC')) {
    if (bytes.length < 8) throw error('its size before compression is cut off')
    const size = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
    return { type, size: Number(size), data: bytes.subarray(8) }
  }
  const size = decodeVarint(bytes, 0)
  if (size === undefined) throw error('its size before compression is cut off or too long')
  return { type, size: size.value, data: type === 'Snappy' ? bytes : bytes.subarray(size.end) }
}
