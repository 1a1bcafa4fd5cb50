import { execFileSync } from 'node:child_process'
import { cp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { objectKey } from '#src/catalog/database-place.js'
import { listPlace } from '#src/catalog/listed-place.js'
import { openRooted } from '#src/catalog/rooted-places.js'
import { encodeSequencesEdit } from '#src/format/encode-version-edit.js'
import { tableFileName } from '#src/format/file-name.js'
import { appendRecord } from '#src/format/log-record.js'
import { exportDatabase, importDatabase, type OpenOptions, RocksDB } from '#src/index.js'
import { verifyDatabase } from '#src/inspect/verify.js'
import { completeSequences } from '#src/operations/level-db-sequences.js'
import { OccupiedError } from '#src/operations/occupied-error.js'
import { readPlainDirectory, readPlainManifest } from '#src/operations/plain-directory.js'
import { rangedObject } from '#src/table/ranged-source.js'
import { TableReader } from '#src/table/table-reader.js'
import { runChild } from '../support/child.js'
import { digestInDirectory, digestInStore, digestOf } from '../support/database-digest.js'
import { levelDbDirectory, levelDbEntries } from '../support/leveldb.js'
import { Machine } from '../support/machine.js'
import { killedAt } from '../support/mortal-child.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const [directoryStores] = mainTestStores()
const newStore = () => directoryStores!.make()

/** The column families of {@link plainDatabase} that cannot be opened without options. */
const reverse = { columnFamilies: { reverse: { comparator: 'rocksdb.ReverseBytewiseComparator' } } }

/** A plain database with tables, blob files, column families, and a write-ahead log that has more than the tables. */
async function plainDatabase(
  families: OpenOptions['columnFamilies'] = reverse.columnFamilies,
): Promise<string> {
  const path = join(temporaryDirectory(), 'plain')
  const db = await RocksDB.open(path, {
    options: { disable_auto_compactions: true, write_dbid_to_manifest: true },
    columnFamilies: {
      ...families,
      blobs: { enable_blob_files: true, min_blob_size: 10 },
    },
  })
  for (let round = 0; round < 3; round++) {
    for (const name of db.columnFamilyNames) {
      const columnFamily = db.columnFamily(name)
      for (let at = round; at < 300; at += 1 + round)
        await db.put(`key${at}`, `value ${round} `.repeat(5), { columnFamily })
    }
    if (round < 2) await db.flush()
  }
  await db.close()
  return path
}

/** A database with tables that LevelDB wrote, and others of RocksDB, which wrote its MANIFEST. */
async function mixedDatabase(): Promise<string> {
  const path = levelDbDirectory()
  // RocksDB with assertions ends the process without them.
  await renameTables(path, 'ldb', 'sst')
  await completeSequences(await readPlainDirectory(path))
  await renameTables(path, 'sst', 'ldb')
  const db = await RocksDB.open(path, { ...reverse, options: { disable_auto_compactions: true } })
  await db.put('new', 'of RocksDB')
  await db.put('reversed', '1', { columnFamily: db.columnFamily('reverse') })
  await db.flush()
  await db.close()
  return path
}

/** Gives the tables of LevelDB the sequence numbers that RocksDB takes for none, as far as a number can say it. */
async function loseSequences(path: string): Promise<void> {
  const directory = await readPlainDirectory(path)
  const { manifest, manifestBytes } = await readPlainManifest(directory)
  const names = await readdir(path)
  const tables = [...manifest.liveTables.values()].filter(({ number }) => names.includes(ldb(number)))
  expect(tables.length).toBeGreaterThan(1)
  const none = { smallestSequence: BigInt(Number.MAX_SAFE_INTEGER), largestSequence: 0n }
  const edit = encodeSequencesEdit(tables.map((table) => ({ ...table, ...none })))
  await writeFile(join(path, directory.manifestName), appendRecord(manifestBytes, edit))
}

const ldb = (number: number) => tableFileName(number).replace(/sst$/, 'ldb')

async function renameTables(path: string, from: string, to: string): Promise<void> {
  for (const name of await readdir(path))
    if (name.endsWith(from)) await rename(join(path, name), join(path, name.replace(from, to)))
}

const imported = (path: string, store: TestStore) =>
  importDatabase(path, store.url('db'), { store: store.connection })

/** Names in the directory, with what tells whether anybody changed the files. */
async function stateOf(directory: string): Promise<unknown> {
  const names = (await readdir(directory)).sort()
  return await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs, ino } = await stat(join(directory, name))
      return { name, size, mtimeMs, ino }
    }),
  )
}

describe.each(mainTestStores())('importDatabase, into $name', ({ make }) => {
  test('takes in a RocksDB directory with what is only in its log, and leaves it as it is', async () => {
    const store = make()
    const path = await plainDatabase()
    const before = await stateOf(path)
    const result = await imported(path, store)
    expect(await stateOf(path)).toEqual(before)
    expect(await readdir(dirname(path))).toEqual(['plain'])
    expect(result).toMatchObject({ url: store.url('db'), directory: path, sentFiles: result.files })
    expect(await digestInStore(store, 'db', reverse)).toEqual(await digestInDirectory(path, reverse))

    const { places } = await openRooted([{ url: store.url('db'), options: store.connection }])
    const [place] = places
    const { problems, survey } = await verifyDatabase([place!], { isDeep: true })
    expect(problems).toEqual([])
    expect(survey.identity).toBe(result.identity)
    expect(await readFile(join(path, 'IDENTITY'), 'utf8')).not.toContain(result.identity)
    const { metadata } = await place!.store.head(`.rockset/dbid/${result.identity}`)
    expect(metadata).toEqual({ dirname: place!.path })
    expect((await listPlace(place!)).named.size).toBe(result.files + 3)
  })

  test('takes in a LevelDB directory, in tables that any RocksDB reads', async () => {
    const store = make()
    const path = levelDbDirectory()
    const before = await stateOf(path)
    await imported(path, store)
    expect(await stateOf(path)).toEqual(before)
    await new Machine(store).open(async (db) => {
      expect(await db.get('last', { valueEncoding: 'utf8' })).toBe('only in the log')
      expect((await digestOf(db)).default?.count).toBe(levelDbEntries)
    })
    const { places } = await openRooted([{ url: store.url('db'), options: store.connection }])
    expect((await verifyDatabase([places[0]!], { isDeep: true })).problems).toEqual([])
  })
})

describe('A LevelDB directory that RocksDB has opened since', () => {
  test.each([
    ['', async () => {}],
    // As a build without assertions leaves it.
    [', with tables that have no sequence numbers,', loseSequences],
  ])('is taken in%s with what both wrote, in tables that any RocksDB compacts', async (_name, change) => {
    const store = newStore()
    const path = await mixedDatabase()
    const expected = await digestInDirectory(path, reverse)
    expect(expected.reverse?.count).toBe(1)
    await change(path)
    await imported(path, store)
    expect(await digestInStore(store, 'db', reverse)).toEqual(expected)
    const { places } = await openRooted([{ url: store.url('db'), options: {} }])
    const [place] = places
    const { named } = await listPlace(place!)
    const tables = [...named].filter(([, { parsed }]) => parsed.kind === 'table')
    for (const [name, { size }] of tables)
      expect((await TableReader.open(rangedObject(place!, name, size))).hasProperties).toBe(true)
    expect(tables.length).toBeGreaterThan(0)
  })

  test('is not migrated while it is open, and the error says how to move it', async () => {
    const machine = new Machine(newStore(), { migrate: {} })
    await cp(await mixedDatabase(), machine.path, { recursive: true })
    const refusal = /has tables of LevelDB, such as 0000.*use cloudenv import/
    await expect(machine.open(() => undefined)).rejects.toThrow(refusal)
    // RocksDB's own checkpoints and backups give them these names.
    await renameTables(machine.path, 'ldb', 'sst')
    await expect(machine.open(() => undefined)).rejects.toThrow(refusal)
  })
})

describe('There and back', () => {
  const sources = [
    // ldb opens a column family only in the order of its bytes.
    ['RocksDB', () => plainDatabase({})],
    ['LevelDB', async () => levelDbDirectory()],
  ] as const
  test.each(sources)(
    'a database of %s, written in the cloud meanwhile, is the same in a directory',
    async (_name, make) => {
      const store = newStore()
      await imported(await make(), store)
      const digest = await new Machine(store).open(async (db) => {
        await db.put('from the cloud', '1')
        await db.delete('key000004')
        await db.compactRange()
        await db.flush()
        return await digestOf(db)
      })
      const directory = join(temporaryDirectory(), 'back')
      await exportDatabase(store.url('db'), directory)
      const scan = execFileSync('ldb', [`--db=${directory}`, 'scan'], { encoding: 'utf8' })
      expect(scan.trim().split('\n')).toHaveLength(digest.default!.count)
      expect(await digestInDirectory(directory)).toEqual(digest)
      const again = newStore()
      await imported(directory, again)
      expect(await digestInStore(again, 'db')).toEqual(digest)
    },
  )
})

describe('An import refuses', () => {
  test('a directory that another program has open, or this one', async () => {
    const path = await plainDatabase()
    const store = newStore()
    const {
      process: child,
      lines,
      ended,
    } = runChild(
      `const { RocksDB } = await load('index.js')
       const db = await RocksDB.open(args[0], JSON.parse(args[1]))
       console.log('open')
       process.stdin.once('data', () => db.close()).resume()`,
      [path, JSON.stringify(reverse)],
    )
    expect((await lines.next()).value).toBe('open')
    await expect(imported(path, store)).rejects.toMatchObject({ code: 'Busy' })
    child.stdin!.end('close\n')
    await ended
    const db = await RocksDB.open(path, reverse)
    await expect(imported(path, store)).rejects.toMatchObject({ code: 'Busy' })
    await db.close()
    expect([...(await store.list()).keys()]).toEqual([])
    await imported(path, store)
  })

  test('a directory without a database, and the local part of one in a store', async () => {
    const store = newStore()
    await expect(imported(temporaryDirectory(), store)).rejects.toMatchObject({ code: 'NotFound' })
    const missing = join(temporaryDirectory(), 'missing')
    await expect(imported(missing, store)).rejects.toMatchObject({ code: 'NotFound' })
    expect(await readdir(dirname(missing))).toEqual([])
    const machine = new Machine(newStore())
    await machine.open((db) => db.put('a', '1'))
    await expect(imported(machine.path, store)).rejects.toThrow(/local directory of a database in a store/)
  })

  test('a place where something lies', async () => {
    const store = newStore()
    await imported(await plainDatabase(), store)
    const before = await store.list()
    const path = await plainDatabase()
    await expect(imported(path, store)).rejects.toThrow(OccupiedError)
    expect(await store.list()).toEqual(before)
    expect(await readdir(dirname(path))).toEqual(['plain'])
  })

  test('a damaged table, until it is mended', async () => {
    const store = newStore()
    const path = await plainDatabase()
    const table = join(path, (await readdir(path)).find((name) => name.endsWith('.sst'))!)
    const sound = await readFile(table)
    const damaged = Buffer.from(sound)
    damaged[30]! ^= 1
    await writeFile(table, damaged)
    await expect(imported(path, store)).rejects.toMatchObject({ code: 'Corruption' })
    expect([...(await store.list()).keys()]).not.toContain('db/CLOUDMANIFEST')
    await writeFile(table, sound)
    await imported(path, store)
    expect(await digestInStore(store, 'db', reverse)).toEqual(await digestInDirectory(path, reverse))
  })

  test('a database whose log lies elsewhere', async () => {
    const path = join(temporaryDirectory(), 'plain')
    const logs = temporaryDirectory()
    const db = await RocksDB.open(path, { options: { wal_dir: logs } })
    await db.put('a', '1')
    await db.close()
    await expect(imported(path, newStore())).rejects.toMatchObject({
      code: 'NotSupported',
      message: expect.stringContaining(logs),
    })
  })
})

describe('An import that is killed', () => {
  test('leaves no database or a whole one, and ends as an unbroken one when it is repeated', async () => {
    const path = await plainDatabase()
    const digest = await digestInDirectory(path, reverse)
    const unbroken = newStore()
    await imported(path, unbroken)
    const expected = shape(await unbroken.list())

    const code = `
      const { importDatabase } = await load('operations/import-database.js')
      await importDatabase(args[0], args[1])
    `
    let kills = 0
    for (let at = 1; ; at += 11) {
      const store = newStore()
      const original = join(temporaryDirectory(), 'plain')
      await cp(path, original, { recursive: true, preserveTimestamps: true })
      onTestFinished(() => rm(`${original}.cloudenv-import`, { recursive: true, force: true }))
      if (!(await killedAt(at, code, [original, store.url('db')]))) break
      kills += 1
      if ((await store.list()).has('db/CLOUDMANIFEST'))
        expect(await digestInStore(store, 'db', reverse)).toEqual(digest)
      await imported(original, store)
      expect(shape(await store.list())).toEqual(expected)
      expect(await digestInStore(store, 'db', reverse)).toEqual(digest)
      expect(await readdir(dirname(original))).toEqual(['plain'])
    }
    expect(kills).toBeGreaterThan(5)
  })

  test('sends only what is missing', async () => {
    const store = newStore()
    const path = await plainDatabase()
    const controller = new AbortController()
    let sent = 0
    const onBytes = () => {
      sent += 1
      if (sent === 2) controller.abort(new Error('killed'))
    }
    await expect(
      importDatabase(path, store.url('db'), { signal: controller.signal, onBytes }),
    ).rejects.toThrow('killed')
    const { files, sentFiles } = await imported(path, store)
    expect(sentFiles).toBeLessThan(files)
  })

  test('begins anew when the original has changed, and leaves nothing of the attempt before', async () => {
    const store = newStore()
    const path = await plainDatabase()
    const controller = new AbortController()
    const onBytes = () => controller.abort(new Error('killed'))
    await expect(
      importDatabase(path, store.url('db'), { signal: controller.signal, onBytes }),
    ).rejects.toThrow('killed')
    const db = await RocksDB.open(path, reverse)
    await db.put('later', '1')
    await db.close()
    const { files } = await imported(path, store)
    const { places } = await openRooted([{ url: store.url('db'), options: {} }])
    expect((await listPlace(places[0]!)).named.size).toBe(files + 3)
    const { body } = await places[0]!.store.get(objectKey(places[0]!, 'IDENTITY'))
    expect(body.length).toBe(36)
    expect(await digestInStore(store, 'db', reverse)).toEqual(await digestInDirectory(path, reverse))
  })
})

/** Names of objects, without epochs and ids. */
function shape(objects: ReadonlyMap<string, unknown>): string[] {
  return [...objects.keys()]
    .filter((key) => !key.includes('.cloudenv-store'))
    .map((key) => key.replace(/-[0-9a-f]{16}$/, '').replace(/[0-9a-f-]{36}$/, 'id'))
    .sort()
}
