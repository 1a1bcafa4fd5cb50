import { expect, test } from 'vitest'
import { EnvError, type EnvErrorCode } from '#src/env/env-error.js'
import { PreconditionFailed, Throttled } from '#src/store/object-store.js'
import { type PendingRequest, unlimited } from '#src/store/send.js'
import { observing, type StoreRequest } from '#src/store/store-request.js'
import { ManualClock } from '../support/manual-clock.js'

const clock = new ManualClock()

/** What the listener gets of one request. */
async function observed(
  attempt: () => Promise<number>,
  request: Partial<PendingRequest<number>> = {},
): Promise<StoreRequest> {
  const requests: StoreRequest[] = []
  const onRequest = (request: StoreRequest) => requests.push(request)
  const send = observing({ clock, onRequest }, unlimited)
  const explain = (error: unknown) => error as EnvError
  await send({ operation: 'get', store: 's3://b', key: 'a', explain, ...request }, attempt).catch(() => {})
  expect(requests).toHaveLength(1)
  return requests[0]!
}

test('the duration of a request does not depend on changes of the time of day', async () => {
  const startMs = clock.now()
  const request = await observed(async () => {
    clock.advance(30.25)
    clock.jump(-86_400_000)
    return 0
  })
  expect(request).toMatchObject({ startMs, milliseconds: 30.25, outcome: 'ok', errorCode: undefined })
})

test('a request tells what was asked of which store, for which time, and what moved', async () => {
  const request = await observed(async () => 7, { attempt: 3, bytesOf: (bytes) => bytes })
  expect(request).toMatchObject({ operation: 'get', store: 's3://b', key: 'a', attempt: 3, bytes: 7 })
  expect(await observed(async () => 7)).toMatchObject({ attempt: 1, bytes: 0 })
})

test.each<[error: Error, outcome: string, code: EnvErrorCode]>([
  [new EnvError('NotFound', 'no such object'), 'expected', 'NotFound'],
  [new PreconditionFailed('another object'), 'expected', 'Busy'],
  [new Throttled('slow down'), 'throttled', 'IOError'],
  [new EnvError('TimedOut', 'late', { retryable: true }), 'failed', 'TimedOut'],
  [new EnvError('PathNotFound', 'no bucket'), 'failed', 'PathNotFound'],
  [new TypeError('a bug'), 'failed', 'IOError'],
])('a request that rejects with %o counts as %s', async (error, outcome, errorCode) => {
  const bytesOf = () => 7
  expect(await observed(() => Promise.reject(error), { bytesOf })).toMatchObject({
    outcome,
    errorCode,
    bytes: 0,
  })
})

test('a request that nobody waits for any longer counts as aborted', async () => {
  const signal = AbortSignal.abort()
  const late = () => Promise.reject(new EnvError('TimedOut', 'given up'))
  expect(await observed(late, { signal })).toMatchObject({ outcome: 'aborted', errorCode: 'TimedOut' })
})

test('without a listener nothing is wrapped', () => {
  expect(observing({ clock, onRequest: undefined }, unlimited)).toBe(unlimited)
})
