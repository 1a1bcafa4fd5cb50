import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ChecksumType,
  checkBlock,
  checksumModifier,
  loadChecksum,
  loadRunningChecksum,
} from '#src/format/block-checksum.js'
import { corruption } from '#src/format/corruption.js'

const text = Buffer.from('The quick brown fox jumps over the lazy dog')

describe('a checksum', () => {
  // Lower halves of the output of `xxhsum`.
  test.each<[ChecksumType, number]>([
    ['kxxHash', 0xe85ea4de],
    ['kxxHash64', 0x1fda71bc],
  ])('of type %s is that of the reference implementation', async (type, checksum) => {
    expect((await loadChecksum(type))(text)).toBe(checksum)
  })

  test('of type kNoChecksum is 0', async () => {
    expect((await loadChecksum('kNoChecksum'))(text)).toBe(0)
  })

  test('of type kXXH3 is 0 for nothing, and not for one byte', async () => {
    const xxh3 = await loadChecksum('kXXH3')
    expect(xxh3(new Uint8Array())).toBe(0)
    expect(xxh3(Buffer.of(0))).not.toBe(0)
  })

  test.each<ChecksumType>(['kCRC32c', 'kxxHash', 'kxxHash64', 'kXXH3'])(
    'of type %s finds every byte that changed',
    async (type) => {
      const checksum = await loadChecksum(type)
      const block = Buffer.concat([text, Buffer.of(1), Buffer.alloc(4)])
      block.writeUInt32LE(
        (checksum(block.subarray(0, -4)) + checksumModifier(77, 4096)) >>> 0,
        block.length - 4,
      )
      const check = (bytes: Uint8Array, offset = 4096) =>
        checkBlock(bytes, checksum, checksumModifier(77, offset), (reason) =>
          corruption('000017.sst', offset, reason),
        )
      expect(() => check(block)).not.toThrow()
      expect(() => check(block, 4097)).toThrow('the checksum does not match')
      for (let at = 0; at < block.length; at++) {
        const damaged = Buffer.from(block)
        damaged[at]! ^= 0x10
        expect(() => check(damaged)).toThrow(
          /^000017.sst is corrupt at byte 4096: the checksum does not match/,
        )
      }
    },
  )
})

test.each<ChecksumType>(['kCRC32c', 'kxxHash', 'kxxHash64', 'kXXH3'])(
  'a checksum of type %s is the same in pieces as of the whole',
  async (type) => {
    const checksum = await loadChecksum(type)
    const running = await loadRunningChecksum(type)
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (pieces) => {
        running.init()
        for (const piece of pieces) running.update(piece)
        expect(running.digest()).toBe(checksum(Buffer.concat(pieces)))
      }),
    )
  },
)

test('the modifier depends on offsets beyond 4 GiB too, and is 0 without a base', () => {
  expect(checksumModifier(0, 4096)).toBe(0)
  expect(checksumModifier(0xffff_ffff, 1)).toBe(0xffff_fffe)
  expect(checksumModifier(1, 2 ** 32)).toBe(0)
  expect(checksumModifier(1, 5 * 2 ** 32 + 7)).toBe(13)
})
