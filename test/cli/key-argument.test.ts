import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseKey } from '#src/cli/key-argument.js'

test('text stands for its UTF-8 form', () => {
  expect(parseKey('order/1 ü').toString()).toBe('order/1 ü')
  expect(parseKey('').length).toBe(0)
  expect(parseKey('X0x41').toString()).toBe('X0x41')
})

test('any bytes can be given in hex', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const hex = Buffer.from(bytes).toString('hex')
      expect(new Uint8Array(parseKey(`0x${hex}`))).toEqual(bytes)
      expect(new Uint8Array(parseKey(`0x${hex.toUpperCase()}`))).toEqual(bytes)
    }),
  )
})

test('what begins with 0x and is no hex is refused, with how to give it', () => {
  expect(() => parseKey('0xyz')).toThrow(/0x3078797a/)
  expect(() => parseKey('0x123')).toThrow(/pairs of hex digits/)
})
