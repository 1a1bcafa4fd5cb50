// Databases on a disk smaller than their tables, and smaller than the cache's default limit.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, hostedEnv, RocksDB, type RocksDBOptions } from '#src/index.js'
import { newRoot } from '../support/machine.js'
import { fillUp, freeBytes, makeReadOnly, needsRoot, smallDisk } from '../support/small-disk.js'

const mib = 1 << 20
const valueBytes = 100_000
const noise = randomBytes(4 * valueBytes)

/** Differs from row to row, and can't be compressed. */
function rowValue(row: number): Buffer {
  const value = Buffer.from(noise.subarray(row % (3 * valueBytes), (row % (3 * valueBytes)) + valueBytes))
  value.writeUInt32LE(row)
  return value
}

const keyOf = (row: number) => `row ${String(row).padStart(6, '0')}`

describe.skipIf(needsRoot)(`on a small disk${needsRoot}`, () => {
  test.each([
    [48, 60, 40],
    [200, 220, 60],
  ])(
    'of %d MB, under default options, puts continue and reads are right, with %d MB in the store',
    async (diskMb, storedMb, putMb) => {
      const store = await storeWith(storedMb)
      const stored = rowsOf(storedMb)
      const rows = stored + rowsOf(putMb)
      await using database = await open({ store, root: smallDisk(`${diskMb}m`) })
      const { db, env } = database
      await scan(db, stored)
      await Promise.all([putRows(db, stored, rows), scan(db, stored)])
      await db.flush()
      await scan(db, rows)
      const cache = await metricsOf(env)
      expect(cache.bytes).toBeLessThanOrEqual(cache.maxBytes)
      expect(cache.evictedBytes).toBeGreaterThan(0)
    },
  )

  test('the write-ahead log takes the place of cached tables, and no record of it is torn', async () => {
    const store = await storeWith(60)
    const stored = rowsOf(60)
    const rows = stored + rowsOf(16)
    const root = smallDisk('48m')
    // Without a reserve nothing is free for the log, and all of it fits the memory, so that nothing is flushed.
    const options = { write_buffer_size: 64 * mib }
    await using database = await open({ store, root, cache: { reserveBytes: 0 } }, { options })
    await scan(database.db, stored)
    expect(freeBytes(root)).toBeLessThan(8 * mib)
    await putRows(database.db, stored, rows)
    await using beside = await open({ store, root, cache: { maxBytes: 0 } }, { readOnly: true })
    await scan(beside.db, rows)
  })

  test('a compaction of more than the disk holds succeeds', async () => {
    const store = await storeWith(60)
    const options = { target_file_size_base: 2 * mib, write_buffer_size: 2 * mib }
    await using database = await open({ store, root: smallDisk('16m') }, { options })
    await database.db.compactRange()
    await scan(database.db, rowsOf(60))
  })

  test('a write that found no room finds what others gave back before the Env looked', async () => {
    const disk = smallDisk('8m')
    await fillUp(disk)
    const module = new URL('../support/env-module.js', import.meta.url)
    const options = { ballast: join(disk, 'ballast') }
    const env = hostedEnv({ module, export: 'createEmptyHandedEnv', options })
    onTestFinished(() => env.close())
    await using db = await RocksDB.open(join(disk, 'db'), { env })
    await db.put('key', 'value')
  })

  test('that others fill up, the cache shrinks until it is empty, and then keeps nothing', async () => {
    const store = await storeWith(30)
    const rows = rowsOf(30)
    const root = smallDisk('48m')
    // RocksDB itself writes nothing: its behaviour on a full disk is not the subject.
    const options = { disable_auto_compactions: true }
    await using database = await open({ store, root }, { options })
    await scan(database.db, rows)
    const before = await metricsOf(database.env)
    expect(before.bytes).toBeGreaterThan(20 * mib)
    await fillUp(root)
    await expect
      .poll(async () => (await metricsOf(database.env)).bytes, { timeout: 30_000 })
      .toBeLessThan(before.bytes - 2 * mib)
    await fillUp(root)
    await scan(database.db, rows)
    await rm(join(root, 'ballast'))
  })
})

describe.skipIf(needsRoot)(`on a read-only disk${needsRoot}`, () => {
  test.each<[string, Partial<CloudEnvOptions>]>([
    ['a root that was used before', { root: 'used' }],
    ['an empty root', { root: '' }],
    ['a missing root', { root: 'missing/below' }],
    ['a missing root and no cache', { root: 'missing/below', cache: { maxBytes: 0 } }],
  ])('a read-only opening of %s answers reads', async (_, { root = '', ...options }) => {
    const disk = smallDisk('16m')
    const store = pathToFileURL(newRoot()).href
    await use({ store, root: join(disk, 'used') }, {}, async (db) => {
      await putRows(db, 0, 10)
      await db.flush()
    })
    makeReadOnly(disk)
    await use({ store, root: join(disk, root), ...options }, { readOnly: true }, (db) => scan(db, 10))
    expect(existsSync(join(disk, 'missing'))).toBe(false)
  })

  test.each([
    ['used', 'Make it writable'],
    ['missing', 'Make its parent writable'],
  ])('an opening for writing of a root that is %s says what it needs', async (name, remedy) => {
    const disk = smallDisk('16m')
    const store = pathToFileURL(newRoot()).href
    await use({ store, root: join(disk, 'used') }, {}, (db) => db.put('key', 'value'))
    makeReadOnly(disk)
    const opening = use({ store, root: join(disk, name) }, {}, async () => undefined)
    await expect(opening).rejects.toThrow(remedy)
    await expect(opening).rejects.toThrow(/read-only/)
  })
})

/** A store with `mb` of rows from 0 on, written on a machine with a large disk. Not compacted. */
async function storeWith(mb: number): Promise<string> {
  const store = pathToFileURL(newRoot()).href
  const options = { write_buffer_size: 4 * mib, target_file_size_base: 4 * mib }
  await use({ store, root: newRoot() }, { options }, async (db) => {
    await putRows(db, 0, rowsOf(mb))
    await db.flush()
  })
  return store
}

const rowsOf = (mb: number) => (mb * 1e6) / valueBytes

async function putRows(db: RocksDB, first: number, end: number): Promise<void> {
  for (let row = first; row < end; row++) await db.put(keyOf(row), rowValue(row))
}

async function scan(db: RocksDB, rows: number): Promise<void> {
  let row = 0
  for await (const [key, value] of db.iterator({ lt: keyOf(rows), keyEncoding: 'utf8' })) {
    if (key !== keyOf(row) || !value.equals(rowValue(row))) expect.fail(`row ${row} is wrong`)
    row += 1
  }
  expect(row).toBe(rows)
}

async function metricsOf(env: ReturnType<typeof cloudEnv>) {
  return (await env.metrics())?.cache ?? expect.fail('the host does not run')
}

interface Opening {
  readonly options?: RocksDBOptions
  readonly readOnly?: boolean
}

async function open(envOptions: CloudEnvOptions, opening: Opening = {}) {
  const env = cloudEnv(envOptions)
  const db = await RocksDB.open(join(envOptions.root, 'db'), { env, ...opening }).catch(async (error) => {
    await env.close()
    throw error
  })
  return {
    db,
    env,
    async [Symbol.asyncDispose]() {
      await db.close()
      await env.close()
    },
  }
}

async function use<T>(envOptions: CloudEnvOptions, opening: Opening, work: (db: RocksDB) => Promise<T>) {
  await using database = await open(envOptions, opening)
  return await work(database.db)
}
