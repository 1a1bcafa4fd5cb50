import { describe, expect, test } from 'vitest'
import { parseSize } from '#src/options/size.js'

test.each([
  [0, 0],
  [4096, 4096],
  ['4096', 4096],
  ['4096 B', 4096],
  ['16k', 16 * 2 ** 10],
  ['64M', 64 * 2 ** 20],
  ['64 MB', 64 * 2 ** 20],
  ['64MiB', 64 * 2 ** 20],
  ['1.5 GiB', 1.5 * 2 ** 30],
  [' 2 tb ', 2 * 2 ** 40],
])('%j is a size', (text, bytes) => expect(parseSize(text, 'size')).toBe(bytes))

describe('no size', () => {
  test.each([
    'lots',
    '',
    '-1',
    '1e3',
    '1.5',
    '1.5 B',
    '10 Gib/s',
    '9007199254740993',
    '99999999999999999999999',
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    true,
    {},
    ['1'],
    5n,
  ])('%o is refused', (value) => {
    expect(() => parseSize(value, 'cache.maxBytes')).toThrow(
      /^expected "cache\.maxBytes" to be a number of bytes, zero or more, or a size such as "10 GiB", got /,
    )
  })
})
