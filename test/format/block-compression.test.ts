import { describe, expect, test } from 'vitest'
import { parseCompressedBlock } from '#src/format/block-compression.js'
import { corruption } from '#src/format/corruption.js'

const error = (reason: string) => corruption('000017.sst', 4096, reason)
const bytes = Buffer.from('\x07compressed')
const parse = (type: number, version: number, data: Uint8Array = bytes) =>
  parseCompressedBlock(data, type, version, error)

test.each([
  [0, 5, { type: 'NoCompression', size: 11, data: bytes }],
  [1, 5, { type: 'Snappy', size: 7, data: bytes }],
  [2, 5, { type: 'Zlib', size: 7, data: bytes.subarray(1) }],
  [2, 1, { type: 'Zlib', size: undefined, data: bytes }],
  [3, 5, { type: 'BZip2', size: 7, data: bytes.subarray(1) }],
  [4, 5, { type: 'LZ4', size: 7, data: bytes.subarray(1) }],
  [5, 2, { type: 'LZ4HC', size: 7, data: bytes.subarray(1) }],
  [7, 5, { type: 'ZSTD', size: 7, data: bytes.subarray(1) }],
  [0x40, 5, { type: 'ZSTDNotFinal', size: 7, data: bytes.subarray(1) }],
])('type %i in format version %i says how long the block will be', (type, version, expected) => {
  expect(parse(type, version)).toEqual(expected)
})

test('in format version 1, LZ4 has a size of 8 bytes', () => {
  const data = Buffer.concat([Buffer.of(9, 1, 0, 0, 0, 0, 0, 0), Buffer.from('lz4')])
  expect(parse(4, 1, data)).toEqual({ type: 'LZ4', size: 265, data: Buffer.from('lz4') })
})

describe('corruption is', () => {
  test.each([
    ['an unknown type', 42, 5, bytes, 'compression type 42 is unknown'],
    ['a size that is cut off', 7, 5, Buffer.of(0x80), 'size before compression is cut off'],
    ['a size without end', 1, 5, Buffer.alloc(30, 0xff), 'size before compression is cut off or too long'],
    ['an old size that is cut off', 5, 1, bytes.subarray(4), 'size before compression is cut off'],
  ])('%s', (_title, type, version, data, reason) => {
    expect(() => parse(type, version, data)).toThrow(reason)
  })
})
