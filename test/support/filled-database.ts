import type { RocksDB } from '#src/index.js'

/**
 * What tests of the cache fill a database with. Both functions stand alone, so that their text can be given to
 * another process.
 */
export function keyAt(index: number): string {
  return `key${String(index).padStart(8, '0')}`
}

/** 1,000 bytes that no compression shortens, and that no other entry has. */
export function valueAt(index: number): Buffer {
  const bytes = Buffer.alloc(1000)
  let state = ((index + 1) * 0x9e3779b1) | 0
  for (let at = 0; at < bytes.length; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state, at)
  }
  return bytes
}

/** Options with which `entries` make one table of some 2 MB for each 2,000. */
export const fillOptions = { write_buffer_size: '64M', disable_auto_compactions: true } as const

export async function fill(db: RocksDB, entries: number): Promise<void> {
  for (let start = 0; start < entries; start += 2000) {
    const end = Math.min(start + 2000, entries)
    const indexes = Array.from({ length: end - start }, (_, at) => start + at)
    await db.batch(indexes.map((index) => ({ type: 'put', key: keyAt(index), value: valueAt(index) })))
    await db.flush()
  }
}
