import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c, maskCrc } from '#src/format/crc32c.js'

// From RFC 3720, appendix B.4.
test.each([
  ['32 zero bytes', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  ['31 to 0', Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
  ['the check string', Buffer.from('123456789'), 0xe3069283],
])('the CRC of %s is the published one', (_title, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc)
})

test('every length and alignment gives what the bit-by-bit definition gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(16), (bytes, skip) => {
      const part = bytes.subarray(skip)
      expect(crc32c(part)).toBe(bitByBit(part))
    }),
  )
})

test('a CRC can be continued', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (head, tail) => {
      expect(crc32c(tail, crc32c(head))).toBe(crc32c(Buffer.concat([head, tail])))
    }),
  )
})

test('masking rotates by 15 and adds the constant', () => {
  expect(maskCrc(0)).toBe(0xa282ead8)
  expect(maskCrc(0x8000)).toBe(0xa282ead9)
  expect(maskCrc(0xffffffff)).toBe(0xa282ead7)
})

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
