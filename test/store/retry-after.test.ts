import { expect, test } from 'vitest'
import { retryAfterMs } from '#src/store/retry-after.js'

const date = 'Wed, 21 Oct 2015 07:28:00 GMT'

test.each([
  [{ 'retry-after': '3' }, 3_000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': 'Wed, 21 Oct 2015 07:28:05 GMT', date }, 5_000],
])('%j asks for a wait of %i ms', (headers, ms) => {
  expect(retryAfterMs(headers)).toBe(ms)
})

test.each([
  undefined,
  {},
  { 'retry-after': 'soon', date },
  { 'retry-after': '-1', date },
  { 'retry-after': 'Wed, 21 Oct 2015 07:28:05 GMT' },
  { 'retry-after': 'Wed, 21 Oct 2015 07:27:59 GMT', date },
])('%j asks for none', (headers) => {
  expect(retryAfterMs(headers as Record<string, string> | undefined)).toBeUndefined()
})
