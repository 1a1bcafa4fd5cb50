import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloudManifest } from '#src/format/cloud-manifest.js'
import { addEpoch, type Epoch, epochOf, newEpoch, parseEpoch } from '#src/format/epoch.js'

const epoch = (text: string): Epoch => parseEpoch(text)!
const manifest: CloudManifest = {
  past: [
    { epoch: epoch('aa'), end: 6 },
    { epoch: epoch('bb'), end: 300 },
  ],
  current: epoch('cc'),
}

test('an epoch is up to sixteen lower-case hexadecimal characters', () => {
  for (const good of ['', '0', 'ab01', '0123456789abcdef']) expect(parseEpoch(good)).toBe(good)
  for (const bad of ['A', 'g', '../a', '0123456789abcdef0', ' a', 'a\n', 'a\0']) {
    expect(parseEpoch(bad)).toBeUndefined()
  }
})

test('a new epoch has sixteen characters and is never all-decimal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      const draws = [bytes, Buffer.from('00000000000000ff', 'hex')]
      expect(newEpoch(() => draws.shift()!)).toMatch(/^(?=.*[a-f])[0-9a-f]{16}$/)
    }),
  )
  const draws = [Buffer.from('1234567890123456', 'hex'), Buffer.from('1234567890123abc', 'hex')]
  expect(newEpoch(() => draws.shift()!)).toBe('1234567890123abc')
})

test('a file belongs to the first past epoch that ends behind it, else to the current one', () => {
  expect([0, 5, 6, 299, 300, 10_000].map((number) => epochOf(manifest, number))).toEqual([
    'aa',
    'aa',
    'bb',
    'bb',
    'cc',
    'cc',
  ])
})

test('also among any number of epochs, some of which wrote nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 20 }), fc.nat(60), (unordered, number) => {
      const ends = unordered.sort((a, b) => a - b)
      const past = ends.map((end, at) => ({ epoch: epoch(`a${at}`), end }))
      const at = ends.findIndex((end) => end > number)
      expect(epochOf({ past, current: epoch('cc') }, number)).toBe(at < 0 ? 'cc' : `a${at}`)
    }),
  )
})

test('a new epoch leaves every earlier file to the epoch that had it', () => {
  const added = addEpoch(manifest, 400, epoch('dd'))
  fc.assert(fc.property(fc.nat(399), (number) => epochOf(added, number) === epochOf(manifest, number)))
  expect(epochOf(added, 400)).toBe('dd')
})

test('an epoch in which no file was written may be followed at once', () => {
  const twice = addEpoch(addEpoch(manifest, 300, epoch('dd')), 300, epoch('ee'))
  expect(epochOf(twice, 299)).toBe('bb')
  expect(epochOf(twice, 300)).toBe('ee')
})

test('an epoch cannot take over files of an earlier one', () => {
  expect(() => addEpoch(manifest, 299, epoch('dd'))).toThrow('epoch dd cannot start at file 299')
})

test('an epoch is added once', () => {
  const added = addEpoch(manifest, 400, epoch('dd'))
  expect(() => addEpoch(added, 400, epoch('dd'))).toThrow('already')
  expect(() => addEpoch(added, 500, epoch('aa'))).toThrow('already')
})
