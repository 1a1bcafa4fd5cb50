import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { blockTrailerSize } from '#src/format/block-handle.js'
import { corruption } from '#src/format/corruption.js'
import { readIndexBlock } from '#src/format/index-block.js'
import { encodeBlock, encodeIndexBlock } from '../support/encode-blocks.js'
import { internalKey } from '../support/raw-table.js'

const error = (reason: string) => corruption('000017.sst', 4096, reason)
const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')

const formats = fc.record({
  hasUserKeys: fc.boolean(),
  hasDeltaHandles: fc.boolean(),
  hasFirstKeys: fc.boolean(),
})
const keys = fc
  .array(fc.array(fc.constantFrom(0, 1, 255), { maxLength: 12 }).map((bytes) => Uint8Array.from(bytes)))
  .map((unsorted) => unsorted.sort(Buffer.compare))

test('entries are read as written, in every form of an index', () => {
  fc.assert(
    fc.property(
      formats,
      keys,
      fc.array(fc.nat({ max: 2 ** 21 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 8 }),
      (format, userKeys, sizes, restartInterval) => {
        let offset = 2 ** 40
        const written = userKeys.map((userKey, at) => {
          const handle = { offset, size: sizes[at % sizes.length]! }
          offset += handle.size + blockTrailerSize
          return {
            userKey,
            key: format.hasUserKeys ? userKey : internalKey(userKey, 17),
            handle,
            ...(format.hasFirstKeys && { firstKey: internalKey(userKey, 2n ** 56n - 1n, 0) }),
          }
        })
        const block = encodeIndexBlock(written, format, { restartInterval })
        const entries = [...readIndexBlock(block, format, error)]
        expect(entries.map(({ userKey, handle }) => [hex(userKey), handle])).toEqual(
          written.map(({ userKey, handle }) => [hex(userKey), handle]),
        )
        expect(entries.map(({ firstKey }) => hex(firstKey?.userKey))).toEqual(
          written.map(({ userKey, firstKey }) => firstKey && hex(userKey)),
        )
      },
    ),
  )
})

describe('corruption is', () => {
  const format = { hasUserKeys: true, hasDeltaHandles: false, hasFirstKeys: false }
  const one = (value: Uint8Array) => encodeBlock([{ key: Buffer.from('key'), value }])
  test.each([
    ['a handle that is cut off', one(Buffer.of(1)), format, 'a handle in it is cut off'],
    ['an offset near 2^63', one(Buffer.from('ffffffffffffffff7f01', 'hex')), format, 'cut off or too large'],
    ['a varint without end', one(Buffer.alloc(30, 0xff)), format, 'cut off or too large'],
    [
      'a first key that is cut off',
      one(Buffer.of(1, 1, 9)),
      { ...format, hasFirstKeys: true },
      'the first key',
    ],
    [
      'a first key too short for one',
      one(Buffer.of(1, 1, 0)),
      { ...format, hasFirstKeys: true },
      'a key is shorter',
    ],
    [
      'a key too short for an internal one',
      one(Buffer.of(1, 1)),
      { ...format, hasUserKeys: false },
      'a key is shorter',
    ],
    [
      'a size that shrinks below zero',
      encodeIndexBlock(
        [
          { key: Buffer.from('key'), handle: { offset: 0, size: 5 } },
          { key: Buffer.from('kez'), handle: { offset: 10, size: -1 } },
        ],
        { hasDeltaHandles: true },
      ),
      { ...format, hasDeltaHandles: true },
      'a size below zero',
    ],
  ])('%s', (_title, block, form, reason) => {
    expect(() => [...readIndexBlock(block, form, error)]).toThrow(
      expect.objectContaining({ code: 'Corruption', message: expect.stringContaining(reason) }),
    )
  })
})

test('any bytes are either an index or corruption', () => {
  fc.assert(
    fc.property(formats, fc.uint8Array({ maxLength: 200 }), (format, bytes) => {
      try {
        for (const { handle } of readIndexBlock(bytes, format, error)) {
          expect(Number.isFinite(handle.offset) && handle.size >= 0).toBe(true)
        }
      } catch (thrown) {
        if (!EnvError.is(thrown, 'Corruption')) throw thrown
      }
    }),
    { numRuns: 1_000 },
  )
})
