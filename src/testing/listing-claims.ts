import assert from 'node:assert/strict'
import { compareKeys } from '../store/object-key.js'
import type { ObjectStore } from '../store/object-store.js'
import { bytes, type Claims, keysOf, textOf } from './claim.js'

/** No key is a directory of another: a store need not hold both. */
const keys = ['Z', 'a-b', 'a.b', 'a/b/c', 'a/b/d/e', 'a/b0', 'a0', 'b/a', 'ä']

async function fill(store: ObjectStore, these: readonly string[] = keys): Promise<void> {
  await Promise.all(these.map((key) => store.put(key, bytes(key))))
}

export const listingClaims: Claims = {
  'a place below another one has its objects, by the rest of their keys': async ({ store, below }) => {
    const inner = await below('a/b')
    await store.put('a/b/c', bytes('put from above'))
    assert.equal(await textOf(inner, 'c'), 'put from above')
    await inner.put('d/e', bytes('put from below'))
    assert.equal(await textOf(store, 'a/b/d/e'), 'put from below')
    assert.deepEqual(await keysOf(inner), ['c', 'd/e'])
  },

  'a listing has every key that starts with the prefix, in the order of their bytes': async ({ store }) => {
    await fill(store)
    for (const prefix of ['', 'a', 'a/', 'a/b', 'a/b/', 'a/b/d/e', 'b', 'c', 'a/b/c/', 'ä', '../', 'a/../']) {
      const expected = keys.filter((key) => key.startsWith(prefix)).sort(compareKeys)
      assert.deepEqual(await keysOf(store, prefix), expected, `of the prefix "${prefix}"`)
    }
  },

  'a listing starts after a key': async ({ store }) => {
    // Some servers compare keys as they encode them.
    const ascii = keys.filter((key) => key !== 'ä')
    await fill(store, ascii)
    for (const startAfter of ['', 'a', 'a/b', 'a/b/c', 'a/b/d', 'a0', 'zzz']) {
      const expected = ascii.filter((key) => compareKeys(key, startAfter) > 0).sort(compareKeys)
      assert.deepEqual(await keysOf(store, '', { startAfter }), expected, `after "${startAfter}"`)
    }
    assert.deepEqual(await keysOf(store, 'a/', { startAfter: 'a/b/c' }), ['a/b/d/e', 'a/b0'])
  },

  'a shallow listing leaves out what lies deeper': async ({ store }) => {
    await fill(store)
    for (const prefix of ['', 'a', 'a/', 'a/b', 'a/b/', 'c/']) {
      const direct = keys.filter((key) => key.startsWith(prefix) && !key.includes('/', prefix.length))
      const found = await keysOf(store, prefix, { shallow: true })
      assert.deepEqual(found, direct.sort(compareKeys), `of the prefix "${prefix}"`)
    }
  },

  'a listing tells size, ETag and time, and no metadata': async ({ store }) => {
    await fill(store)
    await store.put('a/c', bytes('a/c'), { metadata: { a: '1' } })
    for await (const { lastModified, ...info } of store.list('a/')) {
      const { etag } = await store.head(info.key)
      assert.deepEqual(info, { key: info.key, size: info.key.length, etag, metadata: {} })
      assert.ok(lastModified instanceof Date)
    }
  },

  'a listing can be left early': async ({ store }) => {
    await fill(store)
    for await (const { key } of store.list('')) {
      assert.equal(key, 'Z')
      break
    }
  },

  'more objects than fit a page are all listed, and all deleted': async ({ store }) => {
    const many = Array.from({ length: 1_205 }, (_, index) => `many/${String(index).padStart(6, '0')}`)
    for (let start = 0; start < many.length; start += 100)
      await Promise.all(many.slice(start, start + 100).map((key) => store.put(key, new Uint8Array())))
    assert.deepEqual(await keysOf(store, 'many/'), many)
    const last = await keysOf(store, 'many/', { shallow: true, startAfter: 'many/001203' })
    assert.deepEqual(last, ['many/001204'])
    await store.deleteMany([...many, 'many/not-there'])
    assert.deepEqual(await keysOf(store), [])
  },
}
