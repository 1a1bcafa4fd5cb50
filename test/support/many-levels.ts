/**
 * A database of many small tables on three levels, with range deletions on each of them that hide entries of those
 * below.
 */
import { expect, vi } from 'vitest'
import { type OpenOptions, RocksDB } from '#src/index.js'

export const keyAt = (index: number) => `key${String(index).padStart(5, '0')}`

const shape = {
  compression: 'kNoCompression',
  target_file_size_base: '24K',
  level0_file_num_compaction_trigger: 2,
  max_bytes_for_level_multiplier: 4,
  level_compaction_dynamic_level_bytes: true,
}

/** Options with which RocksDB opens hardly any table before it is read, keeps few open, and changes nothing by itself. */
export const lazily = { ...shape, max_open_files: 20, paranoid_checks: false, disable_auto_compactions: true }

/** @returns what is in it then, in the order of the keys. */
export async function fillLevels(
  path: string,
  openOptions: OpenOptions & { readonly keys: number },
): Promise<ReadonlyMap<string, string>> {
  const { keys, ...options } = openOptions
  const model = new Map<string, string>()
  const every = (step: number, first = 0) =>
    Array.from({ length: Math.floor((keys - first + step - 1) / step) }, (_, at) => first + at * step)

  const put = async (db: RocksDB, round: number, indexes: readonly number[]) => {
    const pairs = indexes.map((index) => [keyAt(index), `${round}-${index}`.padEnd(150, 'v')] as const)
    for (const [key, value] of pairs) model.set(key, value)
    await db.batch(pairs.map(([key, value]) => ({ type: 'put', key, value })))
    await db.flush()
  }
  const deleteRange = async (db: RocksDB, first: number, end: number) => {
    await db.batch([{ type: 'deleteRange', start: keyAt(first), end: keyAt(end) }])
    for (let index = first; index < end; index++) model.delete(keyAt(index))
  }
  const openLazily = () => RocksDB.open(path, { ...options, options: lazily })
  /**
   * Two tables that overlap, of which a compaction makes many on a lower level. It starts when both are there: newer
   * versions of RocksDB would compact the first alone.
   */
  const putTwice = async (db: RocksDB, round: number, indexes: readonly number[]) => {
    await put(db, round, indexes.slice(0, -1))
    await put(db, round, indexes.slice(1))
    await db.close()
    // Too small for what is written first, which goes to the last level then, and large enough for the rest.
    const compacting = await RocksDB.open(path, {
      ...options,
      options: { ...shape, max_bytes_for_level_base: keys * 130 },
    })
    await vi.waitFor(
      async () => {
        expect(await compacting.getProperty('rocksdb.num-files-at-level0')).toBe('0')
        expect(await compacting.getProperty('rocksdb.compaction-pending')).toBe('0')
        expect(await compacting.getProperty('rocksdb.num-running-compactions')).toBe('0')
      },
      { timeout: 60_000 },
    )
    await compacting.close()
  }

  await putTwice(await openLazily(), 0, every(1))
  const db = await openLazily()
  for (const first of every(20, 7)) await deleteRange(db, first, Math.min(first + 5, keys))
  await deleteRange(db, 400, 900)
  await putTwice(db, 1, every(3))
  const last = await openLazily()
  for (const round of [2, 3, 4]) {
    await deleteRange(last, round * 200, round * 200 + 50)
    await put(last, round, every(97, round))
  }
  for (const [level, least] of [
    [0, 3],
    [5, 2],
    [6, 3],
  ] as const) {
    const tables = Number(await last.getProperty(`rocksdb.num-files-at-level${level}`))
    expect(tables, `tables of level ${level}`).toBeGreaterThanOrEqual(least)
  }
  await last.close()
  return new Map([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
}
