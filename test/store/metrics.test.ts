// What counts as a request, for every kind of store.
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ObjectStore } from '#src/store/object-store.js'
import { type OpenStoreOptions, openStore } from '#src/store/open-store.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import { memoryStore } from '../support/memory-store.js'
import { testStores } from '../support/test-stores.js'
import { bytes, keysOf } from './contract.js'

interface Kind {
  readonly name: string
  make(): { readonly url: string; readonly options: OpenStoreOptions }
}

const kinds: Kind[] = [
  ...testStores().map(({ name, make }) => ({
    name,
    make() {
      const store = make()
      return { url: store.url(), options: store.connection }
    },
  })),
  { name: 'a module', make: () => ({ url: `memory://${randomUUID()}`, options: memoryStore }) },
]

describe.each(kinds)('the requests of $name', ({ make }) => {
  const { url, options } = make()
  const counted = async (use: (store: ObjectStore) => Promise<unknown>) => {
    const metrics = new StoreMetrics()
    const store = await openStore(url, { ...options, onRequest: metrics.record })
    await use(store)
    await store.close()
    return metrics.snapshot()
  }

  test('are counted, with the bytes that they moved', async () => {
    const requests = await counted(async (store) => {
      await store.put('m/a', bytes('12345'))
      await store.put('m/a', bytes('6'), { condition: 'absent' }).catch(() => {})
      await store.get('m/a')
      await store.get('m/a', { offset: 0, length: 2 })
      await store.head('m/a')
      await store.head('m/none').catch(() => {})
      await keysOf(store, 'm/')
      await store.copy('m/a', 'm/b')
      await store.deleteMany(['m/a', 'm/b'])
      await store.deleteMany([])
    })
    expect(requests).toMatchObject({
      put: { requests: 2, bytes: 5, errors: 0 },
      get: { requests: 2, bytes: 7, errors: 0 },
      head: { requests: 2, bytes: 0, errors: 0 },
      list: { requests: 1, bytes: 0, errors: 0 },
      copy: { requests: 1, bytes: 0, errors: 0 },
      delete: { requests: 1, bytes: 0, errors: 0 },
    })
  })

  test('count each page of a listing', async () => {
    const keys = Array.from({ length: 1_005 }, (_, index) => `many/${String(index).padStart(6, '0')}`)
    const { list } = await counted(async (store) => {
      for (let start = 0; start < keys.length; start += 100)
        await Promise.all(keys.slice(start, start + 100).map((key) => store.put(key, new Uint8Array())))
      expect(await keysOf(store, 'many/')).toEqual(keys)
      await store.deleteMany(keys)
    })
    expect(list.requests).toBe(2)
  })
})
