import { expect, test } from 'vitest'
import { type Need, needsOfOthers } from '#src/catalog/needs.js'
import { encodePin, pinLifetimeMs } from '#src/catalog/pin.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { markDestroyed, parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { StoredObjects } from '../support/stored-objects.js'
import { bytes, field } from '../support/version-edits.js'

const epoch = (text: string) => parseEpoch(text)!
const pinName = 'CLOUDPIN-0123456789abcdef'
const manifest = encodeLog([
  bytes(
    field.comparator('leveldb.BytewiseComparator'),
    field.newTable(0, 1, 100),
    field.newTable(0, 12, 100),
    field.nextFileNumber(13),
    field.lastSequence(1),
    field.logNumber(0),
  ),
])
/** The state of another cookie: table 1 of the shared past, and table 12 of its own epoch. */
const other = {
  'db/CLOUDMANIFEST-b': encodeCloudManifest({ past: [{ epoch: epoch('a'), end: 10 }], current: epoch('b') }),
  'db/MANIFEST-b': manifest,
}
const names = [
  '000001.sst-a',
  '000002.sst-a',
  '000012.sst-a',
  '000012.sst-b',
  'MANIFEST-a',
  'MANIFEST-b',
] as const

/** Written on the second day of 2026, as {@link StoredObjects} dates it. */
const manifestModified = new Date(Date.UTC(2026, 0, 2))
const once = { lastAt: manifestModified, keptMs: 0 }

async function needs(
  objects: Record<string, Uint8Array | string>,
  storeNow = manifestModified,
): Promise<readonly Need[]> {
  const { store } = new StoredObjects(objects)
  const found = await needsOfOthers({ store, path: 'db' }, '', names, storeNow)
  return names.map((name) => found.get(name)!)
}

test('without another cookie and without a pin, nobody needs anything', async () => {
  const own = { 'db/CLOUDMANIFEST': other['db/CLOUDMANIFEST-b'] }
  expect(await needs(own)).toEqual(names.map(() => 'never'))
})

test('the state of another cookie needs its files and its MANIFEST, and may have needed what it can name', async () => {
  expect(await needs(other)).toEqual(['now', once, 'never', 'now', once, 'now'])
})

test('what the owner of another line writes may be about to be committed', async () => {
  const found = await needsOfOthers(
    { store: new StoredObjects(other).store, path: 'db' },
    '',
    ['000099.sst-b', '000099.sst-c'],
    manifestModified,
  )
  expect([...found.values()]).toEqual(['now', 'never'])
})

test('a line that is being destroyed needs nothing', async () => {
  const root = { past: [{ epoch: epoch('a'), end: 10 }], current: epoch('b') }
  expect(await needs({ ...other, 'db/CLOUDMANIFEST-b': encodeCloudManifest(markDestroyed(root)) })).toEqual(
    names.map(() => 'never'),
  )
})

test('a pin that comes while states are read is looked at', async () => {
  const objects = new StoredObjects(other)
  const pin = encodePin({ kind: 'operation', holder: 'a copy', objects: ['000002.sst-a'] })
  objects.onRequest = (request) => {
    if (request === 'GET db/MANIFEST-b') objects.set(`db/${pinName}`, pin)
  }
  const found = await needsOfOthers(
    { store: objects.store, path: 'db' },
    '',
    ['000002.sst-a'],
    manifestModified,
  )
  expect(found.get('000002.sst-a')).toBe('now')
})

test('a state that cannot be read may need everything', async () => {
  const everything = names.map(() => 'now')
  expect(await needs({ ...other, 'db/CLOUDMANIFEST-b': 'damaged' })).toEqual(everything)
  expect(await needs({ 'db/CLOUDMANIFEST-b': other['db/CLOUDMANIFEST-b'] })).toEqual(everything)
})

test('a pin needs what it names, until it expires', async () => {
  const pin = encodePin({ kind: 'operation', holder: 'a copy', objects: ['000002.sst-a', 'unknown'] })
  const objects = { [`db/${pinName}`]: pin }
  const written = new Date(Date.UTC(2026, 0, 1))
  expect(await needs(objects, written)).toEqual(['never', 'now', 'never', 'never', 'never', 'never'])
  const later = new Date(written.getTime() + pinLifetimeMs + 1)
  expect(await needs(objects, later)).toEqual(names.map(() => 'never'))
})

test('a pin that cannot be read is an error: nobody knows what it protects', async () => {
  await expect(needs({ [`db/${pinName}`]: 'damaged' })).rejects.toMatchObject({ code: 'Corruption' })
})
