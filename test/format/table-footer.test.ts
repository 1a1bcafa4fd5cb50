import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { checksumModifier, loadChecksum } from '#src/format/block-checksum.js'
import { maxFooterSize, readTableFooter } from '#src/format/table-footer.js'
import { encodeVarint } from '#src/format/varint.js'

const magic = 0x88e241b785f4cff7n
const legacyMagic = 0xdb4775248b80fb57n
const fileSize = 100_000
const metaindex = { offset: 90_000, size: 80 }
const index = { offset: 80_000, size: 9_000 }

const handles = [metaindex, index].flatMap(({ offset, size }) => [encodeVarint(offset), encodeVarint(size)])
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

function footer({
  version = 5,
  checksumType = 4,
  part2 = padded(Buffer.concat(handles)),
  ending = magic,
} = {}) {
  const fixed = Buffer.alloc(4)
  fixed.writeUInt32LE(version)
  return Buffer.concat([Buffer.of(checksumType), part2, fixed, u64(ending)])
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(40 - bytes.length)])
}

async function extendedFooter(
  changes: { readonly base?: number; readonly reserved?: number } = {},
): Promise<Buffer> {
  const part2 = Buffer.alloc(40)
  part2.writeUInt32LE(0x007a003e, 0)
  part2.writeUInt32LE(changes.base ?? 0xdead_beef, 8)
  part2.writeUInt32LE(metaindex.size, 12)
  part2.writeUInt8(changes.reserved ?? 0, 39)
  const bytes = footer({ version: 6, part2 })
  const checksum = (await loadChecksum('kXXH3'))(bytes)
  const modifier = checksumModifier(changes.base ?? 0xdead_beef, fileSize - maxFooterSize)
  bytes.writeUInt32LE((checksum + modifier) >>> 0, 5)
  return bytes
}

const read = (bytes: Uint8Array, size = fileSize) => readTableFooter(bytes, size, '000017.sst')

describe('a footer is understood', () => {
  test.each([
    [0, 'kNoChecksum'],
    [1, 'kCRC32c'],
    [2, 'kxxHash'],
    [3, 'kxxHash64'],
    [4, 'kXXH3'],
  ])('of format version 5 with checksum type %i, %s', async (checksumType, checksum) => {
    expect(await read(footer({ checksumType }))).toEqual({
      offset: fileSize - maxFooterSize,
      formatVersion: 5,
      checksum,
      metaindex,
      index,
      baseContextChecksum: 0,
    })
  })

  test('of format version 0, which is shorter', async () => {
    const bytes = Buffer.concat([Buffer.alloc(20, 1), padded(Buffer.concat(handles)), u64(legacyMagic)])
    expect(await read(bytes)).toEqual({
      offset: fileSize - 48,
      formatVersion: 0,
      checksum: 'kCRC32c',
      metaindex,
      index,
      baseContextChecksum: 0,
    })
  })

  test('of format version 6, which has no index and stores its offset', async () => {
    expect(await read(await extendedFooter())).toEqual({
      offset: fileSize - maxFooterSize,
      formatVersion: 6,
      checksum: 'kXXH3',
      metaindex: { offset: fileSize - maxFooterSize - 5 - metaindex.size, size: metaindex.size },
      index: undefined,
      baseContextChecksum: 0xdead_beef,
    })
  })
})

test('reading a footer does not change its bytes', async () => {
  const bytes = await extendedFooter()
  const before = Buffer.from(bytes)
  await read(bytes)
  expect(bytes).toEqual(before)
})

describe('a table is refused', () => {
  const at = (offset: number, byte: number, bytes: Buffer) => {
    bytes[offset] = byte
    return bytes
  }
  test.each<[string, () => Buffer | Promise<Buffer>, string, string]>([
    ['that is empty', () => Buffer.alloc(0), 'Corruption', '0 bytes are too few'],
    ['that is short', () => footer().subarray(6), 'Corruption', '47 bytes are too few'],
    ['that ends otherwise', () => footer({ ending: 1n }), 'Corruption', 'magic number is 0x1'],
    [
      'that is a plain table',
      () => footer({ ending: 0x8242229663bf9564n }),
      'NotSupported',
      'a plain table, not a block-based',
    ],
    [
      'that is an old plain table',
      () => footer({ ending: 0x4f3418eb7a8f13b8n }),
      'NotSupported',
      'a plain table',
    ],
    ['that is a cuckoo one', () => footer({ ending: 0x926789d0c5f17873n }), 'NotSupported', 'a cuckoo table'],
    ['of a later format', () => footer({ version: 7 }), 'NotSupported', 'format version 7'],
    ['of format 0 in the form of 1', () => footer({ version: 0 }), 'Corruption', 'format version 0'],
    ['with an unknown checksum', () => footer({ checksumType: 9 }), 'Corruption', 'checksum type 9'],
    [
      'with handles near 2^63',
      () => footer({ part2: padded(Buffer.from('ffffffffffffffff7f', 'hex')) }),
      'Corruption',
      'beyond 2^53',
    ],
    [
      'with handles without end',
      () => footer({ part2: Buffer.alloc(40, 0xff) }),
      'Corruption',
      'cut off or too long',
    ],
    [
      'whose footer changed',
      async () => at(13, 0x51, await extendedFooter()),
      'Corruption',
      'checksum of the footer',
    ],
    ['without the mark', async () => at(1, 0, await extendedFooter()), 'Corruption', 'format version 6'],
    ['without a base', () => extendedFooter({ base: 0 }), 'Corruption', 'base context checksum is 0'],
    ['with later fields', () => extendedFooter({ reserved: 1 }), 'NotSupported', 'later versions of RocksDB'],
  ])('%s', async (_title, make, code, reason) => {
    const thrown = await read(await make()).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code, message: expect.stringContaining(reason) })
    expect((thrown as Error).message).toContain('000017.sst')
  })

  test('that was moved to another place, from format version 6 on', async () => {
    await expect(read(await extendedFooter(), fileSize + 1)).rejects.toThrow('checksum of the footer')
  })
})

test('any bytes are either a footer or refused', async () => {
  const nearly = fc
    .array(fc.tuple(fc.nat({ max: 52 }), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
    .chain((changes) => fc.constantFrom(2, 6).map((version) => ({ changes, version })))
    .map(({ changes, version }) => {
      const bytes = footer({ version })
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes
    })
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 80 }), nearly), async (bytes) => {
      try {
        await read(bytes)
      } catch (thrown) {
        expect(EnvError.is(thrown)).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})
