import { beforeAll, describe, expect, test } from 'vitest'
import { cloudEnv, type HostedCloudEnv, RocksDB } from '#src/index.js'
import { fill, fillOptions, keyAt, valueAt } from '../support/filled-database.js'
import { Machine } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const lowEntries = 16_000
const highEntries = 2000
const blockCache = { block_based_table_factory: { no_block_cache: true } } as const

/** Makes a database of 16 MB in the last level, and one table of 2 MB in level 0 with the keys after those. */
async function fillStore(store: TestStore): Promise<void> {
  await new Machine(store).open(
    async (db) => {
      await fill(db, lowEntries)
      await db.compactRange()
      await fillHigh(db)
    },
    { options: { ...fillOptions, target_file_size_base: '2M' } },
  )
}

async function fillHigh(db: RocksDB): Promise<void> {
  const indexes = Array.from({ length: highEntries }, (_, at) => lowEntries + at)
  await db.batch(indexes.map((index) => ({ type: 'put', key: keyAt(index), value: valueAt(index) })))
  await db.flush()
}

async function readRange(db: RocksDB, first: number, end: number): Promise<void> {
  for (let start = first; start < end; start += 200) {
    const indexes = Array.from({ length: 20 }, (_, at) => start + at * 10)
    const values = await db.getMany(indexes.map(keyAt))
    expect(indexes.filter((index, at) => !valueAt(index).equals(values[at]!))).toEqual([])
  }
}
const readLow = (db: RocksDB) => readRange(db, 0, lowEntries)
const readHigh = (db: RocksDB) => readRange(db, lowEntries, lowEntries + highEntries)

const cacheOf = async (env: HostedCloudEnv) => (await env.metrics())!.cache
const missesOf = async (env: HostedCloudEnv, work: () => Promise<void>) => {
  const before = (await cacheOf(env)).misses
  await work()
  return (await cacheOf(env)).misses - before
}

/** A cache of 6 MB, a third of the database. */
const machineOn = (store: TestStore, pin?: string) =>
  new Machine(store, { cache: { maxBytes: '6 MiB', reserveBytes: 0, ...(pin !== undefined && { pin }) } })

describe.each(mainTestStores())('with its store in $name', ({ make }) => {
  const store = make()
  beforeAll(() => fillStore(store))

  test('tables of pinned levels are read without a request, whatever else is read, and after a restart', async () => {
    const machine = machineOn(store, 'L0')
    for (const readOnly of [true, false, false]) {
      const env = cloudEnv(machine.options)
      const db = await RocksDB.open(machine.path, {
        env,
        readOnly,
        options: { ...fillOptions, ...blockCache },
      })
      await expect.poll(async () => (await cacheOf(env)).pinnedBytes).toBeGreaterThan(highEntries * 1000)
      const { pinnedBytes } = await cacheOf(env)
      await expect.poll(async () => (await cacheOf(env)).bytes).toBeGreaterThanOrEqual(pinnedBytes)
      await readLow(db)
      expect(await missesOf(env, () => readHigh(db))).toBe(0)
      const { bytes, maxBytes } = await cacheOf(env)
      expect(bytes).toBeLessThanOrEqual(maxBytes)
      await db.close()
      await env.close()
    }
  })

  test('without a pin they leave', async () => {
    const machine = machineOn(store)
    const opened = (use: (db: RocksDB, env: HostedCloudEnv) => Promise<void>) =>
      machine.open(use, { readOnly: true, options: { ...fillOptions, ...blockCache } })
    await opened(readHigh)
    // Anew each time: what RocksDB has in memory makes room for nothing.
    for (let pass = 0; pass < 5; pass++) await opened(readLow)
    await opened(async (db, env) => expect(await missesOf(env, () => readHigh(db))).toBeGreaterThan(0))
  })

  test('what has no room is told', async () => {
    await machineOn(store, 'L0-L6').open(
      async (_, env) => {
        await expect.poll(async () => (await cacheOf(env)).pinOverflowBytes).toBeGreaterThan(10e6)
        const { pinnedBytes, allowedBytes } = await cacheOf(env)
        expect(pinnedBytes).toBeLessThanOrEqual(allowedBytes / 2)
      },
      { readOnly: true },
    )
  })

  test('a table that a flush adds stays, and one that a compaction takes out of the level may leave', async () => {
    await machineOn(store, 'L0-L0').open(
      async (db, env) => {
        await db.put('a', '1')
        await db.flush()
        const pinned = async () => (await cacheOf(env)).pinnedBytes
        await expect.poll(pinned).toBeGreaterThan(0)
        await readLow(db)
        const read = async () => expect(await db.get('a', { valueEncoding: 'utf8' })).toBe('1')
        expect(await missesOf(env, read)).toBe(0)
        await db.compactRange()
        await expect.poll(pinned).toBe(0)
      },
      { options: { ...fillOptions, ...blockCache } },
    )
  })
})
