import { expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { retry } from '#src/store/retry.js'

/** Counts the attempts of a call that take `seconds` each and fail, with pauses that end at once. */
async function attemptsOf(seconds: number): Promise<number> {
  let nowMs = 0
  let attempts = 0
  const clock = {
    now: () => nowMs,
    elapsed: () => nowMs,
    after(_ms: number, callback: () => void) {
      setImmediate(callback)
      return () => {}
    },
  }
  const failing = async () => {
    attempts++
    nowMs += seconds * 1000
    throw new EnvError('TimedOut', 'the store is away', { retryable: true })
  }
  await expect(retry(failing, { clock, random: () => 0 })).rejects.toThrow('the store is away')
  return attempts
}

test('an action that fails fast is tried five times', async () => {
  expect(await attemptsOf(0.1)).toBe(5)
  expect(await attemptsOf(5)).toBe(5)
})

test('an action that times out slowly is not retried after a minute', async () => {
  expect(await attemptsOf(30)).toBe(2)
  expect(await attemptsOf(600)).toBe(1)
})
