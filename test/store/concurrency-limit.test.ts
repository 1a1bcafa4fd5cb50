import { expect, test } from 'vitest'
import { EnvError, type EnvErrorCode } from '#src/env/env-error.js'
import { ConcurrencyLimit, yielding } from '#src/store/concurrency-limit.js'
import { Throttled } from '#src/store/object-store.js'
import { type PendingRequest, unlimited } from '#src/store/send.js'
import { ManualClock } from '../support/manual-clock.js'

const clock = new ManualClock()

/** A limit with so many requests in flight, none of which had to wait. */
function limitWith(inFlight: number): ConcurrencyLimit {
  const limit = new ConcurrencyLimit(clock)
  for (let request = 0; request < inFlight; request++) expect(limit.enter()).toBeUndefined()
  return limit
}

function answer(limit: ConcurrencyLimit, times: number): void {
  for (let answers = 0; answers < times; answers++) limit.answered()
}

test('a store that never throttles has no limit, however many requests succeed', () => {
  const limit = limitWith(1_000)
  answer(limit, 10_000)
  expect(limit.limit).toBe(Number.POSITIVE_INFINITY)
})

test('a throttled request halves what is in flight, and the next one waits', () => {
  const limit = limitWith(40)
  limit.throttled(clock.elapsed())
  expect(limit.limit).toBe(20)
  void limit.enter()
  expect(limit.waiting).toBe(1)
})

test('requests that began before a cut, or within a second after it, cut nothing more', () => {
  const limit = limitWith(40)
  const before = clock.elapsed()
  limit.throttled(before)
  clock.advance(999)
  limit.throttled(clock.elapsed())
  clock.advance(10_000)
  limit.throttled(before)
  expect(limit.limit).toBe(20)
  limit.throttled(clock.elapsed())
  expect(limit.limit).toBe(10)
})

test('the limit never falls below one request', () => {
  const limit = limitWith(2)
  for (let cuts = 0; cuts < 5; cuts++) {
    limit.throttled(clock.elapsed())
    clock.advance(1_000)
  }
  expect(limit.limit).toBe(1)
})

test('a limit that is too high for the present load is cut to half of that load', () => {
  const limit = limitWith(40)
  limit.throttled(clock.elapsed())
  for (let requests = 0; requests < 34; requests++) limit.leave()
  clock.advance(1_000)
  limit.throttled(clock.elapsed())
  expect(limit.limit).toBe(3)
})

test('each round of answers allows one more request, from a second after the cut on', () => {
  const limit = limitWith(8)
  limit.throttled(clock.elapsed())
  clock.advance(999)
  answer(limit, 100)
  clock.advance(1)
  answer(limit, 3)
  expect(limit.limit).toBe(4)
  answer(limit, 1)
  expect(limit.limit).toBe(5)
  answer(limit, 5)
  expect(limit.limit).toBe(6)
})

test('answers before a cut do not count after it', () => {
  const limit = limitWith(8)
  limit.throttled(clock.elapsed())
  clock.advance(1_000)
  answer(limit, 3)
  limit.throttled(clock.elapsed())
  clock.advance(1_000)
  answer(limit, 1)
  expect(limit.limit).toBe(2)
})

test('the limit is lifted once it has risen above the sockets of a client', () => {
  const limit = limitWith(2)
  limit.throttled(clock.elapsed())
  clock.advance(1_000)
  answer(limit, (128 * 129) / 2 - 1)
  expect(limit.limit).toBe(128)
  answer(limit, 1)
  expect(limit.limit).toBe(Number.POSITIVE_INFINITY)
})

test('requests get their turn in order, as others end or the limit rises', async () => {
  const limit = limitWith(4)
  limit.throttled(clock.elapsed())
  const begun: string[] = []
  for (const name of ['a', 'b', 'c']) void limit.enter()?.then(() => begun.push(name))
  limit.leave()
  limit.leave()
  await Promise.resolve()
  expect(begun).toEqual([])
  limit.leave()
  await Promise.resolve()
  expect(begun).toEqual(['a'])
  clock.advance(1_000)
  answer(limit, 2)
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b'])
  expect(limit.waiting).toBe(1)
})

test('a request that is given up while it waits leaves its turn to the next', async () => {
  const limit = limitWith(2)
  limit.throttled(clock.elapsed())
  limit.leave()
  const abort = new AbortController()
  const givenUp = limit.enter(abort.signal)
  const next = limit.enter()
  const late = limit.enter(AbortSignal.abort('too late'))
  await expect(late).rejects.toBe('too late')
  abort.abort('no longer wanted')
  await expect(givenUp).rejects.toBe('no longer wanted')
  expect(limit.waiting).toBe(1)
  limit.leave()
  await next
})

test('only a throttled request lowers the limit, and an answer of any kind raises it', async () => {
  const failure = (code: EnvErrorCode, retryable: boolean) => async () => {
    throw new EnvError(code, code, { retryable })
  }
  const throttled = async () => {
    throw new Throttled('slow down')
  }
  let inFlight = 0
  let most = 0
  const send = yielding({ clock, limit: new ConcurrencyLimit(clock) }, async (request, attempt) => {
    most = Math.max(most, ++inFlight)
    return unlimited(request, attempt).finally(() => inFlight--)
  })
  const request: PendingRequest<void> = {
    operation: 'get',
    store: 's3://b',
    key: 'a',
    explain: (error) => error as EnvError,
  }
  const mostOf = async (attempts: readonly (() => Promise<void>)[]) => {
    most = 0
    await Promise.allSettled(attempts.map((attempt) => send(request, attempt)))
    return most
  }
  const times = (count: number, attempt: () => Promise<void>) => Array.from({ length: count }, () => attempt)

  expect(await mostOf(times(16, failure('IOError', true)))).toBe(16)
  expect(await mostOf(times(16, throttled))).toBe(16)
  clock.advance(1_000)
  expect(await mostOf(times(16, failure('TimedOut', true)))).toBe(8)
  expect(await mostOf(times(8, failure('NotFound', false)))).toBe(8)
  expect(await mostOf(times(16, failure('TimedOut', true)))).toBe(9)
})

test('a request that is given up while it waits fails with the error that names its object', async () => {
  const send = yielding({ clock, limit: new ConcurrencyLimit(clock) }, unlimited)
  const explain = (reason: unknown) => new EnvError('TimedOut', `get a: ${reason}`)
  const abort = new AbortController()
  const request: PendingRequest<void> = {
    operation: 'get',
    store: 's3://b',
    key: 'a',
    signal: abort.signal,
    explain,
  }
  await send(request, async () => {
    throw new Throttled('slow down')
  }).catch(() => {})
  const never = new Promise<void>(() => {})
  void send(request, () => never)
  const waiting = send(request, () => never)
  abort.abort('closed')
  await expect(waiting).rejects.toMatchObject({ code: 'TimedOut', message: 'get a: closed' })
})
