import { describe, expect, test } from 'vitest'
import type { DatabaseInfo } from '#src/inspect/database-info.js'
import { runCommand } from '../../support/command-runner.js'
import {
  filesOf,
  fixtureArguments,
  fixtureDatabases,
  fixtureStore,
  ownObjects,
} from '../../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../../support/fixtures.js'
import { Machine } from '../../support/machine.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

async function info(store: TestStore, ...cliArguments: string[]) {
  const { options, env } = cliAccess(store)
  return await runCommand(['info', store.url('db'), ...options, ...cliArguments], env)
}

describe.runIf(haveFixtures)(fixtureSuite('info, of what rocksdb-cloud wrote'), () => {
  test.each(fixtureDatabases())('$title: has the numbers of ldb, and changes nothing', async (database) => {
    const before = filesOf(database)
    const cliArguments = fixtureArguments(database, fixtureStore(database))
    const { code, stdout, stderr } = await runCommand(['info', '--json', ...cliArguments])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const found: DatabaseInfo = JSON.parse(stdout)

    const families = new Set(database.view.column_families.map(({ name }) => name))
    expect(new Set(found.columnFamilies!.map(({ name }) => name))).toEqual(families)
    const levels = found.columnFamilies!.flatMap(({ name, levels }) =>
      levels.map(({ level, tables, tableBytes, smallestKey, largestKey }) => {
        const keys = [smallestKey!, largestKey!].map(({ base64 }) => Buffer.from(base64, 'base64').toString())
        return { name, level, tables, tableBytes, keys }
      }),
    )
    for (const { name, level, tables, tableBytes, keys } of levels) {
      const dumped = database.tables.filter((table) => table.columnFamily === name && table.level === level)
      expect(tables).toBe(dumped.length)
      expect(tableBytes).toBe(dumped.reduce((sum, { size }) => sum + size, 0))
      expect(keys).toEqual([
        dumped.map((table) => table.keys[0]).sort()[0],
        dumped
          .map((table) => table.keys[1])
          .sort()
          .at(-1),
      ])
    }
    expect(levels.reduce((sum, { tables }) => sum + tables, 0)).toBe(database.tables.length)

    expect(found).toMatchObject({ epoch: database.epoch, cookie: database.cookie, missing: 0, problems: [] })
    const own = [...ownObjects(database).values()]
    const { live, garbage, source, ...others } = found.objects
    const all = [live, garbage].reduce((sum, { bytes }) => sum + bytes, 0)
    const atSource =
      database.paths.length > 1 ? live.bytes + garbage.bytes - own.reduce((a, b) => a + b, 0) : 0
    expect(all - atSource).toBe(own.reduce((a, b) => a + b, 0))
    expect(source.objects).toBe(database.paths.length > 1 ? 3 : 0)
    expect(others).toEqual({ undecided: { objects: 0, bytes: 0 }, foreign: { objects: 0, bytes: 0 } })

    const text = await runCommand(['info', ...cliArguments])
    expect(text).toMatchObject({ code: 0, stderr: '' })
    expect(text.stdout).toContain(database.epoch)
    for (const family of families) expect(text.stdout).toContain(`\n${family} (leveldb.BytewiseComparator): `)
    expect(text.stdout).not.toContain('\u001b')
    expect(filesOf(database)).toEqual(before)
  })

  test('draws the tree, with a bar for the size of each level', async () => {
    const [database] = fixtureDatabases(['clone']).slice(1)
    const { stdout } = await runCommand(['info', ...fixtureArguments(database!, fixtureStore(database!))])
    expect(stdout).toContain(`
default (leveldb.BytewiseComparator): 4 tables, 288 KiB
  level                            tables     size  keys
  L0     ████████████████▋              3  118 KiB  key00000000 … key00015999
  L6     ████████████████████████       1  170 KiB  key00000001 … key00011999
`)
  })

  test('of a clone without its source names what is missing, and --source', async () => {
    const [database] = fixtureDatabases(['clone']).slice(1)
    const [url] = fixtureArguments(database!, fixtureStore(database!))
    const { code, stdout } = await runCommand(['info', url!])
    expect(code).toBe(1)
    expect(stdout).toMatch(/missing +2 objects/)
    expect(stdout).toContain('000017.sst-7d6422e4dcbf700b is missing')
    expect(stdout).toContain('--source')
  })

  test.each(['info', 'tables', 'gc', 'verify', 'manifest', 'sst', 'scan'])(
    '%s takes no place for the source at which there is no database',
    async (command) => {
      const [database] = fixtureDatabases(['clone']).slice(1)
      const [url] = fixtureArguments(database!, fixtureStore(database!))
      const empty = mainTestStores()[0]!.make().url()
      const of = command === 'sst' ? `${url}/000017.sst` : url!
      expect(await runCommand([command, of, '--source', empty])).toEqual({
        code: 2,
        stdout: '',
        stderr: `cloudenv: --source: ${empty} holds no database: nothing lies directly there\n`,
      })
    },
  )

  test.each(['info', 'tables', 'gc', 'verify', 'sst', 'scan'])(
    '%s of a clone says that what is missing is not at the source either, which is not its own',
    async (command) => {
      const [database] = fixtureDatabases(['clone']).slice(1)
      const [other] = fixtureDatabases(['simple'])
      const [url] = fixtureArguments(database!, fixtureStore(database!))
      const [source] = fixtureArguments(other!, fixtureStore(other!))
      const of = command === 'sst' ? `${url}/000017.sst` : url!
      const { code, stdout, stderr } = await runCommand([command, of, '--source', source!])
      expect(code).toBe(1)
      expect(stdout + stderr).toContain(
        `By IDENTITY this database is no clone of ${source}: --source should name another one`,
      )
    },
  )

  test('names the cookies if there is no plain state', async () => {
    const [database] = fixtureDatabases(['cookie'])
    const [url] = fixtureArguments(database!, fixtureStore(database!))
    const { code, stdout, stderr } = await runCommand(['info', url!])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('--cookie A, --cookie B-2')
  })
})

describe.each(mainTestStores())('info, in $name', ({ make }) => {
  test('of no database says so, and suggests ls if that would show some', async () => {
    const store = make()
    await store.put('db/notes.txt', Buffer.from('hello'))
    const url = store.url('db')
    const nothing = `cloudenv: ${url} holds no database: no part of one lies directly there`
    expect(await info(store)).toEqual({ code: 2, stdout: '', stderr: `${nothing}\n` })
    await store.put('db/below/CLOUDMANIFEST', Buffer.from(''))
    const stderr = `${nothing}. Databases below it: cloudenv ls ${url}\n`
    expect(await info(store)).toEqual({ code: 2, stdout: '', stderr })
    // A database that lost it is shown too; a possible cache is not.
    await store.delete(['db/below/CLOUDMANIFEST'])
    await store.put('db/below/000007.sst-abc', Buffer.from('1234'))
    expect((await info(store)).stderr).toBe(`${nothing}\n`)
    await store.put('db/below/MANIFEST-abc', Buffer.from('1234'))
    expect((await info(store)).stderr).toBe(stderr)
  })

  test('distinguishes live, garbage, missing and foreign objects, and blob files', async () => {
    const store = make()
    const machine = new Machine(store)
    const options = { options: { enable_blob_files: true, disable_auto_compactions: true } }
    for (const key of ['a', 'b']) {
      await machine.open(async (db) => {
        await db.put(key, 'v'.repeat(1000))
        await db.flush()
      }, options)
    }
    const keys = [...(await store.list()).keys()].sort()
    await store.delete([keys.find((key) => key.includes('.sst-'))!])
    await store.put('db/notes.txt', Buffer.from('hello'))
    await store.put('db/000099.sst-abc', Buffer.from('garbage'))
    const { code, stdout } = await info(store, '--json')
    expect(code).toBe(1)
    const found: DatabaseInfo = JSON.parse(stdout)
    expect(found).toMatchObject({
      missing: 1,
      problems: [{ code: 'missing', range: { columnFamily: 'default', smallest: { text: 'a' } } }],
      columnFamilies: [{ tables: 2, blobFiles: 2, blobBytes: 2 * (1000 + 32 + 1) }],
      objects: { foreign: { objects: 1, bytes: 5 }, undecided: { objects: 0 } },
    })
    // Two blob files, a table, MANIFEST, CLOUDMANIFEST and IDENTITY; a past MANIFEST and an unknown table.
    expect([found.objects.live.objects, found.objects.garbage.objects]).toEqual([6, 2])
  })

  test('of a database without IDENTITY counts that as missing', async () => {
    const store = make()
    await new Machine(store).open((db) => db.put('a', '1'))
    await store.delete(['db/IDENTITY'])
    const { code, stdout } = await info(store)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ +identity +missing$/m)
    expect(stdout).toMatch(/^ +missing +1 object$/m)
    expect(stdout).toContain('IDENTITY is missing, which says which database this is')
  })

  test('of a damaged database shows what is there', async () => {
    const store = make()
    await new Machine(store).open(async (db) => {
      await db.put('a', '1')
      await db.flush()
    })
    await store.put('db/CLOUDMANIFEST', Buffer.from('nonsense'))
    const { code, stdout } = await info(store)
    expect(code).toBe(1)
    expect(stdout).toMatch(/identity +[0-9a-f-]{36}/)
    expect(stdout).toMatch(/epoch +unreadable/)
    expect(stdout).toMatch(/undecided +2 objects/)
    expect(stdout).toContain('CLOUDMANIFEST is corrupt at byte 0')
  })
})

describe('a place without a database', () => {
  const [directory] = mainTestStores()

  test.each(['info', 'tables', 'manifest', 'gc', 'scan'])(
    '%s of one that lost its CLOUDMANIFEST says that, and what lies there',
    async (command) => {
      const store = directory!.make()
      for (const name of ['000007.sst-abc', '000009.sst-abc', 'MANIFEST-abc', 'IDENTITY'])
        await store.put(`db/${name}`, Buffer.from('1234'))
      const { code, stdout, stderr } = await runCommand([command, store.url('db')])
      expect(code).toBe(1)
      expect(`${stdout}${stderr}`).toMatch(/2 tables and 1 MANIFEST/)
      expect(`${stdout}${stderr}`).toMatch(/no CLOUDMANIFEST/)
      if (command !== 'gc') expect(stderr).toContain(`cloudenv verify ${store.url('db')}\n`)
    },
  )

  test.each(['info', 'gc', 'verify'])('%s of a directory of RocksDB itself says so', async (command) => {
    const store = directory!.make()
    for (const name of ['CURRENT', 'MANIFEST-000004', '000007.sst'])
      await store.put(`db/${name}`, Buffer.from('1234'))
    expect(await runCommand([command, store.url('db')])).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('is a directory of RocksDB itself'),
    })
  })

  test('a directory of RocksDB itself is recognized even with 1,001 files listed before its CURRENT', async () => {
    const store = directory!.make()
    const logs = Array.from({ length: 1_001 }, (_, at) => `${100_000 + at}.log`)
    for (const name of ['CURRENT', 'MANIFEST-000004', '000007.sst', ...logs])
      await store.put(`db/${name}`, Buffer.from('1234'))
    for (const command of ['gc', 'verify'])
      expect((await runCommand([command, store.url('db')])).stderr).toContain(
        'is a directory of RocksDB itself',
      )
  })

  test.each(['info', 'verify', 'gc', 'tables', 'manifest', 'sst'])(
    '%s of a directory that is not there ends as of a bucket that is not',
    async (command) => {
      const url = directory!.make().url('none')
      expect(await runCommand([command, command === 'sst' ? `${url}/000007.sst` : url])).toEqual({
        code: 3,
        stdout: '',
        stderr: `cloudenv: ${url}: there is no such directory\n`,
      })
    },
  )

  test.each([
    ['info', '000024.sst', 'a table', 'sst URL/000024.sst'],
    ['gc', '000024.sst-abc', 'a table', 'sst URL/000024.sst-abc'],
    ['tables', 'MANIFEST-abc', 'a MANIFEST', 'manifest URL/MANIFEST-abc'],
    ['manifest', 'CLOUDMANIFEST-A', 'a CLOUDMANIFEST', 'manifest URL --cookie A'],
  ])('%s of %s says which database the object belongs to', async (command, name, what, shows) => {
    const url = directory!.make().url('db')
    expect(await runCommand([command, `${url}/${name}`])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        `cloudenv: ${url}/${name} is, by its name, ${what} of the database at ${url}, and no database itself. ` +
        `What is in it: cloudenv ${shows.replace('URL', url)}\n`,
    })
  })
})
