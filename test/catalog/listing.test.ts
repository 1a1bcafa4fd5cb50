import { describe, expect, test } from 'vitest'
import { hasCloudManifest, listCookies } from '#src/catalog/cookies.js'
import { findDatabases } from '#src/catalog/find-databases.js'
import { listPlace } from '#src/catalog/listed-place.js'
import { listing } from '#src/catalog/listing.js'
import { tableFileName } from '#src/format/file-name.js'
import { withFaults } from '../support/scripted-rocksdb.js'
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

describe('a place of more objects than a page has', () => {
  const tables = Array.from({ length: 3000 }, (_, number) => tableFileName(number))
  const many = new StoredObjects(
    Object.fromEntries(
      ['.first', ...tables.map((name) => `${name}-abc`), 'CLOUDMANIFEST', 'notes.txt'].map((name) => [
        `db/${name}`,
        name,
      ]),
    ),
  )
  const whole = { store: many.store, path: 'db' }
  const begun = () => many.requests.length

  test.each([
    { likely: 'all of its tables', names: tables, parts: 3 },
    { likely: 'some of them', names: tables.filter((_, number) => number % 2 === 0), parts: 2 },
    { likely: 'others', names: ['999999.sst'], parts: 1 },
    { likely: 'none', names: [], parts: 1 },
  ])('is listed in parts, the same if what is likely is $likely', async ({ names, parts }) => {
    many.requests.length = 0
    const listed = await listPlace(whole, undefined, async () => names)
    expect(begun()).toBe(1 + parts)
    const pageByPage = await listPlace(whole)
    expect([...listed.named]).toEqual([...pageByPage.named])
    expect(listed.foreign).toEqual(pageByPage.foreign)
    expect(listed.foreignSample).toEqual(pageByPage.foreignSample)
  })

  test('is asked for all parts before one of them is answered', async () => {
    many.requests.length = 0
    let answer = () => {}
    const all = new Promise<void>((resolve) => {
      answer = resolve
    })
    const waiting = withFaults(many.store, {
      async *list(prefix, options) {
        const objects = many.store.list(prefix, options)[Symbol.asyncIterator]()
        const first = await objects.next()
        if (begun() === 4) answer()
        if (options?.startAfter !== undefined) await all
        if (!first.done) yield first.value
        yield* { [Symbol.asyncIterator]: () => objects }
      },
    })
    const { named } = await listPlace({ store: waiting, path: 'db' }, undefined, async () => tables)
    expect(named.size).toBe(3001)
  })

  test('ends with the first error of a part', async () => {
    let seen = 0
    const stop = () => {
      seen += 1
      if (seen > 2000) throw new Error('enough')
    }
    await expect(listPlace(whole, stop, async () => tables)).rejects.toThrow('enough')
  })
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
