// Writes version edits field by field, as RocksDB would.
import { encodeVarint } from '#src/format/varint.js'

/** Numbers become varints, the rest stays as it is. */
export function bytes(...parts: readonly (number | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? encodeVarint(part) : part)))
}

export function prefixed(text: string | Uint8Array): Buffer {
  const content = Buffer.from(text)
  return bytes(content.length, content)
}

const key = prefixed('a key12345678')

export const field = {
  comparator: (name: string) => bytes(1, prefixed(name)),
  logNumber: (number: number) => bytes(2, number),
  nextFileNumber: (number: number) => bytes(3, number),
  lastSequence: (number: number) => bytes(4, number),
  deletedTable: (level: number, number: number) => bytes(6, level, number),
  newTable: (level: number, number: number, size: number, oldestBlobFile?: number) =>
    bytes(
      103,
      level,
      number,
      size,
      key,
      key,
      1,
      2,
      ...(oldestBlobFile ? [4, prefixed(bytes(oldestBlobFile))] : []),
      1,
    ),
  columnFamily: (id: number) => bytes(200, id),
  addsColumnFamily: (name: string | Uint8Array) => bytes(201, prefixed(name)),
  dropsColumnFamily: () => bytes(202),
  dbId: (id: string) => bytes(8193, prefixed(id)),
  inAtomicGroup: (remaining: number) => bytes(300, remaining),
  newBlobFile: (number: number, count: number, size: number) =>
    bytes(400, number, count, size, prefixed(''), prefixed(''), 0),
  blobGarbage: (number: number, count: number, size: number) => bytes(401, number, count, size, 0),
}
