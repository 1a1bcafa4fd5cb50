import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { decodePin } from '#src/catalog/pin.js'
import { fork } from '#src/cloud/fork.js'
import { EnvError } from '#src/env/env-error.js'
import { realSystem } from '#src/env/system.js'
import { removeBranch } from '#src/operations/branches.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { DatedStore } from '../support/dated-store.js'
import {
  branchOf,
  cloneTo,
  collectIn,
  day,
  hour,
  machine,
  muchLater,
  namesBelow,
  openPlaceIn,
  pinsOf,
  tablesOf,
} from '../support/forks.js'
import { killedAfter, newStore, type ScriptedRocksDB, withFaults } from '../support/scripted-rocksdb.js'
import { field } from '../support/version-edits.js'

/** The store, where `act` comes before the first pin in `db`. */
function beforeFirstPin(store: ObjectStore, act: () => Promise<void>): ObjectStore {
  let isFirst = true
  return withFaults(store, {
    put: async (key, body, options) => {
      if (key.startsWith('db/CLOUDPIN-') && isFirst) {
        isFirst = false
        await act()
      }
      return store.put(key, body, options)
    },
  })
}

test('the owner of a branch spares a table that the other line has uploaded and not committed yet', async () => {
  const { store } = newStore()
  const main = await (await machine(store)).database().open()
  await main.flush(Buffer.from('base'))
  await branchOf(store, 'b')
  // The first table of a long compaction: in the store, and in no MANIFEST yet.
  const { name, number } = await main.write(Buffer.from('compacted'))
  await main.fsyncDirectory()
  const there = await machine(store, { cookie: 'b' })
  const branch = await there.database().open()
  await muchLater(there, store)
  await branch.close()
  await main.commit(field.newTable(0, number, 9))
  await main.close()
  const reader = (await machine(store)).database()
  expect((await reader.read(name, 0, 9)).toString()).toBe('compacted')
})

test('the owner of a branch spares past states that the other line promised to keep', async () => {
  const { store } = newStore()
  const main = await (await machine(store, { deletionDelayMs: 7 * day })).database().open()
  const past = await main.flush(Buffer.from('past'))
  await main.flush(Buffer.from('kept'))
  await main.drop(past)
  await branchOf(store, 'b')
  const there = await machine(store, { cookie: 'b' })
  const branch = await there.database().open()
  await muchLater(there, store)
  await branch.close()
  await main.close()
  expect(await tablesOf(store, 'db')).toContain(past)
})

test('the owner of a branch spares the MANIFESTs of past states that the other line promised to keep', async () => {
  const { store } = newStore()
  const keeping = { deletionDelayMs: 7 * day }
  await (await (await machine(store, keeping)).database().open()).close()
  const main = await (await machine(store, keeping)).database().open()
  await main.flush(Buffer.from('kept'))
  const manifests = async () => (await namesBelow(store, 'db')).filter((name) => name.startsWith('MANIFEST-'))
  const before = await manifests()
  await branchOf(store, 'b')
  const there = await machine(store, { cookie: 'b' })
  const branch = await there.database().open()
  await muchLater(there, store)
  await branch.close()
  await main.close()
  expect(await manifests()).toEqual(expect.arrayContaining(before))
})

test('a pin that goes while an owner decides has been replaced by a line of history', async () => {
  const { store } = newStore()
  let go = () => {}
  const mayGo = new Promise<void>((resolve) => {
    go = resolve
  })
  let paused = () => {}
  const isPaused = new Promise<void>((resolve) => {
    paused = resolve
  })
  let opening: Promise<unknown> | undefined
  const watched = withFaults(store, {
    get: async (key, range) => {
      if (key.startsWith('db/CLOUDPIN-')) {
        go()
        await opening
      }
      return store.get(key, range)
    },
  })
  const here = await machine(watched)
  const main = await here.database().open()
  const table = await main.flush(Buffer.from('shared'))
  const slow = withFaults(store, {
    put: async (key, body, options) => {
      if (key.startsWith('db/MANIFEST-')) {
        paused()
        await mayGo
      }
      return store.put(key, body, options)
    },
  })
  const branch = (await machine(slow, { newCookie: 'b' })).database()
  opening = branch.open()
  await isPaused
  await main.drop(table)
  here.clock.advance(hour + 1000)
  await opening
  for (let turn = 0; turn < 40; turn++) await namesBelow(store, 'db')
  const reader = (await machine(store, { cookie: 'b' })).database()
  expect((await reader.read(table, 0, 6)).toString()).toBe('shared')
  await main.close()
  await branch.close()
})

test('without a delay, a line that drops the object while an owner decides has been forked before', async () => {
  const { store } = newStore()
  let isArmed = false
  let hasDropped = false
  let other: ScriptedRocksDB
  let table = ''
  const watched = withFaults(store, {
    get: async (key, range) => {
      if (isArmed && key === 'db/CLOUDMANIFEST-c') {
        isArmed = false
        await branchOf(store, 'd', 'c')
        await other.drop(table)
        hasDropped = true
      }
      return store.get(key, range)
    },
  })
  const here = await machine(watched, { deletionDelayMs: 0 })
  const main = await here.database().open()
  table = await main.flush(Buffer.from('shared'))
  await branchOf(store, 'c')
  other = await (await machine(store, { cookie: 'c' })).database().open()
  isArmed = true
  await main.drop(table)
  here.clock.advance(1000)
  await expect.poll(() => hasDropped).toBe(true)
  await muchLater(here, store)
  const reader = (await machine(store, { cookie: 'd' })).database()
  expect((await reader.read(table, 0, 6)).toString()).toBe('shared')
  await main.close()
  await other.close()
})

test('a clone that needs its source no longer lets its pin expire', async () => {
  const { store } = newStore()
  const here = await machine(store)
  const source = await here.database().open()
  const table = await source.flush(Buffer.from('one'))
  await cloneTo(store, 'clone')
  const clone = await (await machine(store)).database('clone').open()
  await clone.drop(table)
  await clone.close()
  // Its CLOUDMANIFEST has no source from here on.
  await (await (await machine(store)).database('clone').open()).close()
  const [pin] = await pinsOf(store, 'db')
  expect(decodePin((await store.get(`db/${pin}`)).body, '').kind).toBe('operation')
  await source.close()
})

test('a clone keeps its pin if its CLOUDMANIFEST arrived all the same', async () => {
  const { store } = newStore()
  const here = await machine(store)
  const source = await here.database().open()
  const table = await source.flush(Buffer.from('one'))
  let cut = false
  const expired = withFaults(store, {
    put: async (key, body, options) => {
      if (key !== 'clone/CLOUDMANIFEST') return store.put(key, body, options)
      // The first attempt got no answer, and the credentials expired before the second.
      await store.put(key, body, options)
      cut = true
      throw new EnvError('IOError', 'ExpiredToken')
    },
  })
  await expect(cloneTo(expired, 'clone')).rejects.toThrow('ExpiredToken')
  expect(cut).toBe(true)
  await source.drop(table)
  await muchLater(here, store)
  const clone = (await machine(store)).database('clone')
  expect((await clone.read(table, 0, 3)).toString()).toBe('one')
  await source.close()
})

test('a pin that is delivered late does not take the place of a later one', async () => {
  const { store } = newStore()
  const here = await machine(store)
  const source = await here.database().open()
  const [a] = [await source.flush(Buffer.from('a')), await source.flush(Buffer.from('b'))]
  let c = ''
  let late: (() => Promise<unknown>) | undefined
  const slow = withFaults(store, {
    put: async (key, body, options) => {
      if (key.startsWith('db/CLOUDPIN-') && !late) {
        late = async () => store.put(key, body, options)
        c = await source.flush(Buffer.from('c'))
        await source.drop(a)
      }
      return store.put(key, body, options)
    },
  })
  await cloneTo(slow, 'clone')
  await late?.()
  await source.drop(c)
  await muchLater(here, store)
  const clone = (await machine(store)).database('clone')
  expect((await clone.read(c, 0, 1)).toString()).toBe('c')
  await source.close()
})

async function withPast(deletionDelayMs: number) {
  const { store } = newStore()
  const source = await (await machine(store, { deletionDelayMs })).database().open()
  const first = await source.flush(Buffer.from('one'))
  const object = (await namesBelow(store, 'db')).find((name) => name.startsWith(first))
  const then = (await store.head(`db/${object}`)).lastModified
  await setTimeout(20)
  await source.flush(Buffer.from('two'))
  await source.drop(first)
  return { store, source, first, then }
}

test('no clone begins with a past state of a database that is destroyed meanwhile', async () => {
  const { store, source, first, then } = await withPast(day)
  let done = false
  const slow = beforeFirstPin(store, async () => {
    await source.close()
    await (await machine(store)).database().destroy()
    done = true
  })
  const outcome = await cloneTo(slow, 'clone', then).catch((error: unknown) => error)
  expect(done).toBe(true)
  expect(await tablesOf(store, 'db')).not.toContain(first)
  expect(outcome).toBeInstanceOf(EnvError)
})

test('no clone begins with a past state of a database whose next owner keeps less', async () => {
  const { store, source, first, then } = await withPast(day)
  let done = false
  const slow = beforeFirstPin(store, async () => {
    await source.close()
    const next = await machine(store, { deletionDelayMs: 0 })
    const db = await next.database().open()
    next.clock.advance(1000)
    await expect.poll(() => tablesOf(store, 'db')).not.toContain(first)
    await db.close()
    done = true
  })
  const outcome = await cloneTo(slow, 'clone', then).catch((error: unknown) => error)
  expect(done).toBe(true)
  expect(outcome).toBeInstanceOf(EnvError)
})

test('a branch of a clone begins with a past state', async () => {
  const { store } = newStore()
  const source = await (await machine(store)).database().open()
  await source.flush(Buffer.from('one'))
  await cloneTo(store, 'clone')
  const clone = await (await machine(store)).database('clone').open()
  const then = (await store.head('clone/CLOUDMANIFEST')).lastModified
  await setTimeout(20)
  await clone.flush(Buffer.from('two'))
  await clone.close()
  await source.close()
  const target = { store, path: 'clone' }
  const deps = { ...realSystem, openPlace: openPlaceIn(store) }
  const at = new Date(then.getTime() + 10)
  await fork({ places: [target], cookie: '', target, newCookie: 'b', at }, deps)
})

test('a removed branch of a clone lets go of the source', async () => {
  const { store } = newStore()
  const source = await (await machine(store)).database().open()
  await source.flush(Buffer.from('one'))
  await cloneTo(store, 'clone')
  const before = await pinsOf(store, 'db')
  const target = { store, path: 'clone' }
  const deps = { ...realSystem, openPlace: openPlaceIn(store) }
  await fork({ places: [target], cookie: '', target, newCookie: 'b' }, deps)
  expect(await pinsOf(store, 'db')).toHaveLength(2)
  await removeBranch(`${store.url}/clone`, 'b')
  expect(await pinsOf(store, 'db')).toEqual(before)
  await source.close()
})

test('the collector deletes what a removed branch wrote, beside an older checkpoint', async () => {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const main = await (await machine(store)).database().open()
  await main.flush(Buffer.from('one'))
  await main.close()
  await branchOf(store, 'checkpoint-january')
  dated.advance(day)
  await branchOf(store, 'b')
  const branch = await (await machine(store, { cookie: 'b' })).database().open()
  const table = await branch.flush(Buffer.from('of the branch'))
  await branch.close()
  await store.deleteMany(['db/CLOUDMANIFEST-b'])
  dated.advance(day)
  await (await (await machine(store)).database().open()).close()
  dated.advance(400 * day)
  await collectIn(store)
  expect(await tablesOf(store, 'db')).not.toContain(table)
})

test('an opening with a new cookie leaves the uploads of the other owner alone', async () => {
  const { store } = newStore()
  const main = await (await machine(store)).database().open()
  await main.flush(Buffer.from('one'))
  const { current } = { current: main.database.owner!.epoch }
  const aborted: string[] = []
  const uploading = withFaults(store, {
    unfinishedUploads: {
      async *list() {
        yield { key: `db/000099.sst-${current}`, id: 'x', started: new Date() }
      },
      abort: async ({ key }: { key: string }) => {
        aborted.push(key)
      },
    } as never,
  })
  const branch = await (await machine(uploading, { newCookie: 'b' })).database().open()
  await branch.close()
  await main.close()
  expect(aborted).toEqual([])
})

test('a clone whose maker is killed leaves no pin for ever', async () => {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const source = await (await machine(store)).database().open()
  const table = await source.flush(Buffer.from('one'))
  for (let i = 0; i < 3; i++) {
    const dying = await machine(killedAfter(store, 2), { source: `${store.url}/db` })
    await expect(dying.database('clone').open()).rejects.toThrow('killed')
  }
  await source.drop(table)
  await source.close()
  await (await (await machine(store)).database().open()).close()
  dated.advance(400 * day)
  await collectIn(store)
  expect(await pinsOf(store, 'db')).toEqual([])
})

test('a destruction that is killed for good stops nobody else', async () => {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const main = await (await machine(store)).database().open()
  await main.flush(Buffer.from('one'))
  await branchOf(store, 'b')
  await main.close()
  const dying = withFaults(store, {
    deleteMany: async (keys) => {
      if (keys.includes('db/CLOUDMANIFEST')) throw new EnvError('IOError', 'killed')
      return store.deleteMany(keys)
    },
  })
  await expect((await machine(dying)).database().destroy()).rejects.toThrow('killed')
  dated.advance(3 * day)
  await collectIn(store)
})

test('an owner whose branch is removed learns that, and not that somebody else opened it', async () => {
  const { store } = newStore()
  const main = await (await machine(store)).database().open()
  await main.flush()
  await main.close()
  await branchOf(store, 'b')
  const there = await machine(store, { cookie: 'b' })
  const branch = await there.database().open()
  await removeBranch(`${store.url}/db`, 'b')
  await expect(branch.flush()).rejects.toMatchObject({ code: 'IOFenced' })
  expect(there.fences).toEqual([
    expect.stringContaining('its CLOUDMANIFEST-b was deleted, as when the branch is removed'),
  ])
  await branch.close()
})
