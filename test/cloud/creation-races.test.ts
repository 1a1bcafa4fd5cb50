import { expect, test } from 'vitest'
import type { ObjectStore } from '#src/store/object-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

/** Creates a database, with a table, on another machine. */
async function created(store: ObjectStore) {
  const machine = await ScriptedMachine.start(store)
  const db = await machine.database().open()
  await db.flush()
  await db.close()
  return machine
}

test('a creation has its MANIFEST though a database that was destroyed meanwhile took it along', async () => {
  const { store } = newStore()
  let isFirst = true
  const slow = withFaults(store, {
    put: async (key, body, options) => {
      if (key === 'db/CLOUDMANIFEST' && isFirst) {
        isFirst = false
        await (await created(store)).database().destroy()
      }
      return store.put(key, body, options)
    },
  })
  const db = await (await ScriptedMachine.start(slow)).database().open()
  const table = await db.flush()
  await db.close()
  const reopened = await (await ScriptedMachine.start(store)).database().open()
  expect(await reopened.database.children()).toContain(table)
  await reopened.close()
})

test('what a creation finds is no lost database if somebody else has created it since the listing', async () => {
  const { store } = newStore()
  let isFirst = true
  const slow = withFaults(store, {
    async *list(prefix, options) {
      const found = []
      for await (const object of store.list(prefix, options)) found.push(object)
      if (isFirst && options?.shallow) {
        isFirst = false
        await created(store)
        // The listing ended with what lies behind CLOUDMANIFEST in the alphabet.
        for await (const object of store.list(prefix, options))
          if (object.key > 'db/CLOUDMANIFEST') found.push(object)
      }
      yield* found
    },
  })
  const db = await (await ScriptedMachine.start(slow)).database().open()
  expect(await db.database.children()).toContainEqual(expect.stringMatching(/\.sst$/))
  await db.close()
})
