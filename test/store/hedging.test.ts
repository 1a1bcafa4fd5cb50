// Reads that are sent a second time because the first request stalls.
import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { attempting } from '#src/store/attempting.js'
import type { ConcurrencyLimit } from '#src/store/concurrency-limit.js'
import { type ObjectStore, Throttled } from '#src/store/object-store.js'
import { openStore } from '#src/store/open-store.js'
import type { PendingRequest } from '#src/store/send.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { ManualClock } from '../support/manual-clock.js'
import { bytes, text } from './contract.js'

const hedgeAfterMs = 200
/** Reads that pay for one hedge. */
const readsForHedge = 10

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: Error): void
}

function deferred<T>(): Deferred<T> {
  let settle!: Omit<Deferred<T>, 'promise'>
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}

describe.each(inject('servers'))('a store at $name', (server) => {
  const { endpoint, accessKeyId, secretAccessKey, region, bucket } = server
  let proxy: FaultProxy
  let clock: ManualClock
  let metrics: StoreMetrics
  let options: Parameters<typeof openStore>[1]
  let url: string
  const opened: ObjectStore[] = []
  beforeAll(async () => {
    proxy = await FaultProxy.start(endpoint)
    return () => proxy.stop()
  })
  beforeEach(() => {
    proxy.reset()
    clock = new ManualClock()
    metrics = new StoreMetrics()
    const credentials = { accessKeyId, secretAccessKey }
    options = { region, credentials, endpoint: proxy.endpoint, clock, onRequest: metrics.record }
    url = `s3://${bucket}/hedging-${randomUUID()}`
    return () => Promise.all(opened.splice(0).map((store) => store.close()))
  })

  /** A store with an object, of which so many ranges were read. */
  async function openRead(hedging: { readonly hedgeAfterMs?: number }, reads: number): Promise<ObjectStore> {
    const store = await openStore(url, { ...options, ...hedging })
    opened.push(store)
    await store.put('key', bytes('0123456789'))
    for (let read = 0; read < reads; read++) await readRange(store)
    return store
  }

  const readRange = async (store: ObjectStore) =>
    text((await store.get('key', { offset: 2, length: 3 })).body)
  const gets = () => proxy.seen.filter((line) => line.startsWith('GET '))

  /** Begins a read of which the first request, by its arrival at the proxy, is never answered. */
  async function stalled(read: () => Promise<unknown>): Promise<{ readonly answer: Promise<unknown> }> {
    proxy.next('GET', { kind: 'hang' })
    const arrival = proxy.arrival(/^GET /)
    const answer = read()
    await arrival
    return { answer }
  }

  test('answers a read whose connection stalls by a second one, and ends the first', async () => {
    const store = await openRead({ hedgeAfterMs }, readsForHedge)
    const { answer } = await stalled(() => readRange(store))
    clock.advance(hedgeAfterMs - 1)
    expect(gets()).toHaveLength(readsForHedge + 1)
    clock.advance(1)
    expect(await answer).toBe('234')
    await expect.poll(() => proxy.givenUp).toHaveLength(1)
    await expect
      .poll(() => metrics.snapshot().get)
      .toMatchObject({
        requests: readsForHedge + 2,
        bytes: 3 * (readsForHedge + 1),
        errors: 0,
        retries: 0,
        hedges: 1,
        hedgesWon: 1,
        hedgeBytes: 3,
      })
  })

  test('takes the answer of the first request if that comes sooner, and ends the hedge', async () => {
    const store = await openRead({ hedgeAfterMs }, readsForHedge)
    const hold = deferred<void>()
    proxy.next('GET', { kind: 'hold', until: hold.promise })
    const first = proxy.arrival(/^GET /)
    const answer = readRange(store)
    await first
    proxy.next('GET', { kind: 'hang' })
    const second = proxy.arrival(/^GET /)
    clock.advance(hedgeAfterMs)
    await second
    hold.resolve()
    expect(await answer).toBe('234')
    await expect.poll(() => proxy.givenUp).toHaveLength(1)
    await expect.poll(() => metrics.snapshot().get).toMatchObject({ errors: 0, hedges: 1, hedgesWon: 0 })
  })

  test('sends nothing twice unless it is told to', async () => {
    const store = await openRead({}, readsForHedge)
    const abort = new AbortController()
    const { answer } = await stalled(() =>
      store.get('key', { offset: 0, length: 1 }, { signal: abort.signal }),
    )
    clock.advance(hedgeAfterMs)
    await readRange(store)
    expect(gets()).toHaveLength(readsForHedge + 2)
    abort.abort()
    await expect(answer).rejects.toBeInstanceOf(EnvError)
    await expect.poll(() => proxy.givenUp).toHaveLength(1)
    expect(metrics.snapshot().get).toMatchObject({ hedges: 0, hedgeBytes: 0 })
  })

  test('ends both requests when the caller gives up', async () => {
    const store = await openRead({ hedgeAfterMs }, readsForHedge)
    const abort = new AbortController()
    proxy.next('GET', { kind: 'hang' }, { times: 2 })
    const range = { offset: 0, length: 1 }
    const { answer } = await stalled(() => store.get('key', range, { signal: abort.signal }))
    const second = proxy.arrival(/^GET /)
    clock.advance(hedgeAfterMs)
    await second
    abort.abort()
    await expect(answer).rejects.toBeInstanceOf(EnvError)
    await expect.poll(() => proxy.givenUp).toHaveLength(2)
    expect(metrics.snapshot().get).toMatchObject({ errors: 0, hedges: 1, hedgesWon: 0 })
  })
})

describe('of the reads of a store', () => {
  let clock: ManualClock
  let metrics: StoreMetrics
  let limit: ConcurrencyLimit
  let send: ReturnType<typeof attempting>
  beforeEach(() => {
    clock = new ManualClock()
    metrics = new StoreMetrics()
    send = attempting({
      clock,
      hedgeAfterMs,
      timeoutMs: undefined,
      onRequest: metrics.record,
      onLimit(own) {
        limit = own
      },
    })
  })

  const read: PendingRequest<string> = {
    operation: 'get',
    store: 's3://b',
    key: 'a',
    rangeBytes: 16_384,
    explain: (error) => (EnvError.is(error) ? error : new EnvError('TimedOut', String(error))),
  }
  const away = () => new EnvError('IOError', 'the store is away', { retryable: true })
  const save = async (reads: number) => {
    for (let done = 0; done < reads; done++) await send(read, async () => 'saved')
  }
  const hedges = () => metrics.snapshot().get.hedges
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

  /** A read that stalls, and whose hedge stalls as well; `settle` says how each of its requests ends. */
  function begin(request = read) {
    const requests: Deferred<string>[] = []
    const answer = send(request, () => {
      const own = deferred<string>()
      requests.push(own)
      return own.promise
    })
    answer.catch(() => {})
    return { answer, requests }
  }

  /** Begins so many reads that stall, and lets the time of the hedges come. */
  const stall = async (reads: number, request = read) => {
    const begun = Array.from({ length: reads }, () => begin(request))
    await nextTurn()
    clock.advance(hedgeAfterMs)
    await nextTurn()
    return begun
  }
  const end = async (reads: readonly ReturnType<typeof begin>[]) => {
    for (const { requests } of reads) requests[0]!.resolve('late')
    await Promise.all(reads.map(({ answer }) => answer))
    await nextTurn()
  }

  test('a tenth is sent twice, if all of them stall', async () => {
    for (let round = 0; round < 20; round++) await end(await stall(5))
    expect(metrics.snapshot().get).toMatchObject({ requests: 110, hedges: 10, hedgeBytes: 10 * 16_384 })
  })

  test('ten at a time are sent twice, however many went well before', async () => {
    await save(1_000)
    await end(await stall(50))
    expect(hedges()).toBe(10)
  })

  test.each([
    ['a repetition', { ...read, attempt: 2 }],
    ['a read of a whole object', { ...read, rangeBytes: undefined }],
    ['a read of more than 1 MiB', { ...read, rangeBytes: 1024 * 1024 + 1 }],
  ])('%s is never sent twice', async (_, request) => {
    await save(100)
    await end(await stall(1, request))
    expect(hedges()).toBe(0)
  })

  test('none is sent twice while the store throttles', async () => {
    await save(100)
    const slow = begin()
    await nextTurn()
    await send({ ...read, attempt: 2 }, () => Promise.reject(new Throttled('slow down'))).catch(() => {})
    expect(limit.isInForce).toBe(true)
    clock.advance(hedgeAfterMs)
    await end([slow])
    expect(hedges()).toBe(0)
  })

  test('a hedge that the store throttles makes fewer go out, and the read succeeds', async () => {
    await save(100)
    const [slow] = await stall(1)
    slow!.requests[1]!.reject(new Throttled('slow down'))
    await nextTurn()
    expect(limit.isInForce).toBe(true)
    slow!.requests[0]!.resolve('first')
    expect(await slow!.answer).toBe('first')
  })

  test('one whose hedge fails waits for its first request', async () => {
    await save(100)
    const [slow] = await stall(1)
    slow!.requests[1]!.reject(new EnvError('InvalidArgument', 'refused'))
    await nextTurn()
    slow!.requests[0]!.resolve('first')
    expect(await slow!.answer).toBe('first')
  })

  test('one whose first request breaks waits for its hedge', async () => {
    await save(100)
    const [slow] = await stall(1)
    slow!.requests[0]!.reject(away())
    await nextTurn()
    slow!.requests[1]!.resolve('second')
    expect(await slow!.answer).toBe('second')
  })

  test.each([0, 1])(
    'one of which both requests break fails as the first, broken in the order %i',
    async (order) => {
      await save(100)
      const [slow] = await stall(1)
      slow!.requests[order]!.reject(order === 0 ? away() : new Error('of the hedge'))
      await nextTurn()
      slow!.requests[1 - order]!.reject(order === 0 ? new Error('of the hedge') : away())
      await expect(slow!.answer).rejects.toMatchObject({ message: 'the store is away' })
    },
  )

  test('one that fails for good does not wait for its hedge', async () => {
    await save(100)
    const [slow] = await stall(1)
    slow!.requests[0]!.reject(new EnvError('NotFound', 'no such object'))
    await expect(slow!.answer).rejects.toMatchObject({ code: 'NotFound' })
  })

  test('one that is answered in time is sent once, and leaves no timer behind', async () => {
    await save(100)
    clock.advance(hedgeAfterMs)
    expect(metrics.snapshot().get).toMatchObject({ requests: 100, hedges: 0 })
  })

  test('those that wait for their turn get it after hedges have ended', async () => {
    await save(100)
    const begun = await stall(8)
    await send({ ...read, attempt: 2 }, () => Promise.reject(new Throttled('slow down'))).catch(() => {})
    const waiting = send(read, async () => 'at last')
    await nextTurn()
    expect(limit.waiting).toBe(1)
    await end(begun)
    expect(await waiting).toBe('at last')
  })
})
