// What a user-written store gets: retries, time-outs, metrics and errors in our words.
import { beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '#src/env/clock.js'
import { EnvError } from '#src/env/env-error.js'
import { AbandonableStore } from '#src/store/abandonable-store.js'
import { attempting } from '#src/store/attempting.js'
import { type ObjectInfo, type ObjectStore, PreconditionFailed, Throttled } from '#src/store/object-store.js'
import { RequestingStore } from '#src/store/requesting-store.js'
import { retrying } from '#src/store/retry.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { ManualClock } from '../support/manual-clock.js'
import { bytes, keysOf } from './contract.js'

let metrics: StoreMetrics
beforeEach(() => {
  metrics = new StoreMetrics()
})

/** A store with some methods of the test, opened as by an Env. */
function opened(methods: Partial<ObjectStore>, clock: Clock = new ImpatientClock()): ObjectStore {
  const seams = { clock, random: () => 0.5, onRequest: metrics.record }
  const store = { url: 'mine://place', ...methods } as ObjectStore
  const once = attempting({ ...seams, timeoutMs: undefined, hedgeAfterMs: undefined })
  return new RequestingStore(store, retrying(seams, once))
}

/** Lets time pass, and pending callbacks run. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  await nextTurn()
  clock.advance(ms)
  await nextTurn()
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

const away = () => new EnvError('IOError', 'the store is away', { retryable: true })
const never = () => new Promise<never>(() => {})
const infoOf = (key: string): ObjectInfo => ({
  key,
  size: 1,
  etag: 'e',
  lastModified: new Date(0),
  metadata: {},
})

describe('a call that fails', () => {
  test('with a retryable error is repeated, and each attempt is counted', async () => {
    let attempts = 0
    const store = opened({
      async get(key) {
        if (++attempts < 4) throw away()
        return { ...infoOf(key), body: bytes('four') }
      },
    })
    expect((await store.get('key')).body).toHaveLength(4)
    expect(metrics.snapshot().get).toMatchObject({ requests: 4, bytes: 4, errors: 3, retries: 3 })
  })

  test('again and again is given up after five attempts', async () => {
    const store = opened({ put: () => Promise.reject(away()) })
    await expect(store.put('key', bytes('x'))).rejects.toMatchObject({ code: 'IOError', retryable: true })
    expect(metrics.snapshot().put).toMatchObject({ requests: 5, bytes: 0, errors: 5, retries: 4 })
  })

  test('with a final error is not repeated', async () => {
    const store = opened({ head: () => Promise.reject(new EnvError('NotFound', 'no mine://place/key')) })
    await expect(store.head('key')).rejects.toMatchObject({
      code: 'NotFound',
      message: 'no mine://place/key',
    })
    expect(metrics.snapshot().head).toMatchObject({ requests: 1, bytes: 0, errors: 0, retries: 0 })
  })

  test('with anything else is a retryable EnvError that names the object', async () => {
    const store = opened({
      copy() {
        throw new TypeError('fetch failed')
      },
    })
    await expect(store.copy('a', 'b')).rejects.toMatchObject({
      name: 'EnvError',
      code: 'IOError',
      retryable: true,
      message: 'copy mine://place/a: fetch failed',
    })
    expect(metrics.snapshot().copy.requests).toBe(5)
  })

  test('with an EnvError of another copy of this package means the same', async () => {
    const foreign = Object.assign(new Error('gone'), { name: 'EnvError', code: 'NotFound', retryable: false })
    const store = opened({ head: () => Promise.reject(foreign) })
    const error = await store.head('key').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(EnvError)
    expect(error).toMatchObject({ code: 'NotFound', message: 'head mine://place/key: gone' })
  })

  test('with Throttled is repeated no sooner than the store asks for, also by another copy of this package', async () => {
    const foreign = Object.assign(new Error('slow down'), {
      name: 'EnvError',
      code: 'IOError',
      retryable: true,
      retryAfterMs: 3_000,
    })
    for (const error of [new Throttled('slow down', { retryAfterMs: 3_000 }), foreign]) {
      const clock = new ImpatientClock()
      let attempts = 0
      const head = async (key: string) => {
        if (++attempts === 1) throw error
        return infoOf(key)
      }
      await opened({ head }, clock).head('key')
      expect(clock.waits).toEqual([3_250])
    }
  })

  test('with Throttled again and again is given up after ten attempts, with its object in the message', async () => {
    const store = opened({ head: () => Promise.reject(new Throttled('slow down')) })
    const error = await store.head('key').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Throttled)
    expect(error).toMatchObject({ message: 'head mine://place/key: slow down' })
    expect(metrics.snapshot().head).toMatchObject({ requests: 10, errors: 10, throttled: 10 })
  })

  test('with Busy, if it is a write, has met another object', async () => {
    const busy = () => Promise.reject(new EnvError('Busy', 'it is another one'))
    const store = opened({ put: busy, head: busy })
    await expect(store.put('key', bytes('x'), { condition: 'absent' })).rejects.toThrow(PreconditionFailed)
    await expect(store.head('key')).rejects.not.toThrow(PreconditionFailed)
  })
})

test('an impossible key is no request', async () => {
  const store = opened({})
  for (const call of [
    store.get('a/../b'),
    store.head(''),
    store.put('/', bytes('x')),
    store.deleteMany(['a', '']),
  ])
    await expect(call).rejects.toThrow(TypeError)
  expect(await keysOf(store, 'a/../')).toEqual([])
  await store.deleteMany([])
  expect(Object.values(metrics.snapshot()).every(({ requests }) => requests === 0)).toBe(true)
})

describe('a store that never answers', () => {
  const calls: [string, number, (store: ObjectStore) => Promise<unknown>][] = [
    ['head', 30_000, (store) => store.head('key')],
    ['get', 40_000, (store) => store.get('key', { offset: 0, length: 640_000 })],
    ['put', 40_000, (store) => store.put('key', Buffer.alloc(640_000))],
    ['list', 30_000, (store) => keysOf(store)],
    ['copy', 630_000, (store) => store.copy('key', 'other')],
    ['delete', 30_000, (store) => store.deleteMany(['key'])],
  ]
  test.each(calls)(
    'times out, even if it ignores its signal: %s after %i ms',
    async (operation, ms, call) => {
      const clock = new ManualClock()
      const list = () => ({ [Symbol.asyncIterator]: () => ({ next: never }) })
      const all = { get: never, head: never, put: never, copy: never, deleteMany: never, list }
      const outcome = call(opened(all, clock)).catch((error: unknown) => error)
      const errors = () => metrics.snapshot()[operation as 'get'].errors
      await pass(clock, ms - 1)
      expect(errors()).toBe(0)
      await pass(clock, 1)
      expect(errors()).toBe(1)
      for (let attempts = 1; attempts < 5; attempts++) await pass(clock, ms + 1_000)
      expect(await outcome).toMatchObject({
        code: 'TimedOut',
        retryable: true,
        message: expect.stringMatching(
          /mine:\/\/place\/(key)?: the store did not answer in time \(not done within/,
        ),
      })
    },
  )

  test('can be abandoned, and its signal aborts', async () => {
    let signal: AbortSignal | undefined
    const store = new AbandonableStore(
      opened({
        head(_key, options) {
          signal = options?.signal
          return never()
        },
      }),
    )
    const outcome = store.head('a/key').catch((error: unknown) => error)
    await Promise.resolve()
    store.abandon(() => true)
    expect(await outcome).toMatchObject({
      code: 'TimedOut',
      message: expect.stringContaining('mine://place/a/key'),
    })
    expect(signal?.aborted).toBe(true)
    await nextTurn()
    expect(metrics.snapshot().head).toMatchObject({ requests: 1, bytes: 0, errors: 0 })
  })
})

test('a call that is abandoned while a throttled request waits to be repeated says why it waits', async () => {
  const store = new AbandonableStore(
    opened({ head: () => Promise.reject(new Throttled('slow down')) }, new ManualClock()),
  )
  const outcome = store.head('a/key').catch((error: unknown) => error)
  await nextTurn()
  store.abandon(() => true)
  expect(await outcome).toMatchObject({
    code: 'TimedOut',
    message:
      'mine://place/a/key: the store had not answered when the time was up. The attempt before: ' +
      'head mine://place/a/key: slow down',
  })
})

describe('a listing', () => {
  const keys = Array.from({ length: 2_500 }, (_, index) => String(index).padStart(6, '0'))

  /** Lists the keys, and leaves an object out after each hundredth. */
  const listKeys = (fails: (key: string) => boolean): Pick<ObjectStore, 'list'> => ({
    async *list(_prefix, { startAfter = '', onLeftOut } = {}) {
      for (const key of keys.filter((key) => key > startAfter)) {
        if (fails(key)) throw away()
        yield infoOf(key)
        if (Number(key) % 100 === 0) onLeftOut?.(1)
      }
    },
  })

  test('continues where a page failed, and reports once what it leaves out', async () => {
    const failing = new Set(['000000', '000999', '001500', '002499'])
    const store = opened(listKeys((key) => failing.delete(key)))
    let leftOut = 0
    const onLeftOut = () => {
      leftOut += 1
    }
    expect(await keysOf(store, '', { onLeftOut })).toEqual(keys)
    expect(leftOut).toBe(25)
    expect(metrics.snapshot().list).toMatchObject({ requests: 3 + 4, bytes: 0, errors: 4 })
  })

  test('starts after a key, also when it continues', async () => {
    const failing = new Set(['002200'])
    const store = opened(listKeys((key) => failing.delete(key)))
    expect(await keysOf(store, '', { startAfter: '002000' })).toEqual(keys.slice(2_001))
  })

  test('that is left early ends that of the store', async () => {
    let left = false
    const store = opened({
      async *list() {
        try {
          for (const key of keys) yield infoOf(key)
        } finally {
          left = true
        }
      },
    })
    for await (const { key } of store.list('')) {
      expect(key).toBe('000000')
      break
    }
    expect(left).toBe(true)
  })

  test('that hangs is restarted, and ignores what the first one still yields', async () => {
    const clock = new ManualClock()
    let release: () => void = () => {}
    let listings = 0
    const store = opened(
      {
        async *list(_prefix, { startAfter = '' } = {}) {
          if (listings++ === 0) await new Promise<void>((resolve) => (release = resolve))
          for (const key of ['a', 'b', 'c'].filter((key) => key > startAfter)) yield infoOf(key)
        },
      },
      clock,
    )
    const found: string[] = []
    const listed = (async () => {
      for await (const { key } of store.list('')) {
        found.push(key)
        release()
        await Promise.resolve()
      }
    })()
    await pass(clock, 30_000)
    await pass(clock, 1_000)
    await listed
    expect(found).toEqual(['a', 'b', 'c'])
    expect(metrics.snapshot().list).toMatchObject({ requests: 2, bytes: 0, errors: 1 })
  })
})
