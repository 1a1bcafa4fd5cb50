import { describe, expect, test } from 'vitest'
import { expirePin } from '#src/catalog/pin.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { DatedStore } from '../support/dated-store.js'
import { branchOf, cloneTo, collectIn, day, machine, namesBelow, pinsOf, tablesOf } from '../support/forks.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { killedAfter, newStore, withFaults } from '../support/scripted-rocksdb.js'

/** A source that is destroyed after a clone of it was made, and dropped a table that the clone needs. */
async function destroyedSource(store: ObjectStore) {
  const here = await machine(store)
  const source = await here.database().open()
  const table = await source.flush(Buffer.from('shared'))
  await cloneTo(store, 'clone')
  const later = await source.flush(Buffer.from('later'))
  await source.close()
  const before = await namesBelow(store, 'db')
  await here.database().destroy()
  return { here, table, later, before }
}

async function destroyClone(store: ObjectStore): Promise<void> {
  const there = await machine(store)
  await there.database('clone').destroy()
}

async function readClone(store: ObjectStore, table: string): Promise<string> {
  const reader = (await machine(store)).database('clone')
  return (await reader.read(table, 0, 6)).toString()
}

describe('a source that is destroyed while a clone needs it', () => {
  test('leaves what the clone needs, and nothing else but its CLOUDMANIFEST and IDENTITY', async () => {
    const { store } = newStore()
    const { table } = await destroyedSource(store)
    expect(await namesBelow(store, 'db')).toEqual([
      expect.stringMatching(new RegExp(`^${table}-`)),
      'CLOUDMANIFEST',
      expect.stringMatching(/^CLOUDPIN-/),
      'IDENTITY',
    ])
    expect(await readClone(store, table)).toBe('shared')
    expect(await (await machine(store)).database().database.children()).toBeUndefined()
    await collectIn(store)
    expect(await readClone(store, table)).toBe('shared')
  })

  test('is collected once the clone is destroyed', async () => {
    const { store } = newStore()
    await destroyedSource(store)
    await destroyClone(store)
    const { deleted } = await collectIn(store)
    expect(deleted.map(({ name }) => name)).toContain('CLOUDMANIFEST')
    expect(await namesBelow(store, 'db')).toEqual([])
  })

  test('is collected a day after the clone stands alone, not before', async () => {
    const dated = new DatedStore(newStore().store)
    const { store } = dated
    const { table } = await destroyedSource(store)
    const [pin] = await pinsOf(store, 'db')
    await expirePin({ store, path: 'db' }, pin!.slice('CLOUDPIN-'.length), 0)
    leaveUnchecked(`${store.url}/clone`, 'it does not stand alone, so it loses the table')
    dated.advance(day)
    await collectIn(store)
    expect(await tablesOf(store, 'db')).toEqual([table])
    dated.advance(1)
    await collectIn(store)
    expect(await namesBelow(store, 'db')).toEqual([])
  })

  test('loses with the first of two clones what only that needed', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const source = await here.database().open()
    const one = await source.flush(Buffer.from('one'))
    await cloneTo(store, 'clone')
    await source.drop(one)
    const two = await source.flush(Buffer.from('two'))
    await cloneTo(store, 'second')
    await source.close()
    await here.database().destroy()
    expect(await tablesOf(store, 'db')).toEqual([one, two])
    await destroyClone(store)
    await collectIn(store)
    expect(await tablesOf(store, 'db')).toEqual([two])
  })

  test('makes place for a new database at once, and both go their own ways', async () => {
    const dated = new DatedStore(newStore().store)
    const { store } = dated
    const { here, table } = await destroyedSource(store)
    const db = await here.database().open()
    const own = await db.flush(Buffer.from('new'))
    expect(await readClone(store, table)).toBe('shared')
    await destroyClone(store)
    dated.advance(2 * day)
    await collectIn(store)
    expect(await tablesOf(store, 'db')).toEqual([own])
    expect((await db.read(own, 0, 3)).toString()).toBe('new')
    await db.flush()
    await db.close()
  })

  test('is finished by the opening that makes the new database, if its clone is gone by then', async () => {
    const { store } = newStore()
    const { table } = await destroyedSource(store)
    await destroyClone(store)
    const db = await (await machine(store)).database().open()
    expect(await tablesOf(store, 'db')).not.toContain(table)
    await db.close()
  })

  test('takes no clone, which is told what to do', async () => {
    const { store } = newStore()
    await destroyedSource(store)
    const message = expect.stringMatching(/was destroyed, .* choose another place/)
    const source = `${store.url}/clone`
    await expect((await machine(store, { source })).database().open()).rejects.toMatchObject({ message })
  })
})

test('a collector that finishes a destruction deletes nothing of a database that is created meanwhile', async () => {
  const { store } = newStore()
  await destroyedSource(store)
  await destroyClone(store)
  let created: string[] = []
  const watched = withFaults(store, {
    put: async (key, body, options) => {
      if (key === 'db/CLOUDMANIFEST' && created.length === 0) {
        const db = await (await machine(store)).database().open()
        await db.flush()
        await db.close()
        created = await namesBelow(store, 'db')
      }
      return store.put(key, body, options)
    },
  })
  await collectIn(watched)
  expect(created).not.toEqual([])
  expect(await namesBelow(store, 'db')).toEqual(created)
})

test('a creation that meets the end of a destruction fails, and succeeds when it is repeated', async () => {
  const { store } = newStore()
  await destroyedSource(store)
  let hasCollected = false
  const watched = withFaults(store, {
    put: async (key, body, options) => {
      if (key === 'db/CLOUDMANIFEST' && !hasCollected) {
        hasCollected = true
        await destroyClone(store)
        await collectIn(store)
      }
      return store.put(key, body, options)
    },
  })
  const here = await machine(watched)
  await expect(here.database().open()).rejects.toThrow('somebody else created the database')
  await (await here.database().open()).close()
})

test('a destruction that is killed for good is finished by a collector, a day later', async () => {
  for (let writes = 0; ; writes++) {
    const dated = new DatedStore(newStore().store)
    const { store } = dated
    const here = await machine(store)
    const db = await here.database().open()
    await db.flush()
    await db.close()
    const dying = await machine(killedAfter(store, writes), { root: here.root })
    const isWhole = await dying
      .database()
      .destroy()
      .then(
        () => true,
        () => false,
      )
    if (isWhole) return expect(writes).toBeGreaterThan(4)
    dated.advance(day - 1)
    const left = await namesBelow(store, 'db')
    await collectIn(store)
    const isDestroyed = await (await machine(store)).database().database.children()
    if (isDestroyed?.includes('CURRENT')) continue
    expect(await namesBelow(store, 'db'), `after ${writes} writes`).toEqual(left)
    dated.advance(1)
    await collectIn(store)
    expect(await namesBelow(store, 'db'), `after ${writes} writes`).toEqual([])
  }
})

test('a branch has its MANIFEST though the database, which had no table, is destroyed before it is there', async () => {
  const { store } = newStore()
  const here = await machine(store)
  await (await here.database().open()).close()
  const slow = withFaults(store, {
    put: async (key, body, options) => {
      if (key === 'db/CLOUDMANIFEST-b') await here.database().destroy()
      return store.put(key, body, options)
    },
  })
  await branchOf(slow, 'b')
  const branch = await (await machine(store, { cookie: 'b' })).database().open()
  const table = await branch.flush()
  expect(await tablesOf(store, 'db')).toEqual([table])
  await branch.close()
})
