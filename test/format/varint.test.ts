import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeVarint, encodeVarint } from '#src/format/varint.js'

test('a number comes back from its varint, which ends where it should', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 3 }), (value, rest) => {
      const bytes = encodeVarint(value)
      expect(decodeVarint(Buffer.concat([rest, bytes, rest]), rest.length)).toEqual({
        value,
        end: rest.length + bytes.length,
      })
    }),
  )
})

test.each([
  [0, '00'],
  [127, '7f'],
  [128, '8001'],
  [300, 'ac02'],
  [2 ** 32 - 1, 'ffffffff0f'],
  [2 ** 53 - 1, 'ffffffffffffff0f'],
])('%d is written as %s', (value, hex) => {
  expect(Buffer.from(encodeVarint(value)).toString('hex')).toBe(hex)
})

test('a varint that is cut off or longer than 64 bits is invalid', () => {
  expect(decodeVarint(Buffer.from('8080', 'hex'), 0)).toBeUndefined()
  expect(decodeVarint(Buffer.alloc(11, 0xff), 0)).toBeUndefined()
  expect(decodeVarint(Buffer.alloc(10, 0xff).fill(1, 9), 0)?.value).toBeGreaterThan(Number.MAX_SAFE_INTEGER)
})

test('only whole numbers from 0 to 2^53 - 1 are written', () => {
  for (const bad of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => encodeVarint(bad)).toThrow(RangeError)
})
