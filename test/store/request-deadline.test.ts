import { expect, test } from 'vitest'
import { RequestDeadline } from '#src/store/request-deadline.js'
import { ManualClock } from '../support/manual-clock.js'

function waiting(parent?: AbortSignal) {
  const clock = new ManualClock()
  const deadline = new RequestDeadline(clock, 1000, parent)
  const outcome = deadline.enforce(() => new Promise(() => {})).catch((error: Error) => error)
  return { clock, deadline, outcome }
}

test('a request that exceeds its time-out fails, and its connection is aborted', async () => {
  const { clock, deadline, outcome } = waiting()
  clock.advance(999)
  expect(deadline.signal.aborted).toBe(false)
  clock.advance(1)
  expect(deadline.signal.aborted).toBe(true)
  expect(await outcome).toMatchObject({ name: 'TimeoutError', message: 'not done within 1 s' })
})

test('content extends the time-out by a second for each 64,000 bytes, even if announced late', async () => {
  const { clock, deadline, outcome } = waiting()
  clock.advance(500)
  deadline.allow(640_000)
  clock.advance(10_499)
  expect(deadline.signal.aborted).toBe(false)
  clock.advance(1)
  expect(await outcome).toMatchObject({ message: 'not done within 11 s' })
})

test('work at the server gets minutes', () => {
  const { clock, deadline } = waiting()
  deadline.allowServerWork()
  clock.advance(600_000)
  expect(deadline.signal.aborted).toBe(false)
  clock.advance(1000)
  expect(deadline.signal.aborted).toBe(true)
})

test('a caller that gives up ends the request with its own reason', async () => {
  const caller = new AbortController()
  const { deadline, outcome } = waiting(caller.signal)
  const reason = new Error('changed my mind')
  caller.abort(reason)
  expect(deadline.signal.aborted).toBe(true)
  expect(await outcome).toBe(reason)
})

test('a request whose caller has given up is not begun', async () => {
  let begun = false
  const deadline = new RequestDeadline(new ManualClock(), 1000, AbortSignal.abort(new Error('too late')))
  await expect(
    deadline.enforce(async () => {
      begun = true
    }),
  ).rejects.toThrow('too late')
  expect(begun).toBe(false)
})

test('a request that ends in time leaves no timer and no listener behind', async () => {
  const clock = new ManualClock()
  const caller = new AbortController()
  const deadline = new RequestDeadline(clock, 1000, caller.signal)
  expect(await deadline.enforce(async () => 'answer')).toBe('answer')
  clock.advance(10_000)
  caller.abort()
  expect(deadline.signal.aborted).toBe(false)
})
