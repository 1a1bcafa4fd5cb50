import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { type CloudManifest, decodeCloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { type Epoch, parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { prefixed } from '../support/version-edits.js'

const hex = (text: string) => Buffer.from(text, 'hex')
const epoch = (text: string): Epoch => parseEpoch(text)!

// Written by rocksdb-cloud.
const vectors: readonly (readonly [string, CloudManifest, Uint8Array])[] = [
  [
    'two past epochs',
    {
      past: [
        { epoch: epoch('b4646dd83efb0cca'), end: 6 },
        { epoch: epoch('475afd2ff65ef56d'), end: 300 },
      ],
      current: epoch('e8ab9866fb2973f2'),
    },
    hex(
      '8676925702000101034f3d640f130001011062343634366464383365666230636361063f989858140001011034373561' +
        '666432666636356566353664ac02f7f63696120001021065386162393836366662323937336632',
    ),
  ],
  [
    'no past epoch',
    { past: [], current: epoch('e8ab9866fb2973f2') },
    hex('b03463f70200010101f7f63696120001021065386162393836366662323937336632'),
  ],
]

const epochs = fc
  .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 1, maxLength: 16 })
  .map(epoch)
const manifests: fc.Arbitrary<CloudManifest> = fc
  .tuple(fc.array(fc.tuple(epochs, fc.maxSafeNat()), { maxLength: 40 }), epochs)
  .map(([past, current]) => ({
    past: past.map(([epoch, end]) => ({ epoch, end })).sort((a, b) => a.end - b.end),
    current,
  }))

test.each(vectors)('with %s it is read and written byte for byte', (_title, manifest, bytes) => {
  expect(decodeCloudManifest(bytes)).toEqual(manifest)
  expect(Buffer.from(encodeCloudManifest(manifest)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
})

test('every manifest comes back from its bytes', () => {
  fc.assert(
    fc.property(manifests, (manifest) => {
      expect(decodeCloudManifest(encodeCloudManifest(manifest))).toEqual(manifest)
    }),
  )
})

test('thousands of epochs span blocks', () => {
  const past = Array.from({ length: 5_000 }, (_, index) => ({ epoch: epoch(index.toString(16)), end: index }))
  const manifest = { past, current: epoch('ffffffff') }
  expect(decodeCloudManifest(encodeCloudManifest(manifest))).toEqual(manifest)
})

describe('corruption', () => {
  const [, , bytes] = vectors[0]!

  test('a manifest cut anywhere is refused', () => {
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeCloudManifest(bytes.subarray(0, size)), `${size} bytes`).toThrow(EnvError)
    }
  })

  test('a manifest with any bit changed is refused', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const bad = Buffer.from(bytes)
      bad[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => decodeCloudManifest(bad), `bit ${bit}`).toThrow(EnvError)
    }
  })

  const header = (records: number) => Buffer.of(1, records)
  const past = (end: number) => Buffer.of(1, 1, 0x61, end)
  const current = Buffer.of(2, 1, 0x62)
  test.each([
    ['nothing at all', [], 'it is empty'],
    ['version 2', [Buffer.of(2, 1), current], 'version 2 is unknown, expected 1'],
    ['an unknown tag', [header(1), Buffer.of(3, 1, 0x61)], 'unknown tag 3'],
    ['no current epoch', [header(1), past(5)], 'it has no current epoch'],
    ['no records', [header(0)], 'it has no current epoch'],
    ['two current epochs', [header(2), current, current], 'there are two current epochs'],
    ['unsorted ends', [header(3), past(5), past(4), current], 'file 4 comes after file 5'],
    ['too few records', [header(2), current], 'it has 1 of 2 epoch records'],
    ['too many records', [header(1), past(5), current], 'it has 2 of 1 epoch records'],
    [
      'an epoch of many characters',
      [header(1), Buffer.concat([Buffer.of(2), prefixed('x'.repeat(2 ** 16))])],
      `: "${'x'.repeat(40)}"… is not an epoch`,
    ],
    [
      'an epoch of a megabyte',
      [header(1), Buffer.concat([Buffer.of(2), prefixed('x'.repeat(2 ** 20))])],
      'an epoch has 1048576 bytes, more than 65536, the most it may have',
    ],
    ['an epoch that is a path', [header(1), Buffer.from('\x02\x04../x')], '"../x" is not an epoch'],
    ['an epoch that is cut off', [header(1), Buffer.of(2, 9, 0x61)], 'an epoch is cut off'],
    ['a record with more in it', [header(1), Buffer.concat([current, current])], 'longer than its fields'],
  ])('%s is refused with the reason', (_title, records, reason) => {
    expect(() => decodeCloudManifest(encodeLog(records), 'db/CLOUDMANIFEST')).toThrow(
      expect.objectContaining({ code: 'Corruption', message: expect.stringContaining(reason) }),
    )
    expect(() => decodeCloudManifest(encodeLog(records), 'db/CLOUDMANIFEST')).toThrow(
      /^db\/CLOUDMANIFEST is corrupt/,
    )
  })
})
