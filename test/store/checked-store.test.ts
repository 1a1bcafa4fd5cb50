import { expect, test } from 'vitest'
import { systemClock } from '#src/env/clock.js'
import { CheckedStore } from '#src/store/checked-store.js'
import type { ObjectInfo, ObjectStore, PutResult, StoredObject } from '#src/store/object-store.js'
import { memoryStore } from '../support/memory-store.js'
import { withFaults } from '../support/scripted-rocksdb.js'
import { bytes, keysOf } from './contract.js'

const example: { openStore(url: string, options: object): ObjectStore } = await import(
  memoryStore.storeModule
)

/** A store with the objects `a/1`, `a/2` and `a/b/3`, whose answers are changed. */
async function answering(change: (store: ObjectStore) => Partial<ObjectStore>): Promise<CheckedStore> {
  const store = example.openStore(`memory://checked-${Math.random().toString(36).slice(2)}/x`, {})
  for (const key of ['a/1', 'a/2', 'a/b/3']) await store.put(key, bytes(key))
  return new CheckedStore(withFaults(store, change(store)), { clock: systemClock, timeoutMs: undefined })
}

const wrong = (call: string, what: string) => ({
  name: 'EnvError',
  code: 'NotSupported',
  retryable: false,
  message: expect.stringMatching(
    new RegExp(`^${call}: expected ${what} in the answer of the store, got .*contract`),
  ),
})

test.each<[what: string, answer: unknown]>([
  ['a text as "etag"', {}],
  ['a text as "etag"', { etag: '' }],
  ['an object', undefined],
])('a put is answered with %s, not %j', async (what, answer) => {
  const store = await answering(() => ({
    put: async () => answer as PutResult,
    copy: async () => answer as PutResult,
  }))
  await expect(store.put('a/1', bytes('1'))).rejects.toMatchObject(wrong('put memory://.*/x/a/1', what))
  await expect(store.copy('a/1', 'a/2')).rejects.toMatchObject(wrong('copy memory://.*/x/a/1 to a/2', what))
})

test.each<[field: string, value: unknown, what: string]>([
  ['size', undefined, 'a number of bytes as "size"'],
  ['size', -1, 'a number of bytes as "size"'],
  ['etag', 7, 'a text as "etag"'],
  ['lastModified', 1_700_000_000_000, 'a date as "lastModified"'],
  ['lastModified', new Date('never'), 'a date as "lastModified"'],
  ['metadata', undefined, 'an object as "metadata"'],
  ['body', 'text', 'bytes as "body"'],
])('an object whose %s is %j is refused', async (field, value, what) => {
  const store = await answering((target) => ({
    get: async (key) => ({ ...(await target.get(key)), [field]: value }) as StoredObject,
    head: async (key) => ({ ...(await target.head(key)), [field]: value }) as ObjectInfo,
  }))
  await expect(store.get('a/1')).rejects.toMatchObject(wrong('get memory://.*/x/a/1', what))
  if (field !== 'body')
    await expect(store.head('a/1')).rejects.toMatchObject(wrong('head memory://.*/x/a/1', what))
})

test.each<[fault: string, keys: readonly unknown[], what: string]>([
  ['has whole keys', ['/x/a/1'], 'keys that begin so'],
  ['is not sorted', ['a/2', 'a/1'], 'keys in the order of their bytes'],
  ['repeats a key', ['a/1', 'a/1'], 'keys in the order of their bytes'],
  ['goes deeper', ['a/1', 'a/b/3'], 'no key with a slash after that, as "shallow" asks'],
  ['has no keys', [undefined], 'a text as "key"'],
])('a listing that %s is refused', async (_, keys, what) => {
  const store = await answering((target) => ({
    async *list() {
      const info = await target.head('a/1')
      for (const key of keys) yield { ...info, key } as ObjectInfo
    },
  }))
  await expect(keysOf(store, 'a/', { shallow: true })).rejects.toMatchObject(
    wrong('list memory://.*/x/a/', what),
  )
})

test('right answers pass', async () => {
  const store = await answering(() => ({}))
  expect(await keysOf(store, 'a/')).toEqual(['a/1', 'a/2', 'a/b/3'])
  expect(await keysOf(store, 'a/', { shallow: true, startAfter: 'a/1' })).toEqual(['a/2'])
  expect((await store.get('a/1')).body).toEqual(bytes('a/1'))
})
