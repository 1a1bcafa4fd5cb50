import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readHistory } from '#src/catalog/history.js'
import { EnvError } from '#src/env/env-error.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { DatedStore } from '../support/dated-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

const hour = 3_600_000
const isFormer = (name: string) => name.startsWith('HISTORY-')

async function opened(
  put: (store: ObjectStore) => ObjectStore['put'] = (store) => (key, body, options) =>
    store.put(key, body, options),
) {
  const { store, directory } = newStore()
  const faulty = withFaults(store, { put: put(store) })
  const machine = await ScriptedMachine.start(faulty, { deletionDelayMs: hour })
  const db = await machine.database().open()
  const former = async () => (await readdir(join(directory, 'db'))).filter(isFormer)
  const states = async () => (await readHistory([{ store, path: 'db' }], ''))!.states
  return { store, machine, db, former, states }
}

const unreachable = () => new EnvError('IOError', 'the store is away', { retryable: true })

test('a MANIFEST that is begun anew leaves the former one, with all of its states', async () => {
  const { db, former, states } = await opened()
  await db.flush()
  await db.flush()
  const before = await states()
  await db.beginManifest()
  expect(await former()).toEqual([expect.stringMatching(/^HISTORY-[0-9a-f]{16}-\d{6}$/)])
  const after = await states()
  expect(after.slice(-before.length).map(({ tables }) => tables)).toEqual(before.map(({ tables }) => tables))
  expect(after.map(({ tables, isOpenable }) => [tables, isOpenable])).toEqual([
    [2, true],
    [2, true],
    [1, true],
    [0, true],
  ])
  await db.close()
})

test('neither a creation, nor an opening, nor a commit leaves one', async () => {
  const { machine, db, former } = await opened()
  await db.flush()
  await db.close()
  const next = await machine.database().open()
  await next.flush()
  await next.close()
  expect(await former()).toEqual([])
})

describe('if the store fails', () => {
  test('while the former is written, the former stays in force, and the commit can be repeated', async () => {
    let isAway = false
    const { db, former, states } = await opened((store) => async (key, body, options) => {
      if (isAway && key.includes('/HISTORY-')) throw unreachable()
      return store.put(key, body, options)
    })
    await db.flush()
    isAway = true
    await expect(db.beginManifest()).rejects.toMatchObject({ retryable: true })
    expect((await states()).map(({ tables }) => tables)).toEqual([1, 0])
    expect(await former()).toEqual([])
    isAway = false
    await db.commit()
    expect((await states()).map(({ tables }) => tables)).toEqual([1, 1, 0])
    await db.close()
  })

  test('after it took the former, without an answer, the commit can be repeated', async () => {
    let isDeaf = true
    const { db, former, states } = await opened((store) => async (key, body, options) => {
      const result = await store.put(key, body, options)
      if (!key.includes('/HISTORY-') || !isDeaf) return result
      isDeaf = false
      throw unreachable()
    })
    await db.flush()
    await expect(db.beginManifest()).rejects.toMatchObject({ retryable: true })
    await db.commit()
    expect(await former()).toHaveLength(1)
    expect((await states()).map(({ tables }) => tables)).toEqual([1, 1, 0])
    await db.close()
  })

  test('after it took the new MANIFEST, without an answer, another one may be begun', async () => {
    let isDeaf = false
    const { db, former, states } = await opened((store) => async (key, body, options) => {
      const result = await store.put(key, body, options)
      if (!key.includes('/MANIFEST-') || !isDeaf) return result
      isDeaf = false
      throw unreachable()
    })
    await db.flush()
    isDeaf = true
    await expect(db.beginManifest()).rejects.toMatchObject({ retryable: true })
    await db.beginManifest()
    expect(await former()).toHaveLength(2)
    expect((await states()).map(({ tables }) => tables)).toEqual([1, 1, 1, 0])
    await db.close()
  })
})

describe('a former MANIFEST is deleted after the delay', () => {
  test('by its owner', async () => {
    const { machine, db, former } = await opened()
    await db.flush()
    await db.beginManifest()
    machine.clock.advance(hour - 1_000)
    expect(await former()).toHaveLength(1)
    machine.clock.advance(2_000)
    await expect.poll(former).toEqual([])
    await db.close()
  })

  test('by the next one, by the clock of the store', async () => {
    const { store, directory } = newStore()
    const dated = new DatedStore(store)
    const machine = await ScriptedMachine.start(dated.store, { deletionDelayMs: hour })
    const former = async () => (await readdir(join(directory, 'db'))).filter(isFormer).length
    const db = await machine.database().open()
    await db.flush()
    await db.beginManifest()
    await db.close()
    dated.advance(hour / 2)
    await (await machine.database().open()).close()
    expect(await former()).toBe(1)
    dated.advance(hour)
    await (await machine.database().open()).close()
    expect(await former()).toBe(0)
  })
})

test('an owner that begins one after the next owner has deleted the former is fenced', async () => {
  const { store, db } = await opened()
  await db.flush()
  const other = await ScriptedMachine.start(store, { deletionDelayMs: 0 })
  const next = await other.database().open()
  const { epoch } = db.database.owner!
  await store.deleteMany([`db/MANIFEST-${epoch}`])
  await expect(db.beginManifest()).rejects.toMatchObject({ code: 'IOFenced' })
  await db.close()
  await next.close()
})
