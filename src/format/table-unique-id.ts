/**
 * The id that RocksDB (7.3 and newer) gives each table and notes in the MANIFEST: made of the database, the session
 * and the file number under which the table was written, all of which its properties hold. `table/unique_id.cc`.
 */

/** Two numbers of 64 bits, as the MANIFEST has them. */
export type TableUniqueId = readonly [first: bigint, second: bigint]

export interface TableOrigin {
  readonly dbId: string
  /** 20 characters, in general: a number to base 36. */
  readonly sessionId: string
  /** The number of the file when it was written: another one than now, where it was imported. */
  readonly fileNumber: number
}

const mask64 = (1n << 64n) - 1n

/**
 * The id of a table of that origin. Its second number is undefined where the id of the database is of an unusual
 * length; the whole id where the origin is not fully known.
 */
export function tableUniqueId({
  dbId,
  sessionId,
  fileNumber,
}: TableOrigin): readonly [first: bigint, second: bigint | undefined] | undefined {
  if (dbId === '' || fileNumber === 0 || !/^[0-9A-Z]{13,24}$/.test(sessionId)) return undefined
  const high = parseBase36(sessionId.slice(0, -12))
  const low = parseBase36(sessionId.slice(-12))
  // 103 bits: the upper 39 and the lower 64, cut where a digit ends.
  const upper = (high >> 2n) & mask64
  const lower = (low & (mask64 >> 2n)) | ((high << 62n) & mask64)
  const hash = xxh128High(Buffer.from(dbId), upper)
  return [lower, hash === undefined ? undefined : hash ^ BigInt(fileNumber)]
}

function parseBase36(digits: string): bigint {
  return Array.from(digits).reduce((value, digit) => value * 36n + BigInt(Number.parseInt(digit, 36)), 0n)
}

/** The first 128 bytes of the default secret of XXH3. */
const secret = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364',
  'hex',
)
const prime1 = 0x9e3779b185ebca87n
const prime2 = 0xc2b2ae3d27d4eb4fn
const prime4 = 0x85ebca77c2b2ae63n

/** The upper half of XXH3's 128 bits, for 17 to 128 bytes: the id of a database has 36, that of a clone of a clone 122. */
function xxh128High(bytes: Buffer, seed: bigint): bigint | undefined {
  const { length } = bytes
  if (length < 17 || length > 128) return undefined
  let low = (BigInt(length) * prime1) & mask64
  let high = 0n

  const word = (at: number) => bytes.readBigUInt64LE(at)
  const key = (at: number) => secret.readBigUInt64LE(at)
  const folded = (at: number, secretAt: number) => {
    const left = word(at) ^ ((key(secretAt) + seed) & mask64)
    const right = word(at + 8) ^ ((key(secretAt + 8) - seed) & mask64)
    const product = left * right
    return (product ^ (product >> 64n)) & mask64
  }
  const sum = (at: number) => (word(at) + word(at + 8)) & mask64
  const mix = (left: number, right: number, secretAt: number) => {
    low = ((low + folded(left, secretAt)) & mask64) ^ sum(right)
    high = ((high + folded(right, secretAt + 16)) & mask64) ^ sum(left)
  }

  // From both ends to the middle, the innermost pair first.
  for (let pair = Math.ceil(length / 32) - 1; pair >= 0; pair--) {
    mix(16 * pair, length - 16 * (pair + 1), 32 * pair)
  }
  const mixed = low * prime1 + high * prime4 + (BigInt(length) - seed) * prime2
  return -avalanche(mixed & mask64) & mask64
}

function avalanche(hash: bigint): bigint {
  const mixed = ((hash ^ (hash >> 37n)) * 0x165667919e3779f9n) & mask64
  return mixed ^ (mixed >> 32n)
}
