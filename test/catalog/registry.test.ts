import { expect, test } from 'vitest'
import { findEntry, isInRegistry, putIdentity, registryKey } from '#src/catalog/registry.js'
import { newStore, withFaults } from '../support/scripted-rocksdb.js'

const id = 'f92b4d70-0a3f-4754-9e90-bf99e9b76ed2'

test('an id is written byte by byte as rocksdb-cloud does: IDENTITY, and an empty entry that names the path', async () => {
  const { store } = newStore()
  await putIdentity({ store, path: 'dbs/orders' }, Buffer.from(id))
  const identity = await store.get('dbs/orders/IDENTITY')
  expect(Buffer.from(identity.body).toString('latin1')).toBe(id)
  expect(identity.metadata).toEqual({})
  const entry = await store.get(`.rockset/dbid/${id}`)
  expect(entry.body).toHaveLength(0)
  expect(entry.metadata).toEqual({ dirname: 'dbs/orders' })
  expect(await findEntry(store, id)).toMatchObject({ id, path: 'dbs/orders' })
})

test('an id with a line end behind it has the entry of the id alone', () => {
  const key = registryKey(Buffer.from(`${id}\n`))
  expect(key).toBe(`.rockset/dbid/${id}`)
  expect(isInRegistry(key!)).toBe(true)
})

test('whoever is killed between the two writes leaves no IDENTITY without an entry', async () => {
  const { store } = newStore()
  const written: string[] = []
  const watched = withFaults(store, {
    put: (key, body, options) => {
      written.push(key)
      return store.put(key, body, options)
    },
  })
  await putIdentity({ store: watched, path: 'db' }, Buffer.from(id))
  expect(written).toEqual([`.rockset/dbid/${id}`, 'db/IDENTITY'])
})

test.each([['../../db/CLOUDMANIFEST'], ['a/b'], [''], ['x'.repeat(101)]])(
  '%j, no id, has no entry',
  (text) => {
    expect(registryKey(Buffer.from(text))).toBeUndefined()
  },
)
