/**
 * Writes blob files byte by byte, right or wrong, with checksums that are right unless something else is asked for.
 * Independent of what the product knows of the format.
 */
import { crc32c, maskCrc } from '#src/format/crc32c.js'
import { u32, u64 } from './little-endian.ts'

export interface RawBlobHeader {
  readonly magic?: number
  readonly version?: number
  readonly columnFamily?: number
  readonly flags?: number
  readonly compression?: number
  readonly expiry?: readonly [bigint, bigint]
}

export function blobHeader({
  magic = 0x248f37,
  version = 1,
  columnFamily = 0,
  flags = 0,
  compression = 0,
  expiry = [0n, 0n],
}: RawBlobHeader = {}): Buffer {
  return Buffer.concat([
    u32(magic),
    u32(version),
    u32(columnFamily),
    Buffer.of(flags, compression),
    ...expiry.map(u64),
  ])
}

export interface RawBlobRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Values in place of the lengths. */
  readonly keyLength?: bigint
  readonly valueLength?: bigint
  readonly expiry?: bigint
}

/** Header before key and value. */
export function blobRecordHeader({ key, value, ...claims }: RawBlobRecord): Buffer {
  const { keyLength = BigInt(key.length), valueLength = BigInt(value.length), expiry = 0n } = claims
  const lengths = Buffer.concat([u64(keyLength), u64(valueLength), u64(expiry)])
  return Buffer.concat([lengths, checksum(lengths), checksum(Buffer.concat([key, value]))])
}

export function blobRecord(record: RawBlobRecord): Buffer {
  return Buffer.concat([blobRecordHeader(record), record.key, record.value])
}

export interface RawBlobFooter {
  readonly magic?: number
  readonly blobCount: number | bigint
  readonly expiry?: readonly [bigint, bigint]
}

export function blobFooter({ magic = 0x248f37, blobCount, expiry = [0n, 0n] }: RawBlobFooter): Buffer {
  const fields = Buffer.concat([u32(magic), u64(BigInt(blobCount)), ...expiry.map(u64)])
  return Buffer.concat([fields, checksum(fields)])
}

/** A whole file. */
export function blobFile(
  records: readonly RawBlobRecord[],
  { header = {}, footer = {} }: { header?: RawBlobHeader; footer?: Partial<RawBlobFooter> } = {},
): Buffer {
  const last = blobFooter({ blobCount: records.length, ...footer })
  return Buffer.concat([blobHeader(header), ...records.map(blobRecord), last])
}

function checksum(bytes: Uint8Array): Buffer {
  return u32(maskCrc(crc32c(bytes)))
}
