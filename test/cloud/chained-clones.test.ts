import { expect, test } from 'vitest'
import { fork } from '#src/cloud/fork.js'
import { EnvError } from '#src/env/env-error.js'
import { realSystem } from '#src/env/system.js'
import { standAloneAt } from '#src/operations/stand-alone.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { cloneTo, collectIn, machine, muchLater, namesBelow, openPlaceIn, pinsOf } from '../support/forks.js'
import { newStore, withFaults } from '../support/scripted-rocksdb.js'

/** The store, where the database at `db` can't be reached. */
function without(store: ObjectStore): ObjectStore {
  const reach = async <T>(key: string, request: () => Promise<T>) => {
    if (key.startsWith('db/')) throw new EnvError('IOError', 'db is out of reach')
    return request()
  }
  return withFaults(store, {
    get: (key, range) => reach(key, () => store.get(key, range)),
    head: (key) => reach(key, () => store.head(key)),
    put: (key, body, options) => reach(key, () => store.put(key, body, options)),
    deleteMany: (keys) => reach(keys[0] ?? '', () => store.deleteMany(keys)),
    async *list(prefix, options) {
      await reach(prefix, async () => {})
      yield* store.list(prefix, options)
    },
  })
}

test.each(['can', "can't"])(
  'a clone of a clone keeps a table that the latter copies and drops, though the source %s be reached meanwhile',
  async (can) => {
    const { store } = newStore()
    const here = await machine(store)
    const source = await here.database().open()
    const table = await source.flush(Buffer.from('shared'))
    await cloneTo(store, 'first')
    const first = await here.database('first').open()
    await first.flush()
    const openPlace = openPlaceIn(store)
    const places = [{ store, path: 'first' }] as const
    const target = { store, path: 'second' }
    await fork({ places, cookie: '', target, newCookie: '' }, { ...realSystem, openPlace })

    await standAloneAt({ places, openPlace }, {})
    const there = await machine(can === 'can' ? store : without(store))
    await (await there.database('second').open()).close()
    await first.close()
    await source.drop(table)
    const again = await here.database('first').open()
    await again.drop(table)
    await muchLater(here, store)
    const second = await (await machine(store)).database('second').open()
    expect((await second.read(table, 0, 6)).toString()).toBe('shared')
    for (const db of [second, again, source]) await db.close()
  },
)

test('a clone that needs nothing of its source any more remembers its pin there when it is destroyed', async () => {
  const { store } = newStore()
  const here = await machine(store)
  const source = await here.database().open()
  const table = await source.flush()
  await cloneTo(store, 'clone')
  const clone = await here.database('clone').open()
  await clone.drop(table)
  await clone.close()
  const [pin] = await pinsOf(store, 'db')

  const there = await machine(without(store))
  await there.database('clone').destroy()
  expect(there.warnings.at(-1)).toContain(`db/${pin}`)
  await collectIn(store, { path: 'clone' })
  expect([...(await namesBelow(store, 'clone')), ...(await pinsOf(store, 'db'))]).toEqual([])
  await source.close()
})
