/** LEB128 as RocksDB writes it: seven bits a byte, least significant first, the top bit set on all but the last. */

/** A 64-bit number takes ceil(64 / 7) bytes at most. */
const maxBytes = 10

export function encodeVarint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`expected 0 … 2^53 - 1, got ${value}`)
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/**
 * Decodes a varint, and returns the offset after it; undefined if it is cut off or too long for 64 bits. A value above
 * 2^53 is rounded, but not to below 2^53.
 */
export function decodeVarint(
  bytes: Uint8Array,
  offset: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0
  let scale = 1
  for (let at = offset; at < offset + maxBytes; at++) {
    const byte = bytes[at]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, end: at + 1 }
    scale *= 0x80
  }
  return undefined
}

/** Decodes a varint without rounding; bits above 64 are cut off. */
export function decodeVarintExactly(
  bytes: Uint8Array,
  offset: number,
): { readonly value: bigint; readonly end: number } | undefined {
  const decoded = decodeVarint(bytes, offset)
  if (decoded === undefined) return undefined
  const { end } = decoded
  if (Number.isSafeInteger(decoded.value)) return { value: BigInt(decoded.value), end }
  let value = 0n
  for (let at = end - 1; at >= offset; at--) value = (value << 7n) | BigInt(bytes[at]! & 0x7f)
  return { value: BigInt.asUintN(64, value), end }
}
