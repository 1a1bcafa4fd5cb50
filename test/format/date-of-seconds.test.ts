import { expect, test } from 'vitest'
import { dateOfSeconds } from '#src/format/date-of-seconds.js'

test('seconds become a Date within its range, and 0 is an unknown time', () => {
  expect(dateOfSeconds(1)?.toISOString()).toBe('1970-01-01T00:00:01.000Z')
  expect(dateOfSeconds(8.64e12)?.toISOString()).toBe('+275760-09-13T00:00:00.000Z')
  expect([0, 8.64e12 + 1, 2 ** 63].map(dateOfSeconds)).toEqual([undefined, undefined, undefined])
})
