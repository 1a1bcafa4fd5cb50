import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type History, readHistory } from '#src/catalog/history.js'
import { openPlaces } from '#src/catalog/open-places.js'
import { fork } from '#src/cloud/fork.js'
import { realSystem } from '#src/env/system.js'
import { cloudEnv, type OpenOptions, RocksDB } from '#src/index.js'
import { Machine } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const
const retentionDays = 1

async function historyOf(store: TestStore): Promise<History> {
  const places = await openPlaces(store.url('db'), undefined, store.connection)
  try {
    return (await readHistory(places, ''))!
  } finally {
    for (const place of places) await place.store.close()
  }
}

/** Writes the values one after the other, each flushed. */
async function writeAll(db: RocksDB, values: readonly string[]): Promise<void> {
  for (const value of values) {
    await db.put('key', value)
    await db.put(value, 'there')
    await db.flush()
    // Times of a store may have no more than milliseconds.
    await setTimeout(5)
  }
}

describe.each(mainTestStores())('on $name', ({ make }) => {
  test('states of a database are open beside each other, beside the present one and its writer', async () => {
    const store = make()
    const machine = new Machine(store, { retentionDays })
    await machine.open(async (db, env) => {
      await writeAll(db, ['1', '2', '3'])
      await db.compactRange()
      await writeAll(db, ['4'])
      const { states } = await historyOf(store)
      const flushes = states.filter(({ change }) => change.addedTables === 1 && change.removedTables === 0)
      const past = await Promise.all(
        flushes.map(({ time }) => RocksDB.open(machine.path, { env, at: time! })),
      )
      try {
        expect(await Promise.all(past.map((state) => state.get('key', utf8)))).toEqual(['4', '3', '2', '1'])
        expect(await past[2]!.get('3')).toBeUndefined()
        await writeAll(db, ['5'])
        expect(await db.get('key', utf8)).toBe('5')
        expect(await past[0]!.get('5')).toBeUndefined()
        await expect(past[0]!.put('key', '6')).rejects.toMatchObject({ code: 'NotSupported' })
      } finally {
        for (const state of past) await state.close()
      }
    })
  })

  test('a state of a past epoch is opened by its time, with the column families of then', async () => {
    const store = make()
    const machine = new Machine(store, { retentionDays })
    await machine.open(async (db) => {
      await writeAll(db, ['1'])
      const orders = await db.createColumnFamily('orders')
      await db.put('tea', '17', { columnFamily: orders })
      await db.flush()
    })
    const [last] = (await historyOf(store)).states
    await machine.open(async (db) => {
      await db.dropColumnFamily(db.columnFamily('orders'))
      await writeAll(db, ['2'])
      await db.compactRange()
    })
    const elsewhere = new Machine(store)
    await elsewhere.open(
      async (db) => {
        expect(db.columnFamilyNames).toEqual(['default', 'orders'])
        expect(await db.get('tea', { ...utf8, columnFamily: db.columnFamily('orders') })).toBe('17')
        expect(await db.get('key', utf8)).toBe('1')
      },
      { at: last!.time! },
    )
    await elsewhere.open((db) => expect(db.columnFamilyNames).toEqual(['default']), { readOnly: true })
  })

  test('reading a past state writes nothing, here or in the store, and fetches nothing that is here', async () => {
    const store = make()
    const machine = new Machine(store, { retentionDays })
    await machine.open(async (db, env) => {
      await writeAll(db, ['1', '2'])
      const [, before] = (await historyOf(store)).states
      const objects = await store.list()
      const past = await RocksDB.open(machine.path, { env, at: before!.sequence })
      expect(await past.get('key', utf8)).toBe('1')
      await past.close()
      expect(await store.list()).toEqual(objects)
      expect((await env.metrics())!.cache.fetchedBytes).toBe(0)
      const own = await readdir(join(machine.root, '.cloudenv'))
      expect(own.filter((name) => !name.startsWith('cache'))).toEqual([])
    })
  })

  test('states of a MANIFEST that RocksDB began anew can be opened', async () => {
    const store = make()
    const machine = new Machine(store, { retentionDays })
    await machine.open(
      async (db, env) => {
        await writeAll(db, ['1', '2', '3'])
        const { states } = await historyOf(store)
        const first = states.findLast(({ tables }) => tables === 1)!
        expect(first.manifestObject).toMatch(/^HISTORY-/)
        const past = await RocksDB.open(machine.path, { env, at: first.sequence })
        expect(await past.get('key', utf8)).toBe('1')
        await past.close()
      },
      { options: { max_manifest_file_size: 1 } },
    )
  })

  test('a checkpoint is opened by its name, however long ago it was made', async () => {
    const store = make()
    const machine = new Machine(store, { deletionDelayMs: 0 })
    await machine.open((db) => writeAll(db, ['1', '2']))
    const [target] = await openPlaces(store.url('db'), undefined, store.connection)
    await fork({ places: [target], cookie: '', target, newCookie: 'checkpoint-monday' }, realSystem)
    await target.store.close()
    await machine.open(async (db, env) => {
      await writeAll(db, ['3'])
      await db.compactRange()
      const past = await RocksDB.open(machine.path, { env, at: 'monday' })
      expect(await past.get('key', utf8)).toBe('2')
      await past.close()
      await expect(RocksDB.open(machine.path, { env, at: 'tuesday' })).rejects.toMatchObject({
        code: 'NotFound',
        message: expect.stringMatching(/no checkpoint "tuesday". It has "monday"/),
      })
    })
  })

  test('without a retention a state is gone when its tables are, and the error says so', async () => {
    const store = make()
    const machine = new Machine(store, { deletionDelayMs: 0 })
    await machine.open(async (db, env) => {
      await writeAll(db, ['1', '2'])
      const [, before] = (await historyOf(store)).states
      await db.compactRange()
      await expect
        .poll(async () => (await historyOf(store)).states.filter(({ isOpenable }) => !isOpenable).length)
        .toBeGreaterThan(0)
      await expect(RocksDB.open(machine.path, { env, at: before!.sequence })).rejects.toMatchObject({
        code: 'NotFound',
        message: expect.stringMatching(/tables of it are gone.*The oldest state.*for 0 h/),
      })
    })
  })
})

describe('is refused before anything is opened:', () => {
  const store = mainTestStores()[0]!.make()
  const machine = new Machine(store)
  test.each<[string, OpenOptions & { readonly env?: never }, RegExp]>([
    ['a state to be written to', { at: 1, readOnly: false }, /"readOnly" to be true with "at"/],
    ['a state to be created', { at: 1, createIfMissing: true }, /"createIfMissing" to be false with "at"/],
    ['no time', { at: new Date(Number.NaN) }, /"at" to be a Date, a sequence number/],
    ['a sequence number below zero', { at: -1n }, /"at" to be a Date/],
    ['a fraction', { at: 1.5 }, /"at" to be a Date/],
    ['a name that no checkpoint can have', { at: '../x' }, /"at" to be a Date/],
  ])('%s', async (_, options, message) => {
    const env = cloudEnv(machine.options)
    const opening = RocksDB.open(machine.path, { ...options, env } as OpenOptions)
    await expect(opening).rejects.toThrow(message)
    await expect(opening).rejects.toThrow(TypeError)
    await env.close()
  })

  test('a state without an Env that has any', async () => {
    await expect(RocksDB.open(machine.path, { at: 1 })).rejects.toThrow(/expected "env".*with "at"/)
  })
})
