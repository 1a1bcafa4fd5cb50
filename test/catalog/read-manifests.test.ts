import { describe, expect, test } from 'vitest'
import type { Places } from '#src/catalog/database-place.js'
import { readManifests } from '#src/catalog/read-manifests.js'
import { readState } from '#src/catalog/read-state.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { openStore } from '#src/store/open-store.js'
import { mainTestStores } from '../support/test-stores.js'
import { bytes, prefixed } from '../support/version-edits.js'

test('the MANIFEST is that of the current epoch, wherever in the CLOUDMANIFEST its record is', async () => {
  const own = mainTestStores()[0]!.make()
  const records = [bytes(1, 2), bytes(2, prefixed('bbb')), bytes(1, prefixed('aaa'), 6)]
  await own.put('CLOUDMANIFEST', encodeLog(records))
  for (const epoch of ['aaa', 'bbb']) await own.put(`MANIFEST-${epoch}`, encodeLog([]))
  const places: Places = [{ store: await openStore(own.url(), own.connection), path: '' }]
  const { manifest, cloudManifest } = (await readManifests(places, ''))!
  expect(manifest!.url).toMatch(/MANIFEST-bbb$/)
  expect((await readState(places, '')).manifestObject).toBe(manifest!.url)
  expect(cloudManifest!.epochs.map(({ epoch, endFile }) => [epoch, endFile])).toEqual([
    ['bbb', undefined],
    ['aaa', 6],
  ])
})

/** Store that moves to the next epoch, and loses the MANIFEST of this one, whenever a MANIFEST is requested. */
async function contested(maxEpochs: number): Promise<Places> {
  const own = mainTestStores()[0]!.make()
  const putEpoch = async (number: number) => {
    const current = parseEpoch(`a${number}`)!
    await own.put('CLOUDMANIFEST', encodeCloudManifest({ past: [], current }))
    if (number === maxEpochs) await own.put(`MANIFEST-${current}`, encodeLog([]))
  }
  await putEpoch(1)
  const store = await openStore(own.url(), own.connection)
  let epoch = 1
  const get: ObjectStore['get'] = async (key, range) => {
    if (key.startsWith('MANIFEST-a') && epoch < maxEpochs) {
      epoch += 1
      await putEpoch(epoch)
    }
    return store.get(key, range)
  }
  return [{ store: Object.create(store, { get: { value: get } }), path: '' }]
}

describe('a MANIFEST that vanishes before it is read', () => {
  test('belongs to an owner displaced meanwhile: the next one is read', async () => {
    const found = await readManifests(await contested(3), '')
    expect(found!.cloudManifest!.epochs).toMatchObject([{ epoch: 'a3' }])
    expect(found!.manifest!.url).toMatch(/MANIFEST-a3$/)
    expect(found!.problems).toEqual([])
  })

  test('counts as missing if owners keep displacing each other', async () => {
    const found = await readManifests(await contested(Infinity), '')
    expect(found!.manifest).toBeUndefined()
    expect(found!.problems).toMatchObject([{ code: 'missing' }])
  })
})
