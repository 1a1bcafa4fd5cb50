/** Writes of contending writers, and a check that a database holds a possible state of them. */

const batchSize = 10

/**
 * @param {string} opening
 * @param {number} count which batch of that opening
 * @returns {{ type: 'put', key: string, value: string }[]}
 */
export function batchOf(opening, count) {
  return Array.from({ length: batchSize }, (_, at) => {
    const key = `${opening}/${String(count).padStart(6, '0')}/${at}`
    return { type: 'put', key, value: `${key} `.repeat(20) }
  })
}

/**
 * The number of batches that each opening has in a database.
 * @param {AsyncIterable<[string, string]>} entries in order
 * @returns {Promise<Map<string, number>>}
 * @throws {Error} where a batch is torn, one is missing before another, or a value is wrong
 */
export async function countBatches(entries) {
  /** @type {Map<string, number>} */
  const counts = new Map()
  /** @type {{ key: string, value: string }[]} */
  let expected = []
  for await (const [key, value] of entries) {
    const opening = key.slice(0, key.indexOf('/'))
    if (expected.length === 0) {
      const count = counts.get(opening) ?? 0
      counts.set(opening, count + 1)
      expected = batchOf(opening, count)
    }
    const next = expected.shift()
    if (next?.key !== key || next.value !== value) {
      throw new Error(`found ${key} = ${value.slice(0, 30)}…, expected ${next?.key}`)
    }
  }
  if (expected.length > 0) throw new Error(`${expected[0]?.key} is missing at the end`)
  return counts
}
