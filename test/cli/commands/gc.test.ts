import { describe, expect, test } from 'vitest'
import type { GarbageReport } from '#src/inspect/garbage-report.js'
import { runCommand } from '../../support/command-runner.js'
import { filesOf, fixtureDatabases, fixtureStore, ownObjects } from '../../support/fixture-views.js'
import { fixtureSuite, haveFixtures, unpackFixture } from '../../support/fixtures.js'
import { Machine } from '../../support/machine.js'
import { putFixture } from '../../support/open-bucket.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

async function gc(store: TestStore, path: string, ...cliArguments: string[]) {
  const { options, env } = cliAccess(store)
  return await runCommand(['gc', store.url(path), ...options, ...cliArguments], env)
}

async function report(store: TestStore, path: string, expectedCode = 0): Promise<GarbageReport> {
  const { code, stdout, stderr } = await gc(store, path, '--json')
  expect({ code, stderr }).toEqual({ code: expectedCode, stderr: '' })
  return JSON.parse(stdout)
}

const nameOf = ({ object }: { readonly object: string }) => object.slice(object.lastIndexOf('/') + 1)

async function writeTable(store: TestStore, key: string): Promise<void> {
  await new Machine(store).open(async (db) => {
    await db.put(key, '1')
    await db.flush()
  })
}

describe.runIf(haveFixtures)(fixtureSuite('gc, of what rocksdb-cloud wrote'), () => {
  const databases = fixtureDatabases().filter(({ cookie }) => cookie === '')
  test.each(databases)(
    '$title: shows objects that no MANIFEST has, and changes nothing',
    async (database) => {
      const before = filesOf(database)
      const [own, source] = database.paths.map(({ bucket, path }) =>
        fixtureStore(database).url(`${bucket}/${path}`),
      )
      const { code, stdout } = await runCommand([
        'gc',
        own!,
        '--json',
        ...(source ? ['--source', source] : []),
      ])
      expect(code).toBe(0)
      const found: GarbageReport = JSON.parse(stdout)
      const live = [
        'IDENTITY',
        'CLOUDMANIFEST',
        `MANIFEST-${database.epoch}`,
        ...database.tables.map(({ objectName }) => objectName),
      ]
      const expected = new Map([...ownObjects(database)].filter(([name]) => !live.includes(name)).sort())
      expect(found.garbage.map((object) => [nameOf(object), object.sizeBytes])).toEqual([...expected])
      expect(found.total).toEqual({
        objects: expected.size,
        bytes: [...expected.values()].reduce((a, b) => a + b, 0),
      })
      for (const { object, reason, deletedBy } of found.garbage) {
        expect(reason).toBe(object.includes('/MANIFEST-') ? 'pastManifest' : 'unreferenced')
        expect(deletedBy).toBe('owner')
      }
      expect(filesOf(database)).toEqual(before)
    },
  )

  test('objects that another cookie needs are not garbage, and an owner deletes the rest', async () => {
    const [database] = fixtureDatabases(['cookie'])
    const { bucket, path } = database!.paths[0]
    const url = fixtureStore(database!).url(`${bucket}/${path}`)
    const { code, stdout } = await runCommand(['gc', url, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      cookies: ['A', 'B-2'],
      garbage: [{ object: `${url}/MANIFEST-e02a596b3c6f75be`, reason: 'pastManifest', deletedBy: 'owner' }],
    })
  })

  test.each(mainTestStores())(
    'in $name, the owner deletes exactly what gc says it deletes',
    async ({ make }) => {
      const store = make()
      const fixture = unpackFixture('garbage')
      await putFixture(store, fixture)
      const { bucket, path } = fixture.views[0]!.open.src
      const stored = async () => new Set((await store.list()).keys())
      const before = await stored()
      const { garbage } = await report(store, `${bucket}/${path}`)
      expect(garbage).toHaveLength(8)

      const machine = new Machine(
        {
          ...store,
          connection: store.connection,
          url: () => store.url(`${bucket}/${path.slice(0, -'/garbage'.length)}`),
        },
        { deletionDelayMs: 0 },
      )
      await machine.open(
        async () => {
          await expect
            .poll(async () => {
              const after = await stored()
              return garbage.filter((object) => after.has(`${bucket}/${path}/${nameOf(object)}`))
            })
            .toEqual([])
        },
        { path: `${machine.root}/garbage`, options: { disable_auto_compactions: true } },
      )
      const gone = [...before].filter((key) => key.startsWith(`${bucket}/${path}/`))
      const after = await stored()
      const deleted = gone.filter((key) => !after.has(key)).map((key) => key.slice(key.lastIndexOf('/') + 1))
      // And perhaps the MANIFEST that it took over, which was needed until then.
      const takenOver = 'MANIFEST-2c4207b4c8ab94'
      expect(deleted.filter((name) => name !== takenOver).sort()).toEqual(garbage.map(nameOf).sort())
    },
  )
})

describe.each(mainTestStores())('gc, in $name', ({ make }) => {
  test('says why, since when and who deletes it', async () => {
    const store = make()
    await writeTable(store, 'a')
    await writeTable(store, 'b')
    const keys = [...(await store.list()).keys()]
    const past = keys.find((key) => key.includes('.sst-'))!.split('.sst-')[1]!
    const current = keys
      .filter((key) => key.startsWith('db/MANIFEST-'))
      .map((key) => key.slice('db/MANIFEST-'.length))
      .find((epoch) => epoch !== past)!
    expect((await report(store, 'db')).garbage).toMatchObject([
      { reason: 'pastManifest', deletedBy: 'owner' },
    ])

    const probe = '.cloudenv-probe-01234567-89ab-cdef-0123-456789abcdef'
    const names = [
      `000900.sst-${past}`,
      `000900.sst-${current}`,
      '000900.sst-abcdef',
      'MANIFEST-abcdef',
      probe,
    ]
    for (const name of names) await store.put(`db/${name}`, Buffer.from('1234'))
    const { garbage, deletedByOwner, total } = await report(store, 'db')
    expect(Object.fromEntries(garbage.map((object) => [nameOf(object), object.reason]))).toEqual({
      [`MANIFEST-${past}`]: 'pastManifest',
      [`000900.sst-${past}`]: 'invisible',
      [`000900.sst-${current}`]: 'uncommitted',
      '000900.sst-abcdef': 'unknownEpoch',
      'MANIFEST-abcdef': 'unknownEpoch',
      [probe]: 'probe',
    })
    expect([total.objects, deletedByOwner.objects]).toEqual([6, 3])
    for (const { reason, written, garbageSince } of garbage) {
      if (reason === 'uncommitted') expect(garbageSince).toBe(null)
      if (garbageSince !== null)
        expect(Date.parse(String(garbageSince))).toBeGreaterThanOrEqual(Date.parse(String(written)))
    }
    const { code, stdout } = await gc(store, 'db')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^000900\.sst-abcdef +4 B +unknown epoch +\d+ s ago +.* +people$/m)
    expect(stdout).toContain('6 objects, ')
  })

  test('lists the empty table of a stopped compaction until the owner deletes it', async () => {
    const store = make()
    await writeTable(store, 'a')
    const table = [...(await store.list()).keys()].find((key) => key.includes('.sst-'))!
    const left = `000900.sst-${table.split('.sst-')[1]}`
    await store.put(`db/${left}`, Buffer.alloc(0))
    const { garbage, total } = await report(store, 'db')
    expect(garbage.map((object) => [nameOf(object), object.sizeBytes, object.deletedBy])).toEqual([
      [left, 0, 'owner'],
    ])
    expect(total).toEqual({ objects: 1, bytes: 0 })
    expect((await gc(store, 'db')).stdout).toMatch(new RegExp(`^${left} +0 B +`, 'm'))

    await new Machine(store, { deletionDelayMs: 0 }).open(async (db) => {
      await expect.poll(async () => (await store.list()).has(`db/${left}`)).toBe(false)
      expect(await db.get('a', { valueEncoding: 'utf8' })).toBe('1')
    })
  })

  test('prints nothing for a database without garbage', async () => {
    const store = make()
    await writeTable(store, 'a')
    const { code, stdout } = await gc(store, 'db')
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${store.url('db')}: no garbage\n` })
  })

  test('calls nothing garbage, and the database damaged, while a state cannot be read', async () => {
    const store = make()
    await writeTable(store, 'a')
    await writeTable(store, 'b')
    await store.put('db/CLOUDMANIFEST-other', Buffer.from('nonsense'))
    const found = await report(store, 'db', 1)
    expect(found).toMatchObject({ garbage: [], undecided: { objects: 1 }, problems: [{ code: 'corrupt' }] })
    expect(await gc(store, 'db')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('may be needed by a state that cannot be read'),
    })
  })

  test('leaves the remains of a database to people', async () => {
    const store = make()
    await writeTable(store, 'a')
    await store.delete(['db/CLOUDMANIFEST'])
    const { garbage, problems } = await report(store, 'db', 1)
    expect(problems).toMatchObject([{ code: 'missing', object: store.url('db/CLOUDMANIFEST') }])
    expect(garbage.map(({ reason, deletedBy }) => `${reason} ${deletedBy}`)).toEqual(
      Array(3).fill('noDatabase people'),
    )
  })

  test('of an empty place says that there is no database', async () => {
    const store = make()
    await store.put('db/notes.txt', Buffer.from('hello'))
    expect(await gc(store, 'db')).toMatchObject({ code: 2, stdout: '' })
  })

  test('takes no --cookie', async () => {
    expect(await gc(make(), 'db', '--cookie', 'x')).toMatchObject({ code: 2, stdout: '' })
  })
})
