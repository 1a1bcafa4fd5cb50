import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { newRoot } from '../support/machine.js'
import {
  addTableWithoutEnv,
  begin,
  completed,
  contentOf,
  contents,
  digest,
  digests,
  flush,
  objectsIn,
  plainRoot,
  storedState,
  tablesIn,
  waitFor,
} from '../support/plain-directory.js'
import { newStore, type ScriptedRocksDB, withFaults } from '../support/scripted-rocksdb.js'

const away = () => Promise.reject(new EnvError('IOError', 'the store is away', { retryable: true }))

describe('a migration whose end is unknown', () => {
  test('leaves a whole database in the directory, with what was not acknowledged, if it did not arrive', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const refusing = withFaults(store, {
      put: (key, body, options) => (key.endsWith('CLOUDMANIFEST') ? away() : store.put(key, body, options)),
    })
    const killed = await begin(refusing, root)
    const first = await killed.database().open()
    await waitFor(() => expect(killed.migrations.at(-1)?.errorMessage).toContain('away'))
    const late = Buffer.alloc(700, 3)
    await expect(flush(first, late)).rejects.toThrow(/away/)
    const machine = await begin(store, root)
    const db = await machine.database().open()
    await completed(machine)
    expect([...(await storedState(store)).values()]).toContain(digest(late))
    await db.close()
  })

  test('goes on once the store answers, also if RocksDB has given up a new MANIFEST meanwhile', async () => {
    const { store } = newStore()
    let isAway = true
    const refusing = withFaults(store, {
      put: (key, body, options) =>
        isAway && key.endsWith('CLOUDMANIFEST') ? away() : store.put(key, body, options),
    })
    const root = await plainRoot()
    const machine = await begin(refusing, root)
    const db = await machine.database().open()
    await waitFor(() => expect(machine.migrations.at(-1)?.errorMessage).toContain('away'))
    const before = await readdir(join(root, 'db'))
    await expect(db.beginManifest()).rejects.toThrow(/away/)
    const [begun] = (await readdir(join(root, 'db'))).filter((name) => !before.includes(name))
    await db.database.deleteFile(begun!)
    isAway = false
    await waitFor(() => {
      machine.clock.advance(3_600_000)
      expect(machine.migrations.at(-1)).toMatchObject({ isComplete: true })
    })
    expect(await storedState(store)).toEqual(digests())
    await db.close()
  })

  test('is read from the store by the same process, if it arrived', async () => {
    const { store, directory } = newStore()
    let isSilent = true
    const silent = withFaults(store, {
      put: async (key, body, options) => {
        const answer = await store.put(key, body, options)
        return isSilent && key.endsWith('CLOUDMANIFEST') ? away() : answer
      },
    })
    const root = await plainRoot()
    const machine = await begin(silent, root)
    const first = await machine.database().open()
    await waitFor(() => expect(machine.migrations.at(-1)?.errorMessage).toContain('away'))
    await first.close()
    isSilent = false
    const db = await machine.database().open()
    expect(await contentOf(db, [...contents.keys()])).toEqual(digests())
    await db.close()
    expect(await tablesIn(root)).toEqual([])
    expect(await objectsIn(directory)).not.toContain('INCOMING')
  })

  test.each([
    ['a lower number than', 'MANIFEST-000039'],
    ['the number of', 'MANIFEST-000040'],
  ])(
    'keeps what a program without the Env wrote, whose MANIFEST has %s one that was never complete',
    async (_name, manifest) => {
      const { store } = newStore()
      const silent = withFaults(store, {
        put: async (key, body, options) => {
          const answer = await store.put(key, body, options)
          return key.endsWith('CLOUDMANIFEST') ? away() : answer
        },
      })
      const root = await plainRoot()
      const killed = await begin(silent, root)
      const db = await killed.database().open()
      await waitFor(() => expect(killed.migrations.at(-1)?.errorMessage).toContain('away'))
      await db.database.newManifest('MANIFEST-000040')
      await addTableWithoutEnv(root, manifest)
      const again = (await begin(store, root)).database()
      await expect(again.open()).rejects.toThrow(new RegExp(`without the Env: it left ${manifest}`))
      expect(await tablesIn(root)).toContain('000021.sst')
    },
  )

  test('opens in the directory of a process that ended right after it had begun a new MANIFEST', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const killed = await begin(store, root)
    const db = await killed.database().open()
    await completed(killed)
    const path = join(root, 'db/CLOUDENV')
    const { migration } = JSON.parse(await readFile(path, 'utf8'))
    await db.beginManifest()
    const record = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...record, migration }))
    const reopened = await (await begin(store, root)).database().open()
    expect(await contentOf(reopened, [...contents.keys()])).toEqual(digests())
    await reopened.close()
  })

  test('is completed by the same process, if it was closed before', async () => {
    const { store, directory } = newStore()
    let isAway = true
    const refusing = withFaults(store, {
      put: (key, body, options) =>
        isAway && key.endsWith('IDENTITY') ? away() : store.put(key, body, options),
    })
    const root = await plainRoot()
    const machine = await begin(refusing, root)
    const first = await machine.database().open()
    await waitFor(() => expect(machine.migrations.at(-1)?.errorMessage).toContain('away'))
    await first.close()
    isAway = false
    const db = await machine.database().open()
    expect(await contentOf(db, [...contents.keys()])).toEqual(digests())
    await db.close()
    expect(await tablesIn(root)).toEqual([])
    expect(await objectsIn(directory)).not.toContain('INCOMING')
  })
})

describe('a directory on its way into the store', () => {
  test('keeps what was flushed here after a copy of it was made, which was migrated from elsewhere', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const machine = await begin(store, root, { bytesPerSecond: 1 })
    const db = await machine.database().open()
    const copy = newRoot()
    await cp(root, copy, { recursive: true })
    const flushed = await flush(db, Buffer.alloc(400, 4))
    const quicker = await begin(store, copy)
    const other = await quicker.database().open()
    await completed(quicker)
    await other.close()
    await db.close()
    await expect(machine.database().open()).rejects.toThrow(/has another one by now, or an older state of it/)
    expect(await tablesIn(root)).toEqual([...contents.keys(), flushed])
  })

  test('leaves the store as it is when it is destroyed after a copy of it has become a database there', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const machine = await begin(store, root, { bytesPerSecond: 1 })
    await (await machine.database().open()).close()
    const copy = newRoot()
    await cp(root, copy, { recursive: true })
    const { database } = machine.database()
    await database.claim()
    const keepingMark = withFaults(store, { deleteMany: away })
    const quicker = await begin(keepingMark, copy)
    const other = await quicker.database().open()
    await waitFor(() => expect(quicker.migrations.at(-1)?.errorMessage).toContain('away'))
    await database.deleteFile('CURRENT')
    await database.release()
    expect(await storedState(store)).toEqual(digests())
    await other.close()
  })

  test('is not published before RocksDB has recovered, however early its files are there', async () => {
    const { store, directory } = newStore()
    const machine = await begin(store, await plainRoot())
    const db = machine.database()
    atFirstManifest(db, async () => {
      await sealTable(db, '000030.sst', Buffer.alloc(300, 1))
      await waitFor(async () => expect((await objectsIn(directory)).join()).toContain('000030.sst'))
      await db.fsyncDirectory()
    })
    await db.open()
    await completed(machine)
    await db.close()
  })

  test('is sent as it is if a program without the Env reused the numbers of an opening that failed', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const failed = (await begin(store, root)).database()
    atFirstManifest(failed, async () => {
      await sealTable(failed, '000021.sst', Buffer.alloc(300, 1))
      await failed.fsyncDirectory()
      throw new Error('the opening fails')
    })
    await expect(failed.open()).rejects.toThrow(/the opening fails/)
    const content = await addTableWithoutEnv(root, 'MANIFEST-000020')
    const machine = await begin(store, root)
    const db = await machine.database().open()
    await completed(machine)
    expect(await storedState(store)).toEqual(digests(['000021.sst', content]))
    await db.close()
  })

  test('loses the tables that RocksDB wrote before a crash and did not commit', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    await writeFile(join(root, 'db/000019.sst'), 'not committed')
    const db = await (await begin(store, root, { bytesPerSecond: 1 })).database().open()
    expect(await tablesIn(root)).toEqual([...contents.keys()])
    await db.close()
    await writeFile(join(root, 'db/000019.sst'), 'not committed')
    await (await begin(store, root)).database().destroy()
    expect(await tablesIn(root)).toEqual([])
  })
})

/** Calls `act` when RocksDB has recovered and begins its first MANIFEST. */
function atFirstManifest(db: ScriptedRocksDB, act: () => Promise<void>): void {
  const newManifest = db.database.newManifest.bind(db.database)
  vi.spyOn(db.database, 'newManifest').mockImplementationOnce(async (name) => {
    const file = await newManifest(name)
    await act()
    return file
  })
}

/** Writes a table as RocksDB does with the content of a log that it replays. */
async function sealTable(db: ScriptedRocksDB, name: string, content: Uint8Array): Promise<void> {
  const file = db.database.newFile(name)
  await writeFile(file.path, content)
  await file.sealed?.(content.length)
}
