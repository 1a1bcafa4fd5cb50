import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { decodeBlobReference } from '#src/format/blob-reference.js'
import { corruption } from '#src/format/corruption.js'
import { bytes } from '../support/version-edits.js'

const decode = (value: Uint8Array) =>
  decodeBlobReference(value, (reason) => corruption('000017.sst', 4096, reason))

test('references are read as written', () => {
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  fc.assert(
    fc.property(number, number, number, (file, offset, size) => {
      expect(decode(bytes(1, file, offset, size, 4))).toEqual({ file, offset, size, compression: 'LZ4' })
    }),
  )
})

describe('corrupt is', () => {
  test.each([
    ['nothing', bytes()],
    ['a value that expires and is not in a blob file', bytes(0, 99, 7)],
    ['a reference that expires', bytes(2, 99, 9, 100, 5, 0)],
    ['a number beyond 2^53', Buffer.concat([bytes(1, 9), Buffer.alloc(8, 0xff), bytes(1, 5, 0)])],
    ['a missing compression', bytes(1, 9, 100, 5)],
    ['an unknown compression', bytes(1, 9, 100, 5, 51)],
    ['more than that', bytes(1, 9, 100, 5, 0, 0)],
  ])('%s', (_, value) => {
    expect(() => decode(value)).toThrow(/^000017.sst is corrupt at byte 4096: /)
  })

  test('any other value is sound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
        try {
          decode(value)
        } catch (error) {
          if (!EnvError.is(error, 'Corruption')) throw error
        }
      }),
    )
  })
})
