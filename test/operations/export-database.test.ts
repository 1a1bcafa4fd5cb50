import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { exportDatabase, RocksDB } from '#src/index.js'
import { OccupiedError } from '#src/operations/occupied-error.js'
import {
  type DatabaseDigest,
  digestInDirectory,
  digestInStore,
  digestOf,
} from '../support/database-digest.js'
import { fixtureDatabases, fixtureStore } from '../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../support/fixtures.js'
import { Machine, pathsBelow } from '../support/machine.js'
import { killedAt } from '../support/mortal-child.js'
import { writeSound } from '../support/sound-database.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const newDirectory = () => join(temporaryDirectory(), 'exported')

describe.each(mainTestStores())('exportDatabase, from $name', ({ make }) => {
  let store: TestStore
  let digest: DatabaseDigest
  const exported = (path: string, directory: string) =>
    exportDatabase(store.url(path), directory, { store: store.connection })

  beforeEach(async () => {
    store = make()
    await writeSound(store)
    digest = await digestInStore(store, 'db')
  })

  test('writes a database that RocksDB opens without an Env, and changes nothing in the store', async () => {
    const before = await store.list()
    const directory = newDirectory()
    const result = await exported('db', directory)
    expect(result).toMatchObject({ directory, files: result.fetchedFiles, bytes: result.fetchedBytes })
    expect(await store.list()).toEqual(before)
    expect(await digestInDirectory(directory)).toEqual(digest)
    const db = await RocksDB.open(directory)
    await db.put('new', '1')
    await db.flush()
    expect(await db.get('new', { valueEncoding: 'utf8' })).toBe('1')
    await db.close()
  })

  test('writes a database that the machine’s own ldb reads, blob files included', async () => {
    const directory = newDirectory()
    await exported('db', directory)
    for (const [name, { count }] of Object.entries(digest)) {
      const lines = execFileSync('ldb', [`--db=${directory}`, `--column_family=${name}`, 'scan'], {
        encoding: 'utf8',
      })
      expect(lines.trim().split('\n')).toHaveLength(count)
    }
    expect(execFileSync('ldb', [`--db=${directory}`, 'checkconsistency'], { encoding: 'utf8' })).toContain(
      'OK',
    )
  })

  test('finds a damaged table, leaves no database, and ends well when it is mended and repeated', async () => {
    const table = [...(await store.list()).keys()].find((key) => /^db\/.*\.sst-/.test(key))!
    const sound = await store.get(table)
    const damaged = Buffer.from(sound)
    damaged[100]! ^= 1
    await store.put(table, damaged)
    const directory = newDirectory()
    await expect(exported('db', directory)).rejects.toMatchObject({
      code: 'Corruption',
      message: expect.stringContaining(table.slice('db/'.length)),
    })
    expect(await pathsBelow(directory)).not.toContain('CURRENT')
    await store.put(table, sound)
    const { files, fetchedFiles } = await exported('db', directory)
    expect(fetchedFiles).toBeLessThan(files)
    expect(await digestInDirectory(directory)).toEqual(digest)
    await exportDatabase(store.url('db'), newDirectory(), { store: store.connection, verify: false })
  })

  test('refuses a directory that holds anything else, and changes nothing there', async () => {
    const directory = temporaryDirectory()
    await writeFile(join(directory, 'CURRENT'), 'MANIFEST-000005\n')
    await expect(exported('db', directory)).rejects.toThrow(OccupiedError)
    expect(await pathsBelow(directory)).toEqual(['CURRENT'])
    const whole = newDirectory()
    await exported('db', whole)
    await expect(exported('db', whole)).rejects.toThrow(OccupiedError)
    await expect(exported('nothing', newDirectory())).rejects.toMatchObject({ code: 'NotFound' })
  })
})

describe('An export that is killed', () => {
  test('leaves no database or a whole one, and ends as an unbroken one when it is repeated', async () => {
    const [{ make }] = mainTestStores() as [ReturnType<typeof mainTestStores>[number]]
    const store = make()
    await writeSound(store)
    const digest = await digestInStore(store, 'db')
    const unbroken = newDirectory()
    await exportDatabase(store.url('db'), unbroken)
    const expected = await pathsBelow(unbroken)

    const code = `
      const { exportDatabase } = await load('operations/export-database.js')
      await exportDatabase(args[0], args[1])
    `
    let kills = 0
    for (let at = 1; ; at += 3) {
      const directory = newDirectory()
      if (!(await killedAt(at, code, [store.url('db'), directory]))) break
      kills += 1
      const left = await pathsBelow(directory)
      if (left.includes('CURRENT')) expect(await digestInDirectory(directory)).toEqual(digest)
      if (left.includes('CURRENT') && !left.includes('CLOUDENV-EXPORT')) continue
      await exportDatabase(store.url('db'), directory)
      expect(await pathsBelow(directory)).toEqual(expected)
      for (const name of expected)
        expect(await readFile(join(directory, name))).toEqual(await readFile(join(unbroken, name)))
    }
    expect(kills).toBeGreaterThan(expected.length / 3)
  })

  test('replaces what the database has compacted meanwhile', async () => {
    const [{ make }] = mainTestStores() as [ReturnType<typeof mainTestStores>[number]]
    const store = make()
    await writeSound(store)
    const directory = newDirectory()
    let pieces = 0
    const signal = new AbortController()
    const onBytes = () => {
      pieces += 1
      if (pieces === 5) signal.abort(new Error('killed'))
    }
    await expect(
      exportDatabase(store.url('db'), directory, { onBytes, signal: signal.signal }),
    ).rejects.toThrow('killed')
    await new Machine(store).open(async (db) => {
      for (const name of db.columnFamilyNames) {
        const columnFamily = db.columnFamily(name)
        for (const key of ['aaa', 'zzz']) await db.put(key, '1', { columnFamily })
        await db.flush()
        await db.compactRange({ columnFamily })
      }
    })
    const { files } = await exportDatabase(store.url('db'), directory)
    expect((await pathsBelow(directory)).filter((name) => /\.(sst|blob)$/.test(name))).toHaveLength(files)
    expect(await digestInDirectory(directory)).toEqual(
      await new Machine(store).open(digestOf, { readOnly: true }),
    )
  })

  test('is not continued by the export of another database', async () => {
    const [{ make }] = mainTestStores() as [ReturnType<typeof mainTestStores>[number]]
    const [store, other] = [make(), make()]
    await writeSound(store)
    await writeSound(other)
    const directory = newDirectory()
    const signal = AbortSignal.abort(new Error('killed'))
    await expect(exportDatabase(store.url('db'), directory, { signal })).rejects.toThrow('killed')
    await expect(exportDatabase(other.url('db'), directory)).rejects.toThrow(OccupiedError)
  })
})

describe.runIf(haveFixtures)(fixtureSuite('exportDatabase, of what rocksdb-cloud wrote'), () => {
  const readable = fixtureDatabases().filter(({ title }) => !title.includes('format6'))
  test.each(readable)('$title: stock tools find it sound', async (database) => {
    const [own, source] = database.paths.map(({ bucket, path }) =>
      fixtureStore(database).url(`${bucket}/${path}`),
    )
    const directory = newDirectory()
    await exportDatabase(own!, directory, {
      cookie: database.cookie,
      ...(source !== undefined && { source }),
    })
    expect(execFileSync('ldb', [`--db=${directory}`, 'checkconsistency'], { encoding: 'utf8' })).toContain(
      'OK',
    )
    const counts = Object.values(await digestInDirectory(directory)).map(({ count }) => count)
    expect(counts.reduce((a, b) => a + b, 0)).toBe(
      database.view.column_families.reduce((sum, { count }) => sum + count, 0),
    )
  })
})
