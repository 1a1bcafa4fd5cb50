/**
 * The parts of a blob file, in which RocksDB keeps large values apart from their keys (`enable_blob_files`), as
 * `db/blob/blob_log_format.h` in RocksDB has them. One header, any number of records, one footer:
 *
 *     header                    record                         footer
 *     u32 magic number          u64 length of the key          u32 magic number
 *     u32 version               u64 length of the value        u64 number of records
 *     u32 column family         u64 when it expires, 0         u64 × 2 when values expire, 0
 *     u8 flags                  u32 checksum of what precedes  u32 checksum of what precedes
 *     u8 compression of values  u32 checksum of key and value
 *     u64 × 2 when values       key, value
 *       expire, 0
 *
 * Numbers are little-endian, checksums masked CRC-32C. The header has none.
 */
import { EnvError } from '../env/env-error.js'
import { checkStored } from './block-checksum.js'
import { type CompressionType, compressionType } from './block-compression.js'
import { corruption } from './corruption.js'
import { crc32c, maskCrc } from './crc32c.js'

export const blobHeaderSize = 30
/** Size of everything before the key and the value. */
export const blobRecordHeaderSize = 32
export const blobFooterSize = 32

export interface BlobFileHeader {
  readonly columnFamily: number
  /** Compression of the values, each by itself. */
  readonly compression: CompressionType
}

/** Claims of a record's header. Lengths are rounded above 2^53, which no file reaches. */
export interface BlobRecordHeader {
  readonly keyLength: number
  /** Length of the value as stored, compressed or not. */
  readonly valueLength: number
  /** Checksum of the key and the value. */
  readonly checksum: number
}

export interface BlobFileFooter {
  /** Rounded above 2^53. */
  readonly blobCount: number
}

const magic = 0x0024_8f37
const knownVersion = 1
const expiryFlag = 1

/**
 * @param bytes exactly those of the header.
 * @param name of the file in errors.
 * @throws EnvError Corruption; NotSupported if its version or its flags are unknown.
 */
export function decodeBlobHeader(bytes: Uint8Array, name: string): BlobFileHeader {
  const error = (reason: string) => corruption(name, 0, `in the header here, ${reason}`)
  const view = viewOf(bytes, blobHeaderSize)
  checkMagic(view, error)
  const version = view.getUint32(4, true)
  const flags = view.getUint8(12)
  if (version !== knownVersion || (flags & ~expiryFlag) !== 0) {
    throw new EnvError(
      'NotSupported',
      `${name} says that it is a blob file of version ${version} with the flags ${flags}, and no more than version ${knownVersion} is known here`,
    )
  }
  if (flags === expiryFlag) throw error(expires)
  checkExpiry(view, 14, error)
  const typeByte = view.getUint8(13)
  const compression = compressionType(typeByte)
  if (compression === undefined) throw error(`compression type ${typeByte} is unknown`)
  return { columnFamily: view.getUint32(8, true), compression }
}

/**
 * @param bytes exactly those before the key.
 * @param offset in the file at which they begin.
 * @throws EnvError Corruption
 */
export function decodeBlobRecordHeader(bytes: Uint8Array, name: string, offset: number): BlobRecordHeader {
  const error = (reason: string) => corruption(name, offset, `in the header of the record here, ${reason}`)
  const view = viewOf(bytes, blobRecordHeaderSize)
  checkChecksum(view, 24, error)
  return {
    keyLength: Number(view.getBigUint64(0, true)),
    valueLength: Number(view.getBigUint64(8, true)),
    checksum: view.getUint32(28, true),
  }
}

/**
 * @param bytes exactly those of the footer.
 * @param offset in the file at which they begin.
 * @throws EnvError Corruption
 */
export function decodeBlobFooter(bytes: Uint8Array, name: string, offset: number): BlobFileFooter {
  const error = (reason: string) => corruption(name, offset, `in the footer here, ${reason}`)
  const view = viewOf(bytes, blobFooterSize)
  checkMagic(view, error)
  checkChecksum(view, 28, error)
  checkExpiry(view, 12, error)
  return { blobCount: Number(view.getBigUint64(4, true)) }
}

function viewOf(bytes: Uint8Array, size: number): DataView {
  if (bytes.length !== size) throw new RangeError(`expected ${size} bytes, got ${bytes.length}`)
  return new DataView(bytes.buffer, bytes.byteOffset, size)
}

type MakeError = (reason: string) => EnvError

function checkMagic(view: DataView, error: MakeError): void {
  const found = view.getUint32(0, true)
  if (found !== magic) throw error(`the magic number is ${hex(found)} instead of ${hex(magic)}`)
}

/** Checks the checksum at `at` against all bytes before it. */
function checkChecksum(view: DataView, at: number, error: MakeError): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  checkStored(bytes.subarray(at), maskCrc(crc32c(bytes.subarray(0, at))), 0, error)
}

const expires = 'values are said to expire: RocksDB refuses to read that'

function checkExpiry(view: DataView, at: number, error: MakeError): void {
  if (view.getBigUint64(at, true) !== 0n || view.getBigUint64(at + 8, true) !== 0n) throw error(expires)
}

function hex(number: number): string {
  return `0x${number.toString(16).padStart(8, '0')}`
}
