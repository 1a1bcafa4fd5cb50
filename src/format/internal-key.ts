import type { EnvError } from '../env/env-error.js'

/** A key as tables and the MANIFEST hold it: the user's key, then 8 bytes of sequence number and type. */
export interface InternalKey {
  readonly userKey: Uint8Array
  /** A bigint, because the sentinel that ends a range tombstone has 2^56 - 1. */
  readonly sequence: bigint
  /** See {@link valueTypeName}. */
  readonly type: number
}

const trailerSize = 8

/** The key as a view of the bytes. `error` turns a reason into an error. */
export function decodeInternalKey(bytes: Uint8Array, error: (reason: string) => EnvError): InternalKey {
  const split = bytes.length - trailerSize
  if (split < 0) throw error('a key is shorter than its 8-byte trailer')
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + split, trailerSize).getBigUint64(0, true)
  return { userKey: bytes.subarray(0, split), sequence: trailer >> 8n, type: Number(trailer & 0xffn) }
}

export function encodeInternalKey({ userKey, sequence, type }: InternalKey): Uint8Array {
  const trailer = Buffer.alloc(trailerSize)
  trailer.writeBigUInt64LE((sequence << 8n) | BigInt(type))
  return Buffer.concat([userKey, trailer])
}

/** Types of `enum ValueType` in RocksDB's db/dbformat.h that are stored in tables. */
const valueTypeNames: ReadonlyMap<number, string> = new Map([
  [0x0, 'deletion'],
  [0x1, 'value'],
  [0x2, 'merge'],
  [0x7, 'singleDeletion'],
  [0xf, 'rangeDeletion'],
  [0x11, 'blobIndex'],
  [0x14, 'deletionWithTimestamp'],
  [0x16, 'wideColumnEntity'],
  [0x18, 'valuePreferredSequence'],
])

/** Name such as `value` or `deletion`; an unknown type stays a number: `type 42`. */
export function valueTypeName(type: number): string {
  return valueTypeNames.get(type) ?? `type ${type}`
}
