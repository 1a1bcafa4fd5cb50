import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { encodePin } from '#src/catalog/pin.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { DatedStore } from '../support/dated-store.js'
import { branchOf, collectIn, day, hour, machine, namesBelow, tablesOf } from '../support/forks.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { newStore, withFaults } from '../support/scripted-rocksdb.js'

async function databaseIn(store: ObjectStore) {
  return (await machine(store, { deletionDelayMs: day })).database()
}

/** A database with a live table, one that its last owner dropped, and the MANIFEST of the epoch before. */
async function withGarbage() {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const db = await (await databaseIn(store)).open()
  const dropped = await db.flush(Buffer.from('dropped'))
  const live = await db.flush(Buffer.from('live'))
  await db.drop(dropped)
  await db.close()
  await (await (await databaseIn(store)).open()).close()
  return { dated, store, dropped, live }
}

const collect = (store: ObjectStore, options: { readonly minAgeMs?: number } = {}) =>
  collectIn(store, options)

test('deletes what nothing needs, once it has been garbage for long enough', async () => {
  const { dated, store, dropped, live } = await withGarbage()
  const early = await collect(store)
  expect(early.deleted).toEqual([])
  expect(early.kept.map(({ name }) => name.split('-')[0]).sort()).toEqual([dropped, 'MANIFEST'])
  dated.advance(day)
  const { deleted, kept } = await collect(store)
  expect(deleted).toHaveLength(2)
  expect(kept).toEqual([])
  expect(await tablesOf(store, 'db')).toEqual([live])
  expect((await namesBelow(store, 'db')).filter((name) => name.startsWith('MANIFEST'))).toHaveLength(1)
  const reader = await databaseIn(store)
  expect((await reader.read(live, 0, 4)).toString()).toBe('live')
})

test('an age that is asked for adds to what the owners keep, and never takes from it', async () => {
  const { dated, store } = await withGarbage()
  dated.advance(day - 1)
  expect((await collect(store, { minAgeMs: 0 })).deleted).toEqual([])
  dated.advance(1)
  expect((await collect(store, { minAgeMs: 2 * day })).deleted).toEqual([])
  expect((await collect(store, { minAgeMs: 0 })).deleted).toHaveLength(2)
})

test('leaves nothing of its own behind', async () => {
  const { store } = await withGarbage()
  const before = await namesBelow(store, 'db')
  await collect(store)
  expect(await namesBelow(store, 'db')).toEqual(before)
})

describe('spares', () => {
  test('what the state of another cookie needs', async () => {
    const { dated, store, dropped } = await withGarbage()
    const db = await (await databaseIn(store)).open()
    const shared = await db.flush(Buffer.from('shared'))
    await branchOf(store, 'b')
    await db.drop(shared)
    await db.close()
    dated.advance(2 * day)
    await collect(store)
    const tables = await tablesOf(store, 'db')
    expect(tables).toContain(shared)
    expect(tables).not.toContain(dropped)
  })

  test('what a pin names', async () => {
    const { dated, store, dropped } = await withGarbage()
    const objects = (await namesBelow(store, 'db')).filter((name) => name.startsWith(dropped))
    const pin = encodePin({ kind: 'clone', holder: 's3://b/clone', objects })
    await store.put('db/CLOUDPIN-0123456789abcdef', pin)
    dated.advance(2 * day)
    await collect(store)
    expect(await tablesOf(store, 'db')).toContain(dropped)
  })

  test('what an opening under way has written, however old the rest is', async () => {
    const { dated, store } = await withGarbage()
    dated.advance(2 * day)
    const opening = await databaseIn(store)
    await opening.database.claim()
    const file = opening.database.newFile('000099.sst')
    await writeFile(file.path, 'table')
    await file.sealed?.(5)
    await opening.fsyncDirectory()
    dated.advance(11 * hour)
    await collect(store)
    expect(await tablesOf(store, 'db')).toContain('000099.sst')
    await opening.close()
  })

  test('what an owner has written and not committed yet', async () => {
    const { dated, store } = await withGarbage()
    const db = await (await databaseIn(store)).open()
    const { name } = await db.write(Buffer.from('table'))
    await db.fsyncDirectory()
    dated.advance(30 * day)
    await collect(store)
    expect(await tablesOf(store, 'db')).toContain(name)
    await db.close()
  })
})

test('a fork that begins while it decides keeps everything that it needs', async () => {
  const { dated, store } = await withGarbage()
  const db = await (await databaseIn(store)).open()
  const table = await db.flush(Buffer.from('shared'))
  dated.advance(2 * day)
  let hasForked = false
  const watched = withFaults(store, {
    async *list(prefix, options) {
      // Between the survey and the first batch.
      if (prefix === 'db/CLOUD' && lists++ === 1 && !hasForked) {
        hasForked = true
        await branchOf(store, 'b')
        await db.drop(table)
      }
      yield* store.list(prefix, options)
    },
  })
  let lists = 0
  await collect(watched)
  expect(hasForked).toBe(true)
  const reader = (await machine(store, { cookie: 'b' })).database()
  expect((await reader.read(table, 0, 6)).toString()).toBe('shared')
  await db.close()
})

test.each([
  ['CLOUDMANIFEST-b', 'a state that cannot be read'],
  ['CLOUDPIN-0123456789abcdef', 'a pin that cannot be read'],
])('deletes nothing beside a damaged %s: %s may need it', async (name) => {
  const { dated, store } = await withGarbage()
  await store.put(`db/${name}`, Buffer.from('damaged'))
  leaveUnchecked(store.url, `${name} is damaged`)
  dated.advance(2 * day)
  const before = await namesBelow(store, 'db')
  await expect(collect(store)).rejects.toMatchObject({
    code: 'Corruption',
    message: expect.stringContaining('is garbage for certain'),
  })
  expect(await namesBelow(store, 'db')).toEqual(before)
})

test('is repeated after it was interrupted, and ends as if it had not been', async () => {
  const { dated, store, live } = await withGarbage()
  dated.advance(2 * day)
  const broken = withFaults(store, {
    deleteMany: async (keys) => {
      if (keys.length > 1) throw new Error('killed')
      await store.deleteMany(keys)
    },
  })
  await expect(collect(broken)).rejects.toThrow('killed')
  await collect(store)
  expect(await tablesOf(store, 'db')).toEqual([live])
  expect(await namesBelow(store, 'db')).toHaveLength(4)
})

test('an owner collects by itself if that is wanted, and stops when it is closed', async () => {
  const { dated, store, dropped } = await withGarbage()
  const objects = (await namesBelow(store, 'db')).filter((name) => name.startsWith(dropped))
  expect(objects).toHaveLength(1)
  // Of an opening that failed: no owner deletes it.
  await store.put('db/000099.sst-0123456789abcdef', Buffer.from('nobody knows'))
  const here = await machine(store, { deletionDelayMs: day, collectionIntervalMs: hour })
  const db = await here.database().open()
  dated.advance(2 * day)
  expect(await tablesOf(store, 'db')).toContain('000099.sst')
  here.clock.advance(hour + 1)
  await expect.poll(() => tablesOf(store, 'db')).not.toContain('000099.sst')
  await db.close()
  const lists = await namesBelow(store, 'db')
  here.clock.advance(10 * hour)
  expect(await namesBelow(store, 'db')).toEqual(lists)
})
