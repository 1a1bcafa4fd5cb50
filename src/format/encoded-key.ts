/** Internal keys as they lie in a block, compared without decoding them: a table has millions. */
import type { InternalKey } from './internal-key.js'

/** Size of the bytes after each user key: 7 for the sequence number and 1 for the type. */
export const keyTrailerSize = 8

export function userKeyOf(key: Uint8Array): Uint8Array {
  return key.subarray(0, key.length - keyTrailerSize)
}

export function isSameKey(a: InternalKey, b: InternalKey): boolean {
  return a.sequence === b.sequence && a.type === b.type && Buffer.compare(a.userKey, b.userKey) === 0
}

export function typeOf(key: Uint8Array): number {
  return key[key.length - keyTrailerSize]!
}

/** Sequence number of a key, rounded above 2^53. */
export function sequenceOf(key: Uint8Array): number {
  const at = key.length - keyTrailerSize
  const low = key[at + 1]! + key[at + 2]! * 2 ** 8 + key[at + 3]! * 2 ** 16
  const high = key[at + 4]! + key[at + 5]! * 2 ** 8 + key[at + 6]! * 2 ** 16 + key[at + 7]! * 2 ** 24
  return low + high * 2 ** 24
}

/** Compares trailers as numbers whose last byte is the highest. */
export function compareTrailers(a: Uint8Array, b: Uint8Array): number {
  for (let at = 1; at <= keyTrailerSize; at++) {
    const difference = a[a.length - at]! - b[b.length - at]!
    if (difference !== 0) return difference
  }
  return 0
}
