/**
 * Id that RocksDB (7.3 and newer) gives each table and notes in the MANIFEST. It derives from the database, the session
 * and the file number under which the table was written, all of which are in its properties. See `table/unique_id.cc`.
 */

/** Two 64-bit numbers, as in the MANIFEST. */
export type TableUniqueId = readonly [first: bigint, second: bigint]

export interface TableOrigin {
  readonly dbId: string
  /** A number to base 36, usually of 20 characters. */
  readonly sessionId: string
  /** Number of the file when it was written. An imported table has another number now. */
  readonly fileNumber: number
}

const mask64 = (1n << 64n) - 1n

/** Id of a table of that origin; undefined if the origin is not fully known. */
export async function tableUniqueId({
  dbId,
  sessionId,
  fileNumber,
}: TableOrigin): Promise<TableUniqueId | undefined> {
  if (dbId === '' || fileNumber === 0 || !/^[0-9A-Z]{13,24}$/.test(sessionId)) return undefined
  const high = parseBase36(sessionId.slice(0, -12))
  const low = parseBase36(sessionId.slice(-12))
  // 103 bits: the upper 39 and the lower 64, cut where a digit ends.
  const upper = (high >> 2n) & mask64
  const lower = (low & (mask64 >> 2n)) | ((high << 62n) & mask64)
  const { xxhash128 } = await import('hash-wasm')
  const hash = await xxhash128(dbId, Number(upper & 0xffff_ffffn), Number(upper >> 32n))
  const upperHalf = BigInt(`0x${hash.slice(0, 16)}`)
  return [lower, upperHalf ^ BigInt(fileNumber)]
}

function parseBase36(digits: string): bigint {
  return Array.from(digits).reduce((value, digit) => value * 36n + BigInt(Number.parseInt(digit, 36)), 0n)
}
