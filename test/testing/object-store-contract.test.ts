// The public contract suite detects the faults of a store.
import { expect, test } from 'vitest'
import { type ObjectInfo, type ObjectStore, PreconditionFailed } from '#src/store/object-store.js'
import { objectStoreContract } from '#src/testing/index.js'
import { memoryStore } from '../support/memory-store.js'
import { withFaults } from '../support/scripted-rocksdb.js'

const example: { openStore(url: string, options: object): ObjectStore } = await import(
  memoryStore.storeModule
)

async function* only(listed: AsyncIterable<ObjectInfo>, count: number): AsyncGenerator<ObjectInfo> {
  let left = count
  for await (const info of listed) {
    if (left-- === 0) return
    yield info
  }
}

async function* reversed(listed: AsyncIterable<ObjectInfo>): AsyncGenerator<ObjectInfo> {
  const all: ObjectInfo[] = []
  for await (const info of listed) all.unshift(info)
  yield* all
}

const faults: [what: string, found: RegExp, fault: (store: ObjectStore) => Partial<ObjectStore>][] = [
  [
    'ignores conditions',
    /^a conditional write for an absent object happens once$/,
    (store) => ({ put: (key, body, options) => store.put(key, body, { metadata: options?.metadata ?? {} }) }),
  ],
  [
    'checks a condition, and writes later',
    /^a conditional write is won by exactly one of many$/,
    (store) => ({
      async put(key, body, { condition, ...options } = {}) {
        const found = await store.head(key).catch(() => undefined)
        const expected = condition === 'absent' ? undefined : condition?.etag
        if (condition && found?.etag !== expected)
          return await store.put(key, body, { condition, ...options })
        await new Promise((resolve) => setImmediate(resolve))
        return await store.put(key, body, options)
      },
    }),
  ],
  [
    'ignores ranges',
    /^any range is what a slice of the object is$/,
    (store) => ({ get: (key) => store.get(key) }),
  ],
  [
    'forgets metadata',
    /^an object is read back as it was written, with its metadata$/,
    (store) => ({ put: (key, body, options) => store.put(key, body, { ...options, metadata: {} }) }),
  ],
  [
    'has something everywhere',
    /^an object that is not there is NotFound, and is named$/,
    (store) => ({
      head: (key) =>
        store.head(key).catch(() => ({ key, size: 0, etag: '', lastModified: new Date(), metadata: {} })),
    }),
  ],
  [
    'takes any key',
    /^a name that cannot be one is a TypeError$/,
    (store) => ({ deleteMany: (keys) => store.deleteMany(keys).catch(() => {}) }),
  ],
  [
    'lists in another order',
    /^a listing has every key .*, in the order of their bytes$/,
    (store) => ({ list: (prefix, options) => reversed(store.list(prefix, options)) }),
  ],
  [
    'lists one page only',
    /^more objects than fit a page are all listed, and all deleted$/,
    (store) => ({ list: (prefix, options) => only(store.list(prefix, options), 1000) }),
  ],
  [
    'lists from the beginning',
    /^a listing starts after a key$/,
    (store) => ({ list: (prefix, options) => store.list(prefix, { shallow: options?.shallow ?? false }) }),
  ],
  [
    'lists what lies deeper',
    /^a shallow listing leaves out what lies deeper$/,
    (store) => ({ list: (prefix, options) => store.list(prefix, { ...options, shallow: false }) }),
  ],
  [
    'deletes one object',
    /^a deletion removes exactly the objects named/,
    (store) => ({ deleteMany: (keys) => store.deleteMany(keys.slice(0, 1)) }),
  ],
  [
    'copies without metadata',
    /^a copy has content and metadata of its source/,
    (store) => ({ copy: async (source, target) => store.put(target, (await store.get(source)).body) }),
  ],
]

/** Names of the claims that do not hold. */
async function failedClaims(open: (place: string) => ObjectStore): Promise<string[]> {
  const failed: string[] = []
  for (const { name, run } of objectStoreContract(open)) await run().catch(() => failed.push(name))
  return failed
}

test.each(faults)('a store that %s is found out', async (_, found, fault) => {
  const failed = await failedClaims((place) => {
    const store = example.openStore(`memory://faults/${place}`, {})
    return withFaults(store, fault(store))
  })
  expect(failed).toContainEqual(expect.stringMatching(found))
})

test('a store that keeps the places of its URLs apart is found out', async () => {
  const failed = await failedClaims((place) =>
    example.openStore(`memory://apart/${place.replaceAll('/', '-')}`, {}),
  )
  expect(failed).toEqual(['a place below another one has its objects, by the rest of their keys'])
})

test('a store whose conditions never hold ends the claims', async () => {
  const failed = await failedClaims((place) => {
    const store = example.openStore(`memory://never/${place}`, {})
    return withFaults(store, {
      put: (key, body, options) =>
        typeof options?.condition === 'object'
          ? Promise.reject(new PreconditionFailed('another one is there'))
          : store.put(key, body, options),
    })
  })
  expect(failed).toContain('conditional writes make a counter that loses no increment')
})

test('every store that a claim opens is closed, also where the claim does not hold', async () => {
  let open = 0
  const checks = objectStoreContract((place) => {
    open += 1
    const store = example.openStore(`memory://closing/${place}`, {})
    return withFaults(store, {
      head: () => Promise.reject(new Error('broken')),
      close: async () => {
        open -= 1
      },
    })
  })
  const outcomes = await Promise.allSettled(checks.map(({ run }) => run()))
  expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
  expect(open).toBe(0)
})
