import { expect, test } from 'vitest'
import { hasCloudManifest, listCookies } from '#src/catalog/cookies.js'
import { findDatabases } from '#src/catalog/find-databases.js'
import { listPlace } from '#src/catalog/listed-place.js'
import { listing } from '#src/catalog/listing.js'
import { StoredObjects } from '../support/stored-objects.js'

const objects = new StoredObjects({
  'db/000012.sst-abc': 'table',
  'db/CLOUDMANIFEST': '',
  'db/CLOUDMANIFEST-other': '',
  'db/MANIFEST-abc': '',
  'db/.cloudenv-probe-01234567-89ab-cdef-0123-456789abcdef': '',
  'db/notes.txt': 'anything',
  'db/inner/000001.sst-dd': '12345678',
  'db/inner/MANIFEST-dd': '',
  'lonely/000001.sst-dd': '',
})
const { store } = objects
const place = { store, path: 'db' }

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

test('objects directly at a place are distinguished from those below it', async () => {
  const direct = await all(listing(place))
  expect(direct.map(({ path, name }) => `${path}${name}`)).not.toContain('inner/MANIFEST-dd')
  const deep = await all(listing(place, { isDeep: true }))
  expect(deep.find(({ path }) => path === 'inner/')).toMatchObject({
    name: '000001.sst-dd',
    parsed: { kind: 'table', number: 1, epoch: 'dd' },
    size: 8,
  })
  expect(deep.find(({ name }) => name === 'notes.txt')?.parsed).toBeUndefined()
})

test('a place is listed by the meaning of its names', async () => {
  const seen: number[] = []
  const { named, probes, foreign, foreignSample } = await listPlace(place, () => {
    seen.push(1)
  })
  expect([...named.keys()].sort()).toEqual([
    '000012.sst-abc',
    'CLOUDMANIFEST',
    'CLOUDMANIFEST-other',
    'MANIFEST-abc',
  ])
  expect(probes).toHaveLength(1)
  expect(foreign).toEqual({ objects: 1, bytes: 8 })
  expect(foreignSample.map(({ name }) => name)).toEqual(['notes.txt'])
  expect(seen).toHaveLength(6)
})

test('the callback for each object can end the listing', async () => {
  await expect(listPlace(place, () => Promise.reject(new Error('enough')))).rejects.toThrow('enough')
})

test('cookies come from CLOUDMANIFESTs, and nothing else is listed to find them', async () => {
  objects.requests.length = 0
  expect(await listCookies(place)).toEqual(['', 'other'])
  expect(await hasCloudManifest(place)).toBe(true)
  expect(await hasCloudManifest({ store, path: 'lonely' })).toBe(false)
  expect(objects.requests).toEqual([
    'LIST db/CLOUDMANIFEST',
    'LIST db/CLOUDMANIFEST',
    'LIST lonely/CLOUDMANIFEST',
  ])
})

test('finds nested databases, and on request those that lost their CLOUDMANIFEST', async () => {
  const found = await all(findDatabases({ store, path: '' }, { withLost: true }))
  expect(found.map(({ path, cookies, remains }) => [path, cookies, remains?.tables])).toEqual([
    ['db/inner', [], 1],
    ['db', ['', 'other'], undefined],
  ])
  expect((await all(findDatabases({ store, path: '' }))).map(({ path }) => path)).toEqual(['db'])
})

test('a search ends at its limit of objects', async () => {
  const search = findDatabases({ store, path: '' }, { maxObjects: 2 })
  expect(await search.next()).toEqual({ done: true, value: { objects: 2, bytes: expect.any(Number) } })
})
