import { describe, expect, test } from 'vitest'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import type { DatabaseList } from '#src/inspect/database-list.js'
import { runCommand } from '../../support/command-runner.js'
import { fixtureDatabases, ownObjects } from '../../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../../support/fixtures.js'
import { Machine } from '../../support/machine.js'
import { putFixture } from '../../support/open-bucket.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

async function ls(store: TestStore, ...cliArguments: string[]) {
  const { options, env } = cliAccess(store)
  return await runCommand(['ls', store.url(), ...options, ...cliArguments], env)
}

async function listed(store: TestStore, ...cliArguments: string[]): Promise<DatabaseList> {
  const { stdout } = await ls(store, '--json', ...cliArguments)
  return JSON.parse(stdout)
}

async function writeDatabase(store: TestStore, path: string): Promise<void> {
  const machine = new Machine({ ...store, url: () => store.url(path) })
  await machine.open(async (db) => {
    await db.put('a', '1')
    await db.flush()
  })
}

describe.each(mainTestStores())('ls, in $name', ({ make }) => {
  test.runIf(haveFixtures)(fixtureSuite('lists what rocksdb-cloud wrote, and changes nothing'), async () => {
    const store = make()
    const databases = fixtureDatabases(['newdb', 'simple', 'epochs', 'garbage', 'cfs', 'clone', 'cookie'])
    for (const { fixture } of databases) await putFixture(store, fixture)
    const before = await store.list()
    const list = await listed(store)
    expect(await store.list()).toEqual(before)

    const states = list.databases.flatMap(({ states, lastWrite: _, ...database }) =>
      states.map(({ lastCommit: __, ...state }) => ({ ...database, ...state })),
    )
    const expected = databases.map((database) => {
      const path = `${database.paths[0].bucket}/${database.paths[0].path}`
      const objects = ownObjects(database)
      return {
        path,
        url: store.url(path),
        storedObjects: objects.size,
        storedBytes: sum(objects.values()),
        cookie: database.cookie,
        epoch: database.epoch,
        tables: database.tables.length,
        tableBytes: sum(database.tables.map(({ size }) => size)),
        problems: [],
      }
    })
    expect(states).toEqual(expected.sort((a, b) => (a.path + a.cookie < b.path + b.cookie ? -1 : 1)))
  })

  test('finds databases directly at the URL, deep below it and inside each other', async () => {
    const store = make()
    for (const path of ['', 'a', 'a/b/c', 'z']) await writeDatabase(store, path)
    await store.put('a/b/000001.sst-abc', Buffer.from('no CLOUDMANIFEST beside it'))
    const { databases } = await listed(store)
    expect(databases.map(({ path }) => path)).toEqual(['db', 'a/db', 'a/b/c/db', 'z/db'].sort())

    const { options, env } = cliAccess(store)
    const { stdout, code } = await runCommand(['ls', store.url('z/db'), ...options], env)
    expect(stdout).toMatch(/^database\s+epoch\s+tables\s+size\s+stored\s+last write\n\. +[0-9a-f]+ +1 /)
    expect(code).toBe(0)
  })

  test('prints URLs that can be given back, whatever is in a name', async () => {
    const store = make()
    await writeDatabase(store, '')
    const path = 'odd/50% of #1?/%41 ü\u200b'
    for (const key of (await store.list()).keys())
      if (key.startsWith('db/')) await store.put(key.replace(/^db/, path), await store.get(key))

    const { databases } = await listed(store)
    const { url } = databases.find((database) => database.path === path)!
    const written = 'odd/50%25%20of%20%231%3F/%2541%20ü%E2%80%8B'
    expect(url).toBe(store.url(written))
    expect((await ls(store)).stdout).toContain(`\n${written} `)

    const { options, env } = cliAccess(store)
    const shown = async (...commandLine: string[]) => {
      const { code, stdout, stderr } = await runCommand([...commandLine, '--json', ...options], env)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout)
    }
    expect(await shown('ls', url)).toMatchObject({ url, databases: [{ path: '', url }] })
    expect(await shown('info', url)).toMatchObject({ url })
    const { tables } = await shown('tables', url)
    expect(tables).toHaveLength(1)
    expect(await shown('sst', tables[0].object)).toMatchObject({ url: tables[0].object })
  })

  test('says so if there is none', async () => {
    const store = make()
    await store.put('readme', Buffer.from('hello'))
    expect(await ls(store)).toEqual({
      code: 0,
      stdout: `No database lies at or below ${store.url().replace(/\/$/, '')}.\n`,
      stderr: '',
    })
    expect((await listed(store)).databases).toEqual([])
  })

  test('shows a state for each cookie, or only the requested one', async () => {
    const store = make()
    await writeDatabase(store, '')
    await store.put('db/CLOUDMANIFEST-blue', await store.get('db/CLOUDMANIFEST'))
    const cookies = async (...options: string[]) =>
      (await listed(store, ...options)).databases.map(({ states }) => states.map(({ cookie }) => cookie))
    expect(await cookies()).toEqual([['', 'blue']])
    expect(await cookies('--cookie', 'blue')).toEqual([['blue']])
    expect(await cookies('--cookie', 'green')).toEqual([])
    expect((await ls(store, '--cookie', 'green')).stdout).toBe(
      `No database with a CLOUDMANIFEST-green lies at or below ${store.url()}.\n`,
    )
    expect((await ls(store)).stdout).toMatch(/cookie.*\n.* - .*\n.* blue /)
  })

  test('says which database is damaged, shows the others, and exits with 1', async () => {
    const store = make()
    await writeDatabase(store, '')
    await store.put('bad/CLOUDMANIFEST', Buffer.from('nonsense'))
    const current = parseEpoch('abc')!
    await store.put('worse/CLOUDMANIFEST', encodeCloudManifest({ past: [], current }))
    const { code, stdout } = await ls(store)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^bad +damaged/m)
    expect(stdout).toContain(`corrupt: ${store.url('bad/CLOUDMANIFEST')} is corrupt at byte 0`)
    expect(stdout).toContain(`missing: ${store.url('worse/MANIFEST-abc')} is missing`)
    expect(stdout).toMatch(/^db +[0-9a-f]{16} +1 /m)
  })

  test('reports a database that lost its CLOUDMANIFEST, and no other place without one', async () => {
    const store = make()
    await writeDatabase(store, '')
    const names = [
      ...['lost/MANIFEST-abc', 'lost/000007.sst-abc', 'lost/000009.sst-abc'],
      ...['cache/000007.sst-abc', 'made/MANIFEST-abc', 'made/IDENTITY'],
      ...['rocksdb/CURRENT', 'rocksdb/MANIFEST-000004', 'rocksdb/000007.sst'],
    ]
    for (const name of names) await store.put(name, Buffer.from('1234'))
    const { code, stdout } = await ls(store)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^lost +damaged +\? +\? +12 B /m)
    expect(stdout).toContain(
      `missing: ${store.url('lost/CLOUDMANIFEST')} is missing, and nothing else leads to the 2 tables and 1 MANIFEST`,
    )
    const { databases } = await listed(store)
    expect(databases.map(({ path }) => path)).toEqual(['db', 'lost'])
    expect(databases[1]!.states).toMatchObject([
      { epoch: null, tables: null, problems: [{ code: 'missing' }] },
    ])
    const { options, env } = cliAccess(store)
    const du = await runCommand(['du', store.url(), '--json', ...options], env)
    expect(JSON.parse(du.stdout).databases).toMatchObject([{ path: 'db' }])
  })

  test('takes no --source', async () => {
    expect(await ls(make(), '--source', 'file:///tmp/source')).toMatchObject({ code: 2, stdout: '' })
  })
})

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0)
}
