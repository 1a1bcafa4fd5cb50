import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exactText, isText } from '#src/format/exact-text.js'

test('bytes that are UTF-8 become that text, a byte order mark included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(exactText(Buffer.from(text))).toBe(text)
      expect(isText(text)).toBe(true)
    }),
  )
  expect(exactText(Buffer.from('\ufeffa'))).toBe('\ufeffa')
})

test('bytes that are not UTF-8 become recognizable text, different for different bytes', () => {
  const other = fc.uint8Array({ minLength: 1, maxLength: 4 })
  const surrogate = Uint8Array.of(0xed, 0xb3, 0xbf)
  expect([Uint8Array.of(0xff), Uint8Array.of(0xfe), surrogate].map(exactText)).toEqual([
    '\udcff',
    '\udcfe',
    '\udced\udcb3\udcbf',
  ])
  expect(isText(exactText(surrogate))).toBe(false)
  fc.assert(
    fc.property(other, other, (a, b) => {
      expect(exactText(a) === exactText(b)).toBe(Buffer.compare(a, b) === 0)
    }),
  )
})
