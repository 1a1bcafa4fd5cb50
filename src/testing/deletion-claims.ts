import assert from 'node:assert/strict'
import { assertFails, bytes, type Claims, keysOf, textOf } from './claim.js'

export const deletionClaims: Claims = {
  'a deletion removes exactly the objects named, and does not mind those that are gone': async ({
    store,
  }) => {
    for (const key of ['d/1', 'd/2', 'd/3', 'd/4/5'])
      await store.put(key, bytes('x'), { metadata: { a: '1' } })
    await store.deleteMany(['d/1', 'd/none', 'none/none', 'd/3', 'd/4', 'd/2/none'])
    assert.deepEqual(await keysOf(store), ['d/2', 'd/4/5'])
    await store.deleteMany([])
  },

  'a deletion forgets the metadata': async ({ store }) => {
    await store.put('key', bytes('x'), { metadata: { a: '1' } })
    await store.deleteMany(['key'])
    await store.put('key', bytes('x'))
    assert.deepEqual((await store.head('key')).metadata, {})
  },

  'a deletion does not disturb the writers of neighbours': async ({ store }) => {
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await store.put(`n/${index % 3}/x${index}`, bytes('x'))
        await store.deleteMany([`n/${index % 3}/x${index}`])
        await store.put(`n/${index % 3}/y${index}`, bytes('y'))
      }),
    )
    assert.equal((await keysOf(store, 'n/')).length, 30)
  },
}

export const copyClaims: Claims = {
  'a copy has content and metadata of its source, and is independent of it': async ({ store }) => {
    await store.put('source', bytes('content'), { metadata: { a: '1' } })
    await store.put('target', bytes('old'), { metadata: { b: '2' } })
    const copied = await store.copy('source', 'target')
    await store.put('source', bytes('changed'))
    const { etag, size, metadata } = await store.head('target')
    assert.deepEqual({ etag, size, metadata }, { etag: copied.etag, size: 7, metadata: { a: '1' } })
    assert.equal(await textOf(store, 'target'), 'content')
  },

  'a copy of what is not there is NotFound': async ({ store }) => {
    await assertFails(store.copy('none', 'target'), 'NotFound', 'none')
  },
}
