import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { DatabasePlace, Places } from '#src/catalog/database-place.js'
import { type Survey, surveyDatabase } from '#src/catalog/survey.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { openStore } from '#src/store/open-store.js'
import { runCommand } from '../support/command-runner.js'
import { fixtureDatabases, ownObjects } from '../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../support/fixtures.js'
import { Machine } from '../support/machine.js'
import { putFixture } from '../support/open-bucket.js'
import { withFaults } from '../support/scripted-rocksdb.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

/** The database at a path of the store, and every request to it. */
async function placeOf(
  store: TestStore,
  path: string,
): Promise<{ readonly place: DatabasePlace; readonly requests: string[] }> {
  const requests: string[] = []
  const opened = await openStore(store.url(path), {
    ...store.connection,
    onRequest: ({ operation, key }) => requests.push(`${operation} ${key}`),
  })
  return { place: { store: opened, path: '' }, requests }
}

const namesOf = ({ objects, places }: Survey, kind: string) =>
  objects.filter(({ place, role }) => place === places[0] && role.kind === kind).map(({ name }) => name)

describe.each(mainTestStores())('in $name', ({ make }) => {
  describe.runIf(haveFixtures)(fixtureSuite('a survey of what rocksdb-cloud wrote'), () => {
    test.each(fixtureDatabases())('$title: says what ldb says, and changes nothing', async (database) => {
      const store = make()
      await putFixture(store, database.fixture)
      const before = await store.list()
      const opened = await Promise.all(
        database.paths.map(({ bucket, path }) => placeOf(store, `${bucket}/${path}`)),
      )
      const survey = await surveyDatabase(opened.map(({ place }) => place) as unknown as Places)
      expect(await store.list()).toEqual(before)

      const state = survey.states.get(database.cookie)!
      expect(state).toMatchObject({ problems: [], cloudManifest: { current: database.epoch } })
      const tables = state.tables.map(({ table, objectName, stored }) => ({
        number: table.number,
        objectName,
        columnFamily: state.manifest!.columnFamilies.get(table.columnFamily)!.name,
        level: table.level,
        size: stored!.size,
        sequences: [table.smallestSequence, table.largestSequence],
        keys: [table.smallest, table.largest].map(({ userKey }) => Buffer.from(userKey).toString()),
      }))
      const byNumber = (a: { number: number }, b: { number: number }) => a.number - b.number
      expect(tables.sort(byNumber)).toEqual(
        [...database.tables].map(({ entries: _, ...table }) => table).sort(byNumber),
      )

      // Each state needs its tables, its MANIFEST and its CLOUDMANIFEST; all need IDENTITY. Nothing needs the rest.
      const states = [...survey.states.values()]
      const needed = new Set([
        'IDENTITY',
        ...states.flatMap(({ cookie, cloudManifest, tables: live }) => [
          cookie === '' ? 'CLOUDMANIFEST' : `CLOUDMANIFEST-${cookie}`,
          `MANIFEST-${cloudManifest!.current}`,
          ...live.map(({ objectName }) => objectName),
        ]),
      ])
      const own = [...ownObjects(database).keys()]
      expect(namesOf(survey, 'live').sort()).toEqual(own.filter((name) => needed.has(name)).sort())
      expect(namesOf(survey, 'garbage').sort()).toEqual(own.filter((name) => !needed.has(name)).sort())

      const [{ requests }, ...sources] = opened as [(typeof opened)[number], ...typeof opened]
      expect(requests.filter((request) => request.startsWith('list'))).toHaveLength(1)
      expect(requests).toHaveLength(1 + 2 * states.length + 1)
      expect(sources.flatMap((source) => source.requests)).toEqual(sources.map(() => 'list '))
    })
  })

  test('does not take a commit made meanwhile for damage', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open(async (db) => {
      await db.put('a', '1')
      await db.flush()
      const survey = await surveyDatabase([
        withInterruption((await placeOf(store, 'db')).place, async () => {
          await db.put('b', '2')
          await db.flush()
        }),
      ])
      expect(survey.states.get('')).toMatchObject({ problems: [] })
      expect(survey.states.get('')!.tables).toHaveLength(2)
    })
  })

  test('nor a change of owner', async () => {
    const store = make()
    const machine = new Machine(store)
    const write = (key: string) =>
      machine.open(async (db) => {
        await db.put(key, '1')
        await db.flush()
      })
    await write('a')
    const survey = await surveyDatabase([
      withInterruption((await placeOf(store, 'db')).place, () => write('b')),
    ])
    expect(survey.states.get('')).toMatchObject({ problems: [], cloudManifest: { past: [{}] } })
    expect(survey.states.get('')!.tables).toHaveLength(2)
  })

  test('nor a creator that has yet to write IDENTITY', async () => {
    const { store } = await twoTables()
    const identity = await store.get('db/IDENTITY')
    await store.delete(['db/IDENTITY'])
    const { place } = await placeOf(store, 'db')
    let looks = 0
    const slow = withFaults(place.store, {
      head: async (key) => {
        looks += 1
        if (looks === 2) await store.put('db/IDENTITY', identity)
        return place.store.head(key)
      },
    })
    const survey = await surveyDatabase([{ ...place, store: slow }])
    expect(survey.identity).toBe(Buffer.from(identity).toString())
    expect(namesOf(survey, 'live')).toContain('IDENTITY')
  })

  test('reports missing tables and wrong sizes with the keys that they affect', async () => {
    const { store, tables } = await twoTables()
    await store.delete([tables[0]!])
    await store.put(tables[1]!, Buffer.from('short'))
    const { place } = await placeOf(store, 'db')
    const { states } = await surveyDatabase([place])
    const range = (key: string) => ({
      columnFamily: 'default',
      smallest: Buffer.from(key),
      largest: Buffer.from(key),
    })
    expect(states.get('')!.problems).toMatchObject([
      { code: 'missing', object: store.url(tables[0]), range: range('a') },
      { code: 'wrongSize', object: store.url(tables[1]), range: range('b') },
    ])
    expect(states.get('')!.tables.map(({ stored }) => stored?.size)).toEqual([undefined, 5])
  })

  test.each([
    ['CLOUDMANIFEST', 'corrupt'],
    ['MANIFEST', 'corrupt'],
    ['MANIFEST', 'missing'],
  ])('reports a %s that is %s, and then calls nothing garbage', async (kind, code) => {
    const { store, manifest } = await twoTables()
    const key = kind === 'MANIFEST' ? manifest : 'db/CLOUDMANIFEST'
    if (code === 'missing') await store.delete([key])
    else await store.put(key, Buffer.from('nonsense'))
    const survey = await surveyDatabase([(await placeOf(store, 'db')).place])
    expect(survey.states.get('')!.problems).toMatchObject([{ code, object: store.url(key) }])
    expect(namesOf(survey, 'garbage')).toEqual([])
    expect(namesOf(survey, 'undecided')).toHaveLength(kind === 'MANIFEST' ? 2 : 3)
  })

  test('an object of another state is live, or undecided while that state cannot be read', async () => {
    const { store, tables } = await twoTables()
    await store.put('db/CLOUDMANIFEST-other', await store.get('db/CLOUDMANIFEST'))
    const survey = await surveyDatabase([(await placeOf(store, 'db')).place])
    expect([...survey.states.keys()]).toEqual(['', 'other'])
    const table = survey.objects.find(({ name }) => `db/${name}` === tables[0])
    expect(table!.role).toEqual({ kind: 'live', cookies: ['', 'other'], holders: [] })

    await store.put('db/CLOUDMANIFEST-other', Buffer.from('nonsense'))
    await store.put('db/000099.sst-abc', Buffer.from('whose?'))
    const damaged = await surveyDatabase([(await placeOf(store, 'db')).place])
    expect(damaged.states.get('')!.problems).toEqual([])
    expect(namesOf(damaged, 'undecided')).toEqual(['000099.sst-abc'])
  })

  test('unknown names are foreign', async () => {
    const { store } = await twoTables()
    const names = ['README.md', '12.sst', 'MANIFEST-XYZ', '000001.sst-abc.bak', 'CLOUDMANIFEST~']
    for (const name of names) await store.put(`db/${name}`, Buffer.from('1234'))
    const survey = await surveyDatabase([(await placeOf(store, 'db')).place])
    expect(namesOf(survey, 'foreign').sort()).toEqual(names.sort())
    expect(survey.foreign).toEqual({ objects: names.length, bytes: names.length * 4 })
    expect(namesOf(survey, 'garbage')).toEqual([])
  })

  test('leftovers of an interrupted probe of conditional writes are garbage, for people to delete', async () => {
    const { store } = await twoTables()
    const probe = `.cloudenv-probe-${randomUUID()}`
    const alike = ['.cloudenv-probe-1', `${probe}.bak`, `x${probe}`]
    for (const name of [probe, ...alike]) await store.put(`db/${name}`, Buffer.from('1234'))
    const survey = await surveyDatabase([(await placeOf(store, 'db')).place])
    expect(survey.objects.filter(({ role }) => role.kind === 'garbage')).toMatchObject([
      { name: probe, size: 4, role: { reason: 'probe', deletedBy: 'people' } },
    ])
    expect(namesOf(survey, 'foreign').sort()).toEqual(alike.sort())
  })

  test('an empty place has no state and no object', async () => {
    const survey = await surveyDatabase([(await placeOf(make(), 'db')).place])
    expect(survey).toMatchObject({ identity: undefined, objects: [], foreign: { objects: 0 } })
    expect(survey.states.size).toBe(0)
  })

  /** A database of one epoch with a table for `a` and one for `b`. */
  async function twoTables(): Promise<{ store: TestStore; tables: string[]; manifest: string }> {
    const store = make()
    await new Machine(store).open(
      async (db) => {
        for (const key of ['a', 'b']) {
          await db.put(key, '1')
          await db.flush()
        }
      },
      { options: { disable_auto_compactions: true } },
    )
    const keys = [...(await store.list()).keys()]
    return {
      store,
      tables: keys.filter((key) => key.includes('.sst-')).sort(),
      manifest: keys.find((key) => key.startsWith('db/MANIFEST'))!,
    }
  }
})

describe('several states', () => {
  const current = parseEpoch('abc')!
  const opening = bytes(
    field.logNumber(1),
    field.nextFileNumber(99),
    field.lastSequence(9),
    field.newTable(0, 7, 100),
  )

  async function storeWith(cookies: number, cloudManifest: Uint8Array): Promise<TestStore> {
    const store = mainTestStores()[0]!.make()
    await store.put('MANIFEST-abc', encodeLog([opening]))
    for (let cookie = 0; cookie < cookies; cookie++)
      await store.put(`CLOUDMANIFEST-c${cookie}`, cloudManifest)
    return store
  }

  test('that name the same MANIFEST fetch it once per look', async () => {
    const store = await storeWith(30, encodeCloudManifest({ past: [], current }))
    const { place, requests } = await placeOf(store, '')
    const { states } = await surveyDatabase([place])
    expect(states.size).toBe(30)
    expect(new Set([...states.values()].map(({ manifest }) => manifest)).size).toBe(1)
    // The missing table causes a second look.
    expect(requests.filter((request) => request === 'get MANIFEST-abc')).toHaveLength(2)
  })

  const large = encodeCloudManifest({
    past: Array.from({ length: 26_000 }, () => ({ epoch: parseEpoch('a')!, end: 1 })),
    current,
  })
  const unread = (name: string) => ({
    code: 'unsupported',
    message: expect.stringContaining(`${name} was not read`),
  })

  test('that exceed the memory limit are not read, and each says so', async () => {
    const store = await storeWith(10, large)
    const { place, requests } = await placeOf(store, '')
    const { states } = await surveyDatabase([place])
    // The first, and two times 26,003 of 75,000.
    expect([...states.values()].filter(({ manifest }) => manifest)).toHaveLength(3)
    for (const { cookie, manifest, problems } of states.values())
      expect(problems).toMatchObject([manifest ? { code: 'missing' } : unread(`CLOUDMANIFEST-${cookie}`)])
    expect(requests.length).toBeLessThan(50)
  })

  test('are read as far as they fit beside the requested one', async () => {
    const { place } = await placeOf(await storeWith(5, large), '')
    const { states } = await surveyDatabase([place], { cookie: 'c4' })
    const read = [...states].filter(([, { manifest }]) => manifest).map(([cookie]) => cookie)
    expect(read).toHaveLength(3)
    expect(read).toContain('c4')
    expect([...states.keys()]).toEqual(['c0', 'c1', 'c2', 'c3', 'c4'])
  })

  test('are read regardless of size if there is only one', async () => {
    const past = Array.from({ length: 500_000 }, () => ({ epoch: parseEpoch('a')!, end: 1 }))
    const store = await storeWith(1, encodeCloudManifest({ past, current }))
    const { states } = await surveyDatabase([(await placeOf(store, '')).place])
    expect(states.get('c0')!.cloudManifest!.past).toHaveLength(500_000)
  })

  test.each([
    ['of more bytes', encodeLog([bytes(opening, 8192, prefixed(Buffer.alloc(49 * 2 ** 20)))])],
    [
      'of more files',
      encodeLog([bytes(opening, ...Array.from({ length: 76_000 }, (_, at) => field.newTable(0, 9 + at, 1)))]),
    ],
  ])('with a MANIFEST %s than fits are not read, nor are those after them', async (_, manifest) => {
    const store = await storeWith(1, encodeCloudManifest({ past: [], current }))
    await store.put('MANIFEST-b', manifest)
    for (const cookie of ['x', 'y'])
      await store.put(`CLOUDMANIFEST-${cookie}`, encodeCloudManifest({ past: [], current: parseEpoch('b')! }))
    const { place } = await placeOf(store, '')
    const { states } = await surveyDatabase([place])
    expect([...states.values()].map(({ problems }) => problems[0])).toMatchObject([
      { code: 'missing' },
      unread('CLOUDMANIFEST-x'),
      unread('CLOUDMANIFEST-y'),
    ])
  })

  test('with large MANIFESTs are fetched one at a time', async () => {
    const store = mainTestStores()[0]!.make()
    const large = encodeLog([bytes(opening, 8192, prefixed(Buffer.alloc(5 * 2 ** 20)))])
    for (const name of ['a', 'b', 'c']) {
      await store.put(`MANIFEST-${name}`, large)
      const cloudManifest = { past: [], current: parseEpoch(name)! }
      await store.put(`CLOUDMANIFEST-${name}`, encodeCloudManifest(cloudManifest))
    }
    const { place } = await placeOf(store, '')
    let whole = 0
    const atOnce: number[] = []
    const get: ObjectStore['get'] = async (key, range) => {
      const isWhole = range!.length >= large.length
      if (isWhole) atOnce.push(++whole)
      const object = await place.store.get(key, range)
      if (isWhole) whole -= 1
      return object
    }
    const counting: ObjectStore = Object.create(place.store, {
      list: { value: place.store.list.bind(place.store) },
      get: { value: get },
    })
    const { states } = await surveyDatabase([{ ...place, store: counting }])
    expect([...states.values()].map(({ manifest }) => manifest?.liveTables.size)).toEqual([1, 1, 1])
    // Twice, because the table is missing.
    expect(atOnce).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('of 1,001 cookies are all read except one', async () => {
    const store = await storeWith(1_001, Buffer.from('nonsense'))
    const states = [...(await surveyDatabase([(await placeOf(store, '')).place])).states.values()]
    const codes = states.map(({ problems }) => problems[0]!.code)
    expect(codes.filter((code) => code === 'corrupt')).toHaveLength(1_000)
    expect(codes.filter((code) => code === 'unsupported')).toHaveLength(1)
  })

  test('are not read if there are 5,001 CLOUDMANIFESTs; databases beside that are still listed', async () => {
    const store = mainTestStores()[0]!.make()
    for (let cookie = 0; cookie <= 5_000; cookie++)
      await store.put(`many/CLOUDMANIFEST-c${cookie}`, Buffer.from('nonsense'))
    await store.put('one/CLOUDMANIFEST', Buffer.from('nonsense'))
    const { place } = await placeOf(store, 'many')
    const refusal = `${store.url('many')} has more than 5000 CLOUDMANIFESTs, more than is looked at here`
    await expect(surveyDatabase([place])).rejects.toThrow(refusal)

    for (const command of ['ls', 'du']) {
      const { code, stdout } = await runCommand([command, store.url(), '--json'])
      expect(code).toBe(1)
      const { databases } = JSON.parse(stdout)
      expect(databases.map(({ path }: { path: string }) => path)).toEqual(['many', 'one'])
      expect(JSON.stringify(databases[0])).toContain(refusal)
    }
  })

  test('of a damaged database whose owner keeps committing are reported as last seen', async () => {
    const store = await storeWith(1, encodeCloudManifest({ past: [], current }))
    const { place } = await placeOf(store, '')
    let gets = 0
    const changing: ObjectStore['get'] = async (...parameters) => {
      gets += 1
      return { ...(await place.store.get(...parameters)), etag: String(gets) }
    }
    const busy: ObjectStore = Object.create(place.store, {
      list: { value: place.store.list.bind(place.store) },
      get: { value: changing },
    })
    const { states } = await surveyDatabase([{ ...place, store: busy }])
    expect(states.get('c0')!.problems).toMatchObject([{ code: 'missing' }])
    expect(gets).toBeLessThan(20)
  })
})

test('a database of 2,000,001 objects is refused', async () => {
  const { place } = await placeOf(mainTestStores()[0]!.make(), '')
  const object = { key: `.cloudenv-probe-${randomUUID()}`, size: 1, lastModified: new Date() }
  let listed = 0
  const store: ObjectStore = Object.create(place.store, {
    list: {
      async *value() {
        for (;;) {
          listed += 1
          yield object
        }
      },
    },
  })
  await expect(surveyDatabase([{ ...place, store }])).rejects.toThrow(/has more than 2000000 objects/)
  expect(listed).toBe(2_000_001)
})

/** The place, with an action that happens once between the listing and the reads after it. */
function withInterruption(place: DatabasePlace, interrupt: () => Promise<unknown>): DatabasePlace {
  let isDone = false
  const store: ObjectStore = Object.create(place.store, {
    list: {
      async *value(...parameters: Parameters<ObjectStore['list']>) {
        yield* place.store.list(...parameters)
        if (isDone) return
        isDone = true
        await interrupt()
      },
    },
    get: { value: place.store.get.bind(place.store) },
  })
  return { ...place, store }
}
