import { describe } from './describe.js'

/**
 * Units as RocksDB counts them: powers of 1,024, with or without a `B` or `iB` after the letter, so that a size means the
 * same in every option and in an OPTIONS file.
 */
const unitBytes: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 1n << 10n,
  m: 1n << 20n,
  g: 1n << 30n,
  t: 1n << 40n,
}

/** Bytes of a size such as `64 MB`, `64MiB`, `64M` or `1.5 GiB`; undefined for any other text. */
export function bytesOf(text: string): bigint | undefined {
  const match = /^\s*(\d{1,20})(?:\.(\d{1,6}))?\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text)
  const [, whole = '', fraction = '', letter = ''] = match ?? []
  // No fractions of a byte.
  if (!match || (fraction !== '' && letter === '')) return undefined
  const unit = unitBytes[letter.toLowerCase()]!
  return (BigInt(whole + fraction) * unit) / 10n ** BigInt(fraction.length)
}

/**
 * A number of bytes, or a size such as `"10 GiB"` or `"500 MB"`.
 * @throws TypeError
 */
export function parseSize(value: unknown, name: string): number {
  const bytes = typeof value === 'string' ? Number(bytesOf(value) ?? Number.NaN) : value
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw new TypeError(
    `expected "${name}" to be a number of bytes, zero or more, or a size such as "10 GiB", got ${describe(value)}`,
  )
}
