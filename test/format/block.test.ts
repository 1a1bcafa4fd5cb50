import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { readBlock } from '#src/format/block.js'
import { corruption } from '#src/format/corruption.js'
import { encodeVarint } from '#src/format/varint.js'
import { encodeBlock } from '../support/encode-blocks.js'

const error = (reason: string) => corruption('000017.sst', 4096, reason)
const read = (block: Uint8Array) => [...readBlock(block, { error })]
const plain = (entries: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]) =>
  entries.map(({ key, value }) => [Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')])

/** Few different bytes, so that keys share something. */
const sharingKey = fc
  .array(fc.constantFrom(0, 1, 255), { maxLength: 20 })
  .map((bytes) => Uint8Array.from(bytes))
const entries = fc.array(fc.record({ key: sharingKey, value: fc.uint8Array({ maxLength: 30 }) }), {
  maxLength: 50,
})

test('entries are read as written, whatever prefixes keys share and wherever they restart', () => {
  fc.assert(
    fc.property(
      entries,
      fc.integer({ min: 1, max: 20 }),
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
      (written, restartInterval, hashIndex) => {
        const block = encodeBlock(written, { restartInterval, ...(hashIndex && { hashIndex }) })
        expect(plain(read(block))).toEqual(plain(written))
      },
    ),
  )
})

test('a block of more than 64 KiB has no hash index, whatever its last bit says', () => {
  const block = encodeBlock([{ key: Buffer.from('a'), value: Buffer.alloc(70_000) }])
  block[block.length - 1] = 0x80
  expect(() => read(block)).toThrow('restart points do not fit')
})

describe('corruption, with the reason,', () => {
  const footer = Buffer.of(0, 0, 0, 0, 1, 0, 0, 0)
  const entry = (...numbers: readonly number[]) => Buffer.concat([...numbers.map(encodeVarint), footer])
  test.each([
    ['an empty block', Buffer.alloc(0), 'too short for a block'],
    ['more restart points than bytes', Buffer.of(9, 0, 0, 0), 'restart points do not fit'],
    ['2^31 restart points', Buffer.of(0, 0, 0, 0x7f), 'restart points do not fit'],
    ['a hash index larger than the block', Buffer.of(255, 255, 1, 0, 0, 0x80), 'restart points do not fit'],
    ['a key that shares more than there was', entry(1, 0, 0), 'longer than the block or what it shares'],
    ['a key that is longer than the block', entry(0, 2 ** 40, 0), 'longer than the block'],
    ['a value that is longer than the block', entry(0, 0, 2 ** 52), 'longer than the block'],
    ['lengths that are cut off', Buffer.concat([Buffer.of(0x80), footer]), 'cut off or too long'],
    ['a varint without end', Buffer.concat([Buffer.alloc(40, 0xff), footer]), 'cut off or too long'],
  ])('is %s', (_title, block, reason) => {
    expect(() => read(block)).toThrow(
      expect.objectContaining({ code: 'Corruption', message: expect.stringContaining(reason) }),
    )
  })

  const two = [
    { key: Buffer.from('key1'), value: Buffer.from('value') },
    { key: Buffer.from('key2'), value: Buffer.from('value') },
  ]
  const start = 3 + 4 + 5
  test.each([
    ['that begin behind the first entry', 1, [start], 'restart point 1'],
    ['of which one is twice', 1, [0, 0], 'restart point 2'],
    ['that are not in order', 1, [0, start, 0], 'restart point 3'],
    ['within an entry', 1, [0, start + 1], 'restart point 2'],
    ['behind the last entry', 1, [0, start, 2 * start], 'restart point 3'],
    ['at an entry without its whole key', 2, [0, start], 'restart point 2'],
    ['of which there are none', 1, [], 'no restart point'],
  ])('is a block with restart points %s, after its entries', (_title, restartInterval, restarts, reason) => {
    const sound = encodeBlock(two, { restartInterval })
    const end = sound.length - 4 * (1 + sound.readUInt32LE(sound.length - 4))
    const numbers = [...restarts, restarts.length].map((number) => Buffer.from(Uint32Array.of(number).buffer))
    const block = Buffer.concat([sound.subarray(0, end), ...numbers])
    const found: string[] = []
    expect(() => {
      for (const { key } of readBlock(block, { error })) found.push(Buffer.from(key).toString())
    }).toThrow(reason)
    expect(found).toEqual(['key1', 'key2'])
  })

  test('is a block whose keys take far more memory than it', () => {
    const long = { key: Buffer.alloc(1_000_000), value: Buffer.alloc(0) }
    const block = encodeBlock(Array(400).fill(long), { restartInterval: 10_000 })
    expect(block.length).toBeLessThan(1_100_000)
    expect(() => drain(block)).toThrow('keys are longer than can be')
  })

  /** Keeps no key. */
  function drain(block: Uint8Array): number {
    let count = 0
    for (const _ of readBlock(block, { error })) count++
    return count
  }
})

test('any bytes are either a block or corruption', () => {
  const mutated = fc
    .tuple(
      entries,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 }),
    )
    .map(([written, changes]) => {
      const block = encodeBlock(written, { restartInterval: 4 })
      for (const [at, byte] of changes) block[at % block.length] = byte
      return block
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      try {
        for (const { key, value } of read(bytes)) {
          expect(key.length + value.length).toBeLessThanOrEqual(bytes.length ** 2)
        }
      } catch (thrown) {
        if (!EnvError.is(thrown, 'Corruption')) throw thrown
      }
    }),
    { numRuns: 1_000 },
  )
})
