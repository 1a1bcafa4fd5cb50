import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type LiveBlobFile, readManifest } from '#src/catalog/manifest.js'
import { blobFileName } from '#src/format/file-name.js'
import { RocksDB } from '#src/index.js'
import type { RangedSource } from '#src/table/ranged-source.js'
import { verifyBlobFile } from '#src/table/verify-blob-file.js'
import { blobFileAnatomy, extended, flipped, truncated } from '../support/damage.js'
import { blobFile, blobFooter, blobHeader, blobRecord, type RawBlobRecord } from '../support/raw-blob-file.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** Reads no more than is there, nor much at a time. */
function source(bytes: Uint8Array): RangedSource {
  return {
    name: 'file:///db/000009.blob-e',
    size: bytes.length,
    forget: async () => {},
    read: async (offset, length) => {
      expect(length).toBeLessThanOrEqual(64 * 1024)
      expect(offset + length).toBeLessThanOrEqual(bytes.length)
      return bytes.subarray(offset, offset + length)
    },
  }
}

async function verify(bytes: Uint8Array, blobCount: number, expected: Partial<LiveBlobFile> = {}) {
  const file = { number: 9, columnFamily: 0, blobCount, blobBytes: bytes.length - 62, ...expected }
  return verifyBlobFile(source(bytes), { blobFile: file, columnFamily: 'default' })
}

/** Problems found in the file. */
async function found(
  bytes: Uint8Array,
  blobCount = 3,
  expected: Partial<LiveBlobFile> = {},
): Promise<string[]> {
  const { problems } = await verify(bytes, blobCount, expected)
  return problems.map(({ code, message }) => `${code}: ${message}`)
}

const records: readonly RawBlobRecord[] = ['a', 'b', 'c'].map((key) => ({
  key: Buffer.from(key),
  value: Buffer.from(`the value of ${key}`),
}))
const sound = blobFile(records)

test('a sound file of any keys and values has no problem', async () => {
  const part = fc.uint8Array({ maxLength: 50 })
  const large = fc.integer({ min: 65_530, max: 140_000 }).map((length) => Buffer.alloc(length, 7))
  const any = fc.array(fc.record({ key: fc.oneof(part, part, large), value: fc.oneof(part, part, large) }), {
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(any, async (records) => {
      const { problems, blobs } = await verify(blobFile(records), records.length)
      expect(problems).toEqual([])
      expect(blobs).toBe(records.length)
    }),
    { numRuns: 50 },
  )
})

test('any flipped bit is found, but in the compression type: the header has no checksum', async () => {
  for (let at = 0; at < sound.length; at++) {
    if (at === 13) continue
    for (const bit of [0, 3, 7])
      expect(await found(flipped(sound, at, 1 << bit)), `byte ${at}`).not.toEqual([])
  }
})

describe('what is wrong is named:', () => {
  const longest = 2n ** 63n - 1n
  const [a, b, c] = records as readonly [RawBlobRecord, RawBlobRecord, RawBlobRecord]

  test.each<[what: string, bytes: Uint8Array, problems: readonly RegExp[], expected?: Partial<LiveBlobFile>]>(
    [
      ['an empty file', Buffer.of(), [/^corrupt: .*ends here, without room/]],
      ['less than header and footer', sound.subarray(0, 61), [/^corrupt: .*byte 61: it ends here/]],
      [
        'another column family',
        blobFile(records, { header: { columnFamily: 3 } }),
        [/^mismatch: .*is of column family 3, and the MANIFEST has it in 0/],
      ],
      [
        'a version of the future',
        blobFile(records, { header: { version: 2 } }),
        [/^unsupported: .*version 2/],
      ],
      [
        'a key of nearly 2^63 bytes',
        blobFile([a, { ...b, keyLength: longest }, c]),
        [/^corrupt: .*byte 77: .*a key of 9223372036854776000 .*records behind it were not checked/],
      ],
      [
        'a value of nearly 2^63 bytes',
        blobFile([a, { ...b, valueLength: longest }, c]),
        [/^corrupt: .*byte 77: .*a value of 9223372036854776000 /],
      ],
      [
        'lengths that are 2^64 together',
        blobFile([a, { ...b, keyLength: 2n ** 63n, valueLength: 2n ** 63n }, c]),
        [/^corrupt: .*byte 77: .*a key of/],
      ],
      [
        'a value that reaches into the footer',
        blobFile([a, b, { ...c, valueLength: 18n }]),
        [/^corrupt: .*byte 124: .*a value of 18 bytes, and the footer is at byte 171/],
      ],
      [
        'bytes before the footer that are no record',
        Buffer.concat([
          blobHeader(),
          ...records.map(blobRecord),
          Buffer.alloc(31),
          blobFooter({ blobCount: 3 }),
        ]),
        [/^corrupt: .*byte 171: no record/],
      ],
      [
        'a record less than in the MANIFEST and the footer',
        blobFile([a, b], { footer: { blobCount: 3 } }),
        [/^mismatch: .*has 2 blobs, and the MANIFEST says 3/],
      ],
      [
        'a record less than in the MANIFEST',
        blobFile([a, b]),
        [
          /^mismatch: .*says that it has 2 blobs, and the MANIFEST that they are 3/,
          /^mismatch: .*has 2 blobs/,
        ],
      ],
      [
        'another number in the footer',
        blobFile(records, { footer: { blobCount: 2 ** 53 } }),
        [/^mismatch: .*says that it has 9007199254740992 blobs/],
      ],
      [
        'another checksum in the MANIFEST',
        sound,
        [/^mismatch: .*does not have the checksum that the MANIFEST says/],
        { checksumMethod: 'FileChecksumCrc32c', checksum: Buffer.of(1, 2, 3, 4) },
      ],
    ],
  )('%s', async (_, bytes, problems, expected) => {
    expect(await found(bytes, 3, expected)).toEqual(problems.map((problem) => expect.stringMatching(problem)))
  })

  test('a damaged value, by its key, and the values behind it are checked', async () => {
    const { records } = blobFileAnatomy(sound)
    const damaged = flipped(flipped(sound, records[0]!.value.offset), records[2]!.value.offset)
    const { problems, blobs } = await verify(damaged, 3)
    expect(blobs).toBe(3)
    const range = (key: string) => ({
      columnFamily: 'default',
      smallest: new Uint8Array(Buffer.from(key)),
      largest: new Uint8Array(Buffer.from(key)),
    })
    expect(problems).toEqual([
      expect.objectContaining({ code: 'corrupt', range: range('a') }),
      expect.objectContaining({ code: 'corrupt', range: range('c') }),
    ])
  })

  test('a thousand damaged values, of which ten are told and the rest counted', async () => {
    const many = Array.from(
      { length: 1000 },
      (): RawBlobRecord => ({ key: Buffer.of(1), value: Buffer.of(2) }),
    )
    let bytes: Uint8Array = blobFile(many)
    for (const { value } of blobFileAnatomy(bytes).records) bytes = flipped(bytes, value.offset)
    const problems = await found(bytes, 1000)
    expect(problems).toHaveLength(11)
    expect(problems.at(-1)).toMatch(/has 990 more such problems/)
  })

  test('a checksum that nobody here can compute is left alone', async () => {
    expect(await found(sound, 3, { checksumMethod: 'mine', checksum: Buffer.of(1) })).toEqual([])
  })
})

test('of a file without end only a piece at a time is asked for, and its bytes are told as they are read', async () => {
  const size = 64 * 2 ** 20
  const length = size - 62 - 32
  const record = blobRecord({ key: Buffer.of(), value: Buffer.of(), valueLength: BigInt(length) })
  const head = Buffer.concat([blobHeader(), record])
  const footer = blobFooter({ blobCount: 1 })
  const zeros = Buffer.alloc(64 * 1024)
  const sparse: RangedSource = {
    name: 'sparse',
    size,
    forget: async () => {},
    read: async (offset, length) => {
      if (offset + length <= head.length) return head.subarray(offset, offset + length)
      return offset === size - 32 ? footer : zeros.subarray(0, length)
    },
  }
  const told: number[] = []
  const blobFile = { number: 9, columnFamily: 0, blobCount: 1, blobBytes: size - 62 }
  const { problems } = await verifyBlobFile(sparse, { blobFile, columnFamily: 'default' }, (more) =>
    told.push(more),
  )
  expect(problems.map(({ code }) => code)).toEqual(['corrupt'])
  expect(told.length).toBeGreaterThan(1000)
  expect(Math.max(...told)).toBeLessThanOrEqual(64 * 1024)
  expect(told.reduce((sum, more) => sum + more, 0)).toBe(size)
})

describe.each(['kNoCompression', 'kSnappyCompression', 'kZlibCompression', 'kLZ4Compression', 'kZSTD'])(
  'what RocksDB wrote with %s',
  (blob_compression_type) => {
    let bytes: Uint8Array
    let blobFile: LiveBlobFile

    beforeAll(async () => {
      const directory = join(temporaryDirectory('cloudenv-blobs'), 'db')
      const db = await RocksDB.open(directory, {
        options: {
          enable_blob_files: true,
          min_blob_size: 10,
          blob_compression_type,
          file_checksum_gen_factory: 'FileChecksumGenCrc32cFactory',
        },
      })
      for (let at = 0; at < 100; at++) await db.put(`key${at}`, `value${at} `.repeat(at < 99 ? at : 30_000))
      await db.flush()
      await db.close()
      const manifest = readdirSync(directory).find((name) => name.startsWith('MANIFEST'))!
      const { liveBlobFiles } = readManifest(readFileSync(join(directory, manifest)))
      ;[blobFile] = [...liveBlobFiles.values()] as [LiveBlobFile]
      bytes = readFileSync(join(directory, blobFileName(blobFile.number)))
    })

    const problems = async (damaged: Uint8Array) =>
      (await verifyBlobFile(source(damaged), { blobFile, columnFamily: 'default' })).problems

    test('is sound', async () => {
      expect(blobFile).toMatchObject({ blobCount: 98, checksumMethod: 'FileChecksumCrc32c' })
      expect(await problems(bytes)).toEqual([])
    })

    test('is not, once the compression type is another', async () => {
      const [problem] = await problems(flipped(bytes, blobFileAnatomy(bytes).compression.offset, 3))
      expect(problem?.message).toMatch(/checksum that the MANIFEST says|compression type \d is unknown/)
    })

    test('is not, when it is damaged in any part, cut or extended', async () => {
      const { header, records, footer } = blobFileAnatomy(bytes)
      expect(records).toHaveLength(98)
      const { header: recordHeader, key, value } = records[50]!
      for (const { offset } of [header, recordHeader, key, value, footer])
        expect(await problems(flipped(bytes, offset + 1))).toEqual([
          expect.objectContaining({ object: source(bytes).name }),
        ])
      expect(await problems(truncated(bytes))).not.toEqual([])
      expect(await problems(extended(bytes))).not.toEqual([])
    })
  },
)
