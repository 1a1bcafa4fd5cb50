import { expect, test } from 'vitest'
import { CurrentView } from '#src/cloud/current-view.js'
import { EnvError } from '#src/env/env-error.js'
import type { ObjectKey, ObjectStore } from '#src/store/object-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

/** A database with an owner, and a view of it that counts its requests. */
async function viewed() {
  const { store } = newStore()
  const db = await (await ScriptedMachine.start(store)).database().open()
  const requests: string[] = []
  const counting: ObjectStore = withFaults(store, {
    get: (key, range) => {
      requests.push(`get ${key}`)
      return store.get(key, range)
    },
    head: (key) => {
      requests.push(`head ${key}`)
      return store.head(key)
    },
  })
  const view = new CurrentView([{ store: counting, path: 'db' }], '')
  const take = () => requests.splice(0).map((line) => line.replace(/-[0-9a-f]{16}$/, ''))
  return { db, view, take, counting }
}

test('is read once, however many ask at the same time', async () => {
  const { view, take } = await viewed()
  const [first, second] = await Promise.all([view.read(), view.read()])
  expect(first).toBe(second)
  expect(await view.read()).toBe(first)
  expect(take()).toEqual(['get db/CLOUDMANIFEST', 'get db/MANIFEST', 'get db/IDENTITY'])
})

test('a fresh look at what has not changed costs two HEADs', async () => {
  const { view, take } = await viewed()
  const known = await view.read()
  take()
  expect(await view.read({ fresh: true })).toBe(known)
  expect(take()).toEqual(['head db/CLOUDMANIFEST', 'head db/MANIFEST'])
})

test('a fresh look finds what was committed meanwhile', async () => {
  const { db, view } = await viewed()
  await view.read()
  const table = await db.flush()
  expect((await view.read())!.files.has(table)).toBe(false)
  expect((await view.read({ fresh: true }))!.files.has(table)).toBe(true)
})

test('a failure is told to who asked, and not kept', async () => {
  const { counting } = await viewed()
  let isAway = true
  const store = withFaults(counting, {
    get: (key, range) =>
      isAway ? Promise.reject(new EnvError('IOError', 'the store is away')) : counting.get(key, range),
  })
  const view = new CurrentView([{ store, path: 'db' }], '')
  await expect(view.read()).rejects.toThrow('the store is away')
  isAway = false
  expect(await view.read()).toBeDefined()
})

test('an IDENTITY is fetched with the state, and not again', async () => {
  const { view, take } = await viewed()
  const state = (await view.read())!
  expect(take()).toContain('get db/IDENTITY')
  expect(await view.identity(state)).not.toHaveLength(0)
  expect(take()).toEqual([])
})

test('an IDENTITY that was written after the state is found', async () => {
  const { view, counting } = await viewed()
  const key = 'db/IDENTITY' as ObjectKey
  const { body } = await counting.get(key)
  await counting.deleteMany([key])
  const state = (await view.read())!
  expect(await view.identity(state)).toHaveLength(0)
  await counting.put(key, body)
  expect(await view.identity(state)).toEqual(Buffer.from(body))
})

test('no database is no failure, and one that comes to be is found', async () => {
  const { store } = newStore()
  const view = new CurrentView([{ store, path: 'db' }], '')
  expect(await view.read()).toBeUndefined()
  await (await ScriptedMachine.start(store)).database().open()
  expect(await view.read({ fresh: true })).toBeDefined()
})
