import { describe, expect, test } from 'vitest'
import { type Need, OthersNeeds } from '#src/catalog/needs.js'
import { encodePin, pinLifetimeMs } from '#src/catalog/pin.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { markDestroyed, parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { writeMark } from '#src/store/cas-object.js'
import { StoredObjects } from '../support/stored-objects.js'
import { bytes, field } from '../support/version-edits.js'

const epoch = (text: string) => parseEpoch(text)!
const pinName = 'CLOUDPIN-0123456789abcdef'
function manifestOf(...tables: readonly number[]) {
  return encodeLog([
    bytes(
      field.comparator('leveldb.BytewiseComparator'),
      ...tables.map((number) => field.newTable(0, number, 100)),
      field.nextFileNumber(13),
      field.lastSequence(1),
      field.logNumber(0),
    ),
  ])
}
const manifest = manifestOf(1, 12)
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
  const found = await new OthersNeeds({ store, path: 'db' }, '').of(names, storeNow)
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
  const place = { store: new StoredObjects(other).store, path: 'db' }
  const found = await new OthersNeeds(place, '').of(['000099.sst-b', '000099.sst-c'], manifestModified)
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
  const place = { store: objects.store, path: 'db' }
  const found = await new OthersNeeds(place, '').of(['000002.sst-a'], manifestModified)
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

describe('what has been read is remembered', () => {
  /** Needs of others in `objects`, again and again, with the requests that each answer took. */
  function asking(objects: StoredObjects) {
    const others = new OthersNeeds({ store: objects.store, path: 'db' }, '')
    return async () => {
      objects.requests.length = 0
      const found = await others.of(names, manifestModified)
      return { needs: names.map((name) => found.get(name)!), requests: [...objects.requests] }
    }
  }

  const pin = (objects: readonly string[]) => encodePin({ kind: 'clone', holder: 's3://b/clone', objects })
  const ours = { [writeMark]: 'a' }

  test('a hundred checkpoints and pins that have not changed take one listing', async () => {
    const objects = new StoredObjects({ 'db/MANIFEST-b': manifest })
    for (let i = 0; i < 100; i++) {
      objects.set(`db/CLOUDMANIFEST-checkpoint-${i}`, other['db/CLOUDMANIFEST-b'], ours)
      objects.set(`db/CLOUDPIN-${String(i).padStart(16, '0')}`, pin(['000002.sst-a']))
    }
    const ask = asking(objects)
    const first = await ask()
    expect(first.requests.length).toBeGreaterThan(200)
    expect(await ask()).toEqual({ needs: first.needs, requests: ['LIST db/CLOUD'] })

    objects.set('db/CLOUDPIN-0000000000000007', pin(['000012.sst-a']))
    const changed = await ask()
    expect(changed.needs[2]).toBe('now')
    expect(changed.requests).toEqual(['LIST db/CLOUD', 'GET db/CLOUDPIN-0000000000000007', 'LIST db/CLOUD'])
  })

  test('a branch takes a HEAD, since its owner may have committed', async () => {
    const objects = new StoredObjects(other)
    const ask = asking(objects)
    const before = await ask()
    expect(await ask()).toEqual({
      needs: before.needs,
      requests: ['LIST db/CLOUD', 'HEAD db/MANIFEST-b', 'LIST db/CLOUD'],
    })
    objects.set('db/MANIFEST-b', manifestOf(2))
    expect((await ask()).needs.slice(0, 2)).toEqual([once, 'now'])
  })

  test('a checkpoint to which another program writes is looked at as a branch is', async () => {
    const objects = new StoredObjects({ 'db/MANIFEST-b': manifest })
    objects.set('db/CLOUDMANIFEST-checkpoint-x', other['db/CLOUDMANIFEST-b'])
    const ask = asking(objects)
    await ask()
    objects.set('db/MANIFEST-b', manifestOf(2))
    expect((await ask()).needs[1]).toBe('now')
  })

  test('a state that could not be read is read again', async () => {
    const objects = new StoredObjects({ 'db/CLOUDMANIFEST-b': other['db/CLOUDMANIFEST-b'] })
    const ask = asking(objects)
    expect((await ask()).needs[2]).toBe('now')
    objects.set('db/MANIFEST-b', manifest)
    expect((await ask()).needs[2]).toBe('never')
  })

  test('states beyond the limit are read again each time', async () => {
    const objects = new StoredObjects()
    const many = Array.from({ length: 300_000 }, (_, i) => `${i}`)
    for (const digit of ['1', '2']) objects.set(`db/CLOUDPIN-${digit.repeat(16)}`, pin([digit, ...many]))
    const ask = asking(objects)
    await ask()
    expect((await ask()).requests.filter((request) => request.startsWith('GET'))).toHaveLength(1)
  })
})
