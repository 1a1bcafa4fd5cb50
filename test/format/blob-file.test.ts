import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { decodeBlobFooter, decodeBlobHeader, decodeBlobRecordHeader } from '#src/format/blob-file.js'
import { crc32c, maskCrc } from '#src/format/crc32c.js'
import { flipped } from '../support/damage.js'
import { blobFooter, blobHeader, blobRecordHeader } from '../support/raw-blob-file.js'

const name = '000009.blob'
const [key, value] = [Buffer.from('key'), Buffer.from('value')]

describe('everything is read as written', () => {
  test.each([
    [0, 'NoCompression'],
    [1, 'Snappy'],
    [2, 'Zlib'],
    [3, 'BZip2'],
    [4, 'LZ4'],
    [5, 'LZ4HC'],
    [7, 'ZSTD'],
  ])('a header with compression %i', (compression, expected) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (columnFamily) => {
        expect(decodeBlobHeader(blobHeader({ columnFamily, compression }), name)).toEqual({
          columnFamily,
          compression: expected,
        })
      }),
      { numRuns: 20 },
    )
  })

  test('the header of a record', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(bytes, bytes, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (key, value, expiry) => {
        expect(decodeBlobRecordHeader(blobRecordHeader({ key, value, expiry }), name, 30)).toEqual({
          keyLength: key.length,
          valueLength: value.length,
          checksum: maskCrc(crc32c(Buffer.concat([key, value]))),
        })
      }),
    )
  })

  test('a footer', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (blobCount) => {
        expect(decodeBlobFooter(blobFooter({ blobCount }), name, 99)).toEqual({ blobCount })
      }),
    )
  })
})

test('lengths and counts up to 2^64 are claims that no file can hold', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), (claim) => {
      const header = blobRecordHeader({ key, value, keyLength: claim, valueLength: claim })
      const { keyLength, valueLength } = decodeBlobRecordHeader(header, name, 30)
      expect(Math.min(keyLength, valueLength)).toBeGreaterThanOrEqual(2 ** 53)
      expect(decodeBlobFooter(blobFooter({ blobCount: claim }), name, 99).blobCount).toBeGreaterThan(2 ** 52)
    }),
  )
})

describe('corrupt is', () => {
  test.each<[what: string, decode: () => unknown, message: RegExp]>([
    [
      'another magic number in the header',
      () => decodeBlobHeader(blobHeader({ magic: 7 }), name),
      /^000009.blob is corrupt at byte 0: in the header here, the magic number is 0x00000007 instead of 0x00248f37$/,
    ],
    [
      'a header of values that expire',
      () => decodeBlobHeader(blobHeader({ flags: 1 }), name),
      /values are said to expire/,
    ],
    [
      'a range of expiry in the header',
      () => decodeBlobHeader(blobHeader({ expiry: [0n, 2n ** 63n] }), name),
      /values are said to expire/,
    ],
    [
      'an unknown compression',
      () => decodeBlobHeader(blobHeader({ compression: 51 }), name),
      /compression type 51 is unknown/,
    ],
    [
      'another magic number in the footer',
      () => decodeBlobFooter(blobFooter({ magic: 7, blobCount: 1 }), name, 99),
      /at byte 99: in the footer here, the magic number/,
    ],
    [
      'a range of expiry in the footer',
      () => decodeBlobFooter(blobFooter({ blobCount: 1, expiry: [1n, 0n] }), name, 99),
      /values are said to expire/,
    ],
  ])('%s', (_, decode, message) => {
    expect(decode).toThrow(
      expect.objectContaining({ code: 'Corruption', message: expect.stringMatching(message) }),
    )
  })

  test('any flipped bit in a footer', () => {
    const bytes = blobFooter({ blobCount: 3 })
    for (let bit = 0; bit < bytes.length * 8; bit++)
      expect(() => decodeBlobFooter(flipped(bytes, bit >> 3, 1 << (bit & 7)), name, 99)).toThrow(EnvError)
  })

  test('any flipped bit in the header of a record, except in the checksum of its content', () => {
    const bytes = blobRecordHeader({ key, value })
    for (let bit = 0; bit < 28 * 8; bit++)
      expect(() => decodeBlobRecordHeader(flipped(bytes, bit >> 3, 1 << (bit & 7)), name, 30)).toThrow(
        /^000009.blob is corrupt at byte 30: in the header of the record here, the checksum does not match/,
      )
  })
})

test.each([
  ['version', { version: 2 }],
  ['flag', { flags: 8 }],
])('a %s of a future version is not supported', (_, header) => {
  expect(() => decodeBlobHeader(blobHeader(header), name)).toThrow(
    expect.objectContaining({
      code: 'NotSupported',
      message: expect.stringContaining('no more than version 1'),
    }),
  )
})
