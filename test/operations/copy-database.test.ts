import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { type DatabasePlace, objectKey } from '#src/catalog/database-place.js'
import { readView } from '#src/catalog/database-view.js'
import { listPlace } from '#src/catalog/listed-place.js'
import { readState } from '#src/catalog/read-state.js'
import { openRooted } from '#src/catalog/rooted-places.js'
import { encodeDbIdEdit } from '#src/format/encode-version-edit.js'
import { appendRecord } from '#src/format/log-record.js'
import { copyDatabase, type RocksDB } from '#src/index.js'
import { verifyDatabase } from '#src/inspect/verify.js'
import { copyToPlace } from '#src/operations/copy-database.js'
import { OccupiedError } from '#src/operations/occupied-error.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { digestInStore } from '../support/database-digest.js'
import { Died, dyingStore } from '../support/dying-store.js'
import { fixtureDatabases, fixtureStore } from '../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../support/fixtures.js'
import { Machine } from '../support/machine.js'
import { writeSound } from '../support/sound-database.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

async function problemsAt(place: DatabasePlace): Promise<readonly unknown[]> {
  const { problems } = await verifyDatabase([place], { isDeep: true })
  return problems
}

/** The places of these paths in the store, for as long as the test runs. */
async function placesIn(
  store: TestStore,
  ...paths: readonly [string, ...string[]]
): Promise<DatabasePlace[]> {
  const [first, ...others] = paths.map((path) => ({ url: store.url(path), options: store.connection }))
  const { places } = await openRooted([first!, ...others])
  return [...places]
}

describe.each(mainTestStores())('copyDatabase, within $name', ({ make }) => {
  let store: TestStore
  const copy = (path: string, newPath: string) =>
    copyDatabase(store.url(path), store.url(newPath), { store: store.connection })

  const onMachine = <T>(path: string, use: (db: RocksDB) => Promise<T>) => {
    const machine = new Machine(store)
    return machine.open(use, { path: `${machine.root}/${path}` })
  }

  beforeEach(async () => {
    store = make()
    await writeSound(store)
  })

  test('makes a sound database with the same content, inside the store, and changes nothing of the original', async () => {
    const before = await store.list()
    const result = await copy('db', 'backup/db2')
    expect(result).toMatchObject({
      url: store.url('backup/db2'),
      isServerSide: true,
      files: result.copiedFiles,
    })
    const after = await store.list()
    expect([...after].filter(([key]) => before.has(key))).toEqual([...before])
    expect(await digestInStore(store, 'backup/db2')).toEqual(await digestInStore(store, 'db'))
    const [place] = await placesIn(store, 'backup/db2')
    expect(await problemsAt(place!)).toEqual([])
    const names = [...(await listPlace(place!)).named.keys()]
    expect(names).toHaveLength(result.files + 3)
  })

  test('gives the copy an id of its own, in IDENTITY, in the registry, and in a MANIFEST that has one', async () => {
    const [own, copied] = await placesIn(store, 'db', 'copied')
    const { manifestName, manifestBytes } = (await readView([own!], ''))!
    const id = await store.get('db/IDENTITY')
    const edit = encodeDbIdEdit(Buffer.from(id).toString().trim())
    await store.put(`db/${manifestName}`, appendRecord(manifestBytes, edit))
    const { identity } = await copy('db', 'copied')
    const text = async (place: DatabasePlace) =>
      Buffer.from((await place.store.get(objectKey(place, 'IDENTITY'))).body).toString()
    expect(await text(copied!)).toBe(identity)
    expect((await text(own!)).trim()).not.toBe(identity)
    const view = await readView([copied!], '')
    expect(view?.manifest.dbId).toBe(identity)
    const entry = await copied!.store.head(`.rockset/dbid/${identity}`)
    expect(entry.metadata).toEqual({ dirname: copied!.path })
    expect(await problemsAt(copied!)).toEqual([])
  })

  test('both can be written, and go separate ways', async () => {
    await copy('db', 'copied')
    const write = (path: string, key: string) =>
      onMachine(path, async (db) => {
        await db.put(key, '1')
        await db.compactRange()
        await db.flush()
      })
    await write('copied', 'new')
    await write('db', 'other')
    const read = (path: string, key: string) =>
      onMachine(path, (db) => db.get(key, { valueEncoding: 'utf8' }))
    expect(await read('copied', 'new')).toBe('1')
    expect(await read('db', 'new')).toBe(undefined)
    expect(await read('copied', 'other')).toBe(undefined)
  })

  test('refuses a place where a database lies, or part of one, and writes nothing', async () => {
    await copy('db', 'copied')
    await store.put('remains/000001.sst-abc', Buffer.from('x'))
    await store.put('plain/CURRENT', Buffer.from('MANIFEST-000001\n'))
    const before = await store.list()
    for (const path of ['copied', 'db', 'remains', 'plain'])
      await expect(copy('db', path)).rejects.toBeInstanceOf(OccupiedError)
    await expect(copy('nothing', 'new')).rejects.toMatchObject({ code: 'NotFound' })
    expect([...(await store.list()).keys()]).toEqual([...before.keys()])
  })

  test('a place where something is arriving becomes no new database', async () => {
    await store.put('arriving/INCOMING', Buffer.from('{}'))
    await expect(onMachine('arriving', async () => {})).rejects.toThrow(
      /is being copied, imported or migrated to .*arriving/,
    )
  })

  test('goes on with the newer state when the owner deletes a table during the copy', async () => {
    const [own, target] = await placesIn(store, 'db', 'copied')
    const compact = () =>
      new Machine(store, { deletionDelayMs: 0 }).open(async (db) => {
        for (const key of ['a', 'z']) await db.put(key, '1')
        await db.flush()
        await db.compactRange()
      })
    let compacted: Promise<void> | undefined
    const racing = sharing(own!.store, {
      copy: async (...args) => {
        compacted ??= compact()
        await compacted
        return own!.store.copy(...args)
      },
    })
    const starts: number[] = []
    await copyToPlace(
      [{ ...own!, store: racing }],
      { ...target!, store: racing },
      { onStart: (bytes) => starts.push(bytes) },
    )
    expect(starts.length).toBeGreaterThan(1)
    expect(await digestInStore(store, 'copied')).toEqual(await digestInStore(store, 'db'))
    expect(await problemsAt(target!)).toEqual([])
  })

  test('reports a table that is missing for good, and makes no database', async () => {
    const table = [...(await store.list()).keys()].find((key) => /^db\/.*\.sst-/.test(key))!
    const [target] = await placesIn(store, 'copied')
    await store.delete([table])
    await expect(copy('db', 'copied')).rejects.toMatchObject({ code: 'Corruption' })
    expect((await listPlace(target!)).named.size).toBe(0)
  })

  test('copies a past state, as long as its files are there', async () => {
    const [own, target] = await placesIn(store, 'db', 'copied')
    const past = await readState([own!], '')
    const digest = await digestInStore(store, 'db')
    await new Machine(store).open(async (db) => {
      await db.put('late', '1')
      await db.compactRange()
      await db.flush()
    })
    await copyToPlace([own!], target!, { at: past.manifest!.lastSequence })
    expect(await digestInStore(store, 'copied')).toEqual(digest)
    expect(await problemsAt(target!)).toEqual([])
    await expect(copyToPlace([own!], { ...target!, path: 'new' }, { at: new Date(0) })).rejects.toMatchObject(
      {
        code: 'NotFound',
      },
    )
  })
})

describe.each(mainTestStores())('A copy that is killed, within $name', ({ name, make }) => {
  /** Each takes a second on a server. */
  const step = name === 'directory' ? 1 : 4

  test('leaves no database or a whole one, and ends as an unbroken one when it is repeated', async () => {
    const store = make()
    await writeSound(store)
    const digest = await digestInStore(store, 'db')
    const [own] = await placesIn(store, 'db')
    const unbroken = { store: own!.store, path: `${own!.path}-unbroken` }
    const { files } = await copyToPlace([own!], unbroken)
    const expected = await shapeOf(unbroken)

    let deaths = 0
    for (const isBefore of [true, false]) {
      for (let atWrite = 1; ; atWrite += step) {
        const target = { store: own!.store, path: `${own!.path}-${isBefore}-${atWrite}` }
        const mortal = dyingStore(own!.store, { atWrite, isBefore })
        const attempt = copyToPlace([{ ...own!, store: mortal }], { ...target, store: mortal })
        const died = await attempt.then(
          () => false,
          (error: unknown) => {
            // The failure of the clean-up after a probe is nobody's business.
            expect(error).toBeInstanceOf(Died)
            return true
          },
        )
        if (!died) break
        await mortal.settled()
        deaths += 1
        const { named } = await listPlace(target)
        if (named.has('CLOUDMANIFEST')) expect(await readView([target], '')).toBeDefined()
        // The mark is the last to go: nothing was left to do.
        if (named.has('CLOUDMANIFEST') && !named.has('INCOMING')) continue
        const { copiedFiles } = await copyToPlace([own!], target)
        const before = [...named.values()].filter(
          ({ parsed }) => parsed.kind === 'table' || parsed.kind === 'blob',
        )
        expect(copiedFiles).toBe(files - before.length)
        expect(await shapeOf(target)).toEqual(expected)
      }
    }
    expect(deaths).toBeGreaterThan((2 * (files + 6)) / step)
    const last = [...(await store.list()).keys()].find((key) => key.startsWith('db-false-'))!.split('/')[0]!
    expect(await digestInStore(store, last)).toEqual(digest)
  })

  test('deletes what it had copied and the newer state does not need', async () => {
    const store = make()
    await writeSound(store)
    const [own, target] = await placesIn(store, 'db', 'copied')
    const mortal = dyingStore(own!.store, { atWrite: 12, isBefore: false })
    await expect(
      copyToPlace([{ ...own!, store: mortal }], { ...target!, store: mortal }),
    ).rejects.toBeInstanceOf(Died)
    await new Machine(store).open(async (db) => {
      for (const name of db.columnFamilyNames) {
        await db.put('aaa', '1', { columnFamily: db.columnFamily(name) })
        await db.put('zzz', '1', { columnFamily: db.columnFamily(name) })
        await db.flush()
        await db.compactRange({ columnFamily: db.columnFamily(name) })
      }
    })
    const { files } = await copyToPlace([own!], target!)
    expect((await listPlace(target!)).named.size).toBe(files + 3)
    expect(await digestInStore(store, 'copied')).toEqual(await digestInStore(store, 'db'))
  })

  test('does not take the database of somebody else for its own', async () => {
    const store = make()
    await writeSound(store)
    const [own, target, other] = await placesIn(store, 'db', 'copied', 'other')
    const mortal = dyingStore(own!.store, { atWrite: 8, isBefore: false })
    await copyToPlace([{ ...own!, store: mortal }], { ...target!, store: mortal }).catch(() => {})
    await mortal.settled()
    await copyToPlace([own!], other!)
    await store.put('copied/CLOUDMANIFEST', await store.get('other/CLOUDMANIFEST'))
    await expect(copyToPlace([own!], target!)).rejects.toThrow(/has a database of somebody else/)
    expect(await store.get('copied/INCOMING')).toBeDefined()
  })

  test('is not continued by a copy of another database', async () => {
    const store = make()
    await writeSound(store)
    const [own, target] = await placesIn(store, 'db', 'copied')
    const mortal = dyingStore(own!.store, { atWrite: 8, isBefore: false })
    await copyToPlace([{ ...own!, store: mortal }], { ...target!, store: mortal }).catch(() => {})
    await copyToPlace([own!], { store: own!.store, path: `${own!.path}2` })
    await expect(copyToPlace([{ store: own!.store, path: `${own!.path}2` }], target!)).rejects.toThrow(
      OccupiedError,
    )
  })
})

describe('copyDatabase, from store to store', () => {
  const [directory, ...servers] = mainTestStores()

  test.each(servers)('goes through this machine from a directory to $name, and back', async ({ make }) => {
    const [here, there, back] = [directory!.make(), make(), directory!.make()]
    await writeSound(here)
    const result = await copyDatabase(here.url('db'), there.url('db'), { newStore: there.connection })
    expect(result).toMatchObject({ isServerSide: false, copiedFiles: result.files })
    await copyDatabase(there.url('db'), back.url('db'), { store: there.connection, newStore: {} })
    const digest = await digestInStore(here, 'db')
    expect(await digestInStore(there, 'db')).toEqual(digest)
    expect(await digestInStore(back, 'db')).toEqual(digest)
  })

  test('copies a table that does not fit into memory by way of a temporary file', async () => {
    const [here, there] = [directory!.make(), directory!.make()]
    await new Machine(here).open(
      async (db) => {
        for (let at = 0; at < 20; at++) await db.put(`key${at}`, randomUUID().repeat(30_000))
        await db.flush()
      },
      { options: { compression: 'kNoCompression' } },
    )
    const { bytes, files } = await copyDatabase(here.url('db'), there.url('db'))
    expect(bytes / files).toBeGreaterThan(16 * 2 ** 20)
    expect(await digestInStore(there, 'db')).toEqual(await digestInStore(here, 'db'))
  })

  test('stops when its signal aborts', async () => {
    const [here, there] = [directory!.make(), directory!.make()]
    await writeSound(here)
    const reason = new Error('enough')
    await expect(
      copyDatabase(here.url('db'), there.url('db'), { signal: AbortSignal.abort(reason) }),
    ).rejects.toThrow(reason)
    await copyDatabase(here.url('db'), there.url('db'))
    expect(await digestInStore(there, 'db')).toEqual(await digestInStore(here, 'db'))
  })
})

describe.runIf(haveFixtures)(fixtureSuite('copyDatabase, of what rocksdb-cloud wrote'), () => {
  test.each(fixtureDatabases())(
    '$title: the copy stands alone, with all that lay at a source',
    async (database) => {
      const [directory] = mainTestStores()
      const target = directory!.make()
      const [own, source] = database.paths.map(({ bucket, path }) =>
        fixtureStore(database).url(`${bucket}/${path}`),
      )
      await copyDatabase(own!, target.url('db'), {
        cookie: database.cookie,
        ...(source !== undefined && { source }),
      })
      const [place] = await placesIn(target, 'db')
      expect(await problemsAt(place!)).toEqual([])
    },
  )
})

/** A store like this one, with some methods of its own. */
function sharing(store: ObjectStore, methods: Partial<ObjectStore>): ObjectStore {
  return {
    url: store.url,
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    put: (...args) => store.put(...args),
    list: (...args) => store.list(...args),
    deleteMany: (...args) => store.deleteMany(...args),
    copy: (...args) => store.copy(...args),
    close: async () => {},
    ...methods,
  }
}

/** Names and sizes at a place, but for the epoch of the copy, and whether it is registered. */
async function shapeOf(place: DatabasePlace): Promise<unknown> {
  const { named, probes } = await listPlace(place)
  const { body } = await place.store.get(objectKey(place, 'IDENTITY'))
  const { metadata } = await place.store.head(`.rockset/dbid/${Buffer.from(body)}`)
  expect(probes).toEqual([])
  return {
    objects: [...named].map(([name, { size }]) => [name.replace(/^MANIFEST-.*/, 'MANIFEST'), size]),
    isRegistered: metadata.dirname === place.path,
  }
}
