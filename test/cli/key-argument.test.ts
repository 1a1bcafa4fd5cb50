import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseKey } from '#src/cli/key-argument.js'
import { type ShownAs, shownKey } from '#src/cli/shown-bytes.js'

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

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))

test('any key can be given as printed', () => {
  const keys = fc.oneof(
    fc.uint8Array(),
    fc.string({ unit: fc.constantFrom(..."0xuan\\{}'é\n\t\0\u202e\u{1f600}\u{e0001}") }).map(bytesOf),
  )
  fc.assert(
    fc.property(keys, fc.constantFrom<ShownAs>('utf8', 'hex'), (key, as) => {
      // The shell does not interpret the quotes.
      const shown = shownKey(key, as).replace(/^''$/, '')
      expect(new Uint8Array(parseKey(shown))).toEqual(key)
    }),
    { examples: [[bytesOf("''"), 'utf8']] },
  )
})

test('a backslash that begins no escape is refused, and the error shows how to write one', () => {
  for (const text of ['C:\\dir', 'a\\', '\\x1', '\\u{110000}', '\\u{d800}', '\\N'])
    expect(() => parseKey(text), text).toThrow(/A backslash itself is written twice/)
  expect(parseKey('C:\\\\dir').toString()).toBe('C:\\dir')
})

test('a key that begins with 0x and is not hex is refused, and the error shows how to write it', () => {
  expect(() => parseKey('0xyz')).toThrow(/0x3078797a/)
  expect(() => parseKey('0x123')).toThrow(/pairs of hex digits/)
})
