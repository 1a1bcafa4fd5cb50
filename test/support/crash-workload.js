/**
 * What the writer that is killed writes, and what must be there afterwards. Writes are numbered through; number n
 * sets one of the keys to a value that says n. So the state after any number of writes is known.
 */
export const keyCount = 1_000_000
export const batchSize = 50

/** Says which write was the last: written in the same batch. */
export const lastWriteKey = 'last-write'

/**
 * 16 bytes.
 * @param {number} index
 */
export function keyOf(index) {
  return `key${String(index).padStart(13, '0')}`
}

/**
 * The key that write `n` sets: the first `keyCount` writes set each key once, in order.
 * @param {number} n
 */
export function indexOf(n) {
  if (n < keyCount) return n
  return (Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0) % keyCount
}

/**
 * 100 bytes.
 * @param {number} n
 */
export function contentOf(n) {
  return String(n).padStart(12, '0').padEnd(100, 'value of the write ')
}

/** @param {Buffer} value */
export function writeOf(value) {
  let n = 0
  for (let at = 0; at < 12; at++) n = 10 * n + (value[at] ?? 0) - 48
  return n
}
