import { describe, expect, test } from 'vitest'
import type { Places } from '#src/catalog/database-place.js'
import { isCurrent, readView } from '#src/catalog/database-view.js'
import { fetchBounded, firstBytes } from '#src/catalog/get-first.js'
import { readState, StateReader } from '#src/catalog/read-state.js'
import { fetchManifest, lookAtState, readRoot, untilSettled } from '#src/catalog/state-objects.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { StoredObjects } from '../support/stored-objects.js'
import { bytes, field } from '../support/version-edits.js'

const manifestOf = (...edits: Uint8Array[]) =>
  encodeLog([bytes(field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9)), ...edits])
const rootOf = (epoch: string) => encodeCloudManifest({ past: [], current: parseEpoch(epoch)! })

function databaseOf(epoch: string, ...edits: Uint8Array[]) {
  const objects = new StoredObjects({
    'db/CLOUDMANIFEST': rootOf(epoch),
    [`db/MANIFEST-${epoch}`]: manifestOf(...edits),
  })
  const places: Places = [{ store: objects.store, path: 'db' }]
  return { objects, places }
}

/** The owner of `b` takes over as soon as the CLOUDMANIFEST of `a` was read, and deletes the MANIFEST of `a`. */
function overtaken() {
  const { objects, places } = databaseOf('a')
  objects.onRequest = (request) => {
    if (request !== 'GET db/MANIFEST-a') return
    objects.delete('db/MANIFEST-a')
    objects.set('db/CLOUDMANIFEST', rootOf('b'))
    objects.set('db/MANIFEST-b', manifestOf(field.newTable(0, 12, 5)))
    objects.set('db/000012.sst-b', '12345')
  }
  return { objects, places }
}

describe('a look', () => {
  test('reads the CLOUDMANIFEST, then the MANIFEST that it names', async () => {
    const { objects, places } = databaseOf('a')
    const look = await lookAtState(places, '', (name) => fetchManifest(places, name))
    expect(look).toMatchObject({ manifestName: 'MANIFEST-a', manifest: { name: 'MANIFEST-a' } })
    expect(objects.requests).toEqual(['GET db/CLOUDMANIFEST', 'GET db/MANIFEST-a'])
  })

  test('ends at a CLOUDMANIFEST that cannot be decoded', async () => {
    const { objects, places } = databaseOf('a')
    objects.set('db/CLOUDMANIFEST', 'nonsense')
    const look = await lookAtState(places, '', () => expect.fail('it leads nowhere'))
    expect(look).toMatchObject({ root: { error: { code: 'Corruption' } } })
    expect((await readRoot(places, ''))?.error).toMatchObject({ code: 'Corruption' })
  })

  test('finds nothing where there is no CLOUDMANIFEST of the cookie', async () => {
    const { places } = databaseOf('a')
    expect(await lookAtState(places, 'other', () => undefined)).toBeUndefined()
  })
})

describe('when the owner changes between reading the two objects', () => {
  test('the Env reads the state of the new owner', async () => {
    const view = await readView(overtaken().places, '')
    expect([...view!.files.keys()]).toEqual(['000012.sst'])
    expect(view!.cloudManifest.current).toBe('b')
  })

  test('so does a report', async () => {
    const state = await readState(overtaken().places, '')
    expect(state).toMatchObject({ problems: [], manifestObject: expect.stringMatching(/MANIFEST-b$/) })
  })
})

describe('looking until the state is settled', () => {
  const looks = (...versions: (string | undefined)[]) => {
    let at = 0
    return { look: async () => versions[at++ % versions.length], count: () => at }
  }

  test.each([
    ['at once where nothing seems damaged', [undefined], 1],
    ['twice where the same is damaged again', ['one', 'one'], 2],
    ['until what was damaged is sound', ['one', 'two', undefined], 3],
    ['five times where it changes for ever', ['1', '2', '3', '4', '5', '6', '7'], 5],
  ])('ends %s', async (_, versions, count) => {
    const scripted = looks(...versions)
    await untilSettled(scripted.look, (version) => version)
    expect(scripted.count()).toBe(count)
  })
})

test('a view is current until one of its two objects changes', async () => {
  const { objects, places } = databaseOf('a')
  const view = (await readView(places, ''))!
  expect(await isCurrent(view, '')).toBe(true)
  objects.set('db/MANIFEST-a', manifestOf(field.lastSequence(10)))
  expect(await isCurrent(view, '')).toBe(false)
})

test('an object that is missing at the first place is found at the next', async () => {
  const { places } = databaseOf('a')
  const found = await fetchBounded(
    [{ store: new StoredObjects().store, path: '' }, ...places],
    'MANIFEST-a',
    1e6,
    (it) => it,
  )
  expect(found).toMatchObject({ place: places[0], url: 'memory://bucket/db/MANIFEST-a' })
})

test('no more than a first piece is fetched of an object that is too large', async () => {
  const objects = new StoredObjects({ large: Buffer.alloc(firstBytes + 10) })
  const place = { store: objects.store, path: '' }
  const tooLarge = await fetchBounded([place], 'large', firstBytes + 1, (found) => found)
  expect(tooLarge!.oversized?.message).toMatch(/more than 4194305, the most it may have/)
  expect(tooLarge!.object.body).toHaveLength(firstBytes)
  const whole = await fetchBounded([place], 'large', firstBytes + 10, (found) => found)
  expect(whole!.object.body).toHaveLength(firstBytes + 10)
  expect(objects.requests).toHaveLength(3)
})

test('a MANIFEST that several cookies share is fetched once', async () => {
  const { objects, places } = databaseOf('a')
  objects.set('db/CLOUDMANIFEST-two', rootOf('a'))
  const reader = new StateReader(places)
  for (const cookie of ['', 'two']) expect((await reader.read(cookie)).problems).toEqual([])
  expect(objects.requests.filter((request) => request === 'GET db/MANIFEST-a')).toHaveLength(1)
})
