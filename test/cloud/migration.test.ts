import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeIncomingMark } from '#src/catalog/incoming.js'
import { EnvError } from '#src/env/env-error.js'
import type { ObjectKey } from '#src/store/object-store.js'
import { cloneTo, namesBelow } from '../support/forks.js'
import {
  addTableWithoutEnv,
  begin,
  completed,
  contentOf,
  contents,
  digest,
  digests,
  flush,
  identity,
  objectsIn,
  plainRoot,
  storedState,
  tablesIn,
  waitFor,
} from '../support/plain-directory.js'
import {
  killedAfter,
  newStore,
  ScriptedMachine,
  type ScriptedRocksDB,
  withFaults,
} from '../support/scripted-rocksdb.js'

describe('a database in a directory', () => {
  test('opens at once, is read where it lies, and is one of the store in the end', async () => {
    const { store, directory } = newStore()
    const root = await plainRoot()
    const machine = await begin(store, root, { bytesPerSecond: 1 })
    const db = await machine.database().open()
    expect(await db.logged()).toBe('logged')
    expect(await contentOf(db, [...contents.keys()])).toEqual(digests())
    const flushed = await flush(db, Buffer.alloc(500, 1))
    await waitFor(async () => expect(await objectsIn(directory)).toHaveLength(3))
    // The first of the last level, and the new one, which does not wait.
    expect(await objectsIn(directory)).toEqual([
      expect.stringMatching(/^000011\.sst-[0-9a-f]{16}$/),
      expect.stringMatching(new RegExp(`^${flushed}-[0-9a-f]{16}$`)),
      'INCOMING',
    ])
    expect(await tablesIn(root)).toEqual([...contents.keys(), flushed])
    await waitFor(async () => {
      machine.clock.advance(3_600_000)
      expect(machine.migrations.at(-1)).toMatchObject({ isComplete: true })
    })
    expect(machine.migrations.at(-1)).toEqual({
      directory: join(root, 'db'),
      files: 5,
      bytes: 4550,
      arrivedFiles: 5,
      arrivedBytes: 4550,
      isComplete: true,
      errorMessage: undefined,
    })
    expect(await storedState(store)).toEqual(digests([flushed, Buffer.alloc(500, 1)]))
    expect(Buffer.from((await store.get('db/IDENTITY')).body).toString()).toBe(identity)
    expect(await objectsIn(directory)).not.toContain('INCOMING')
    await db.close()
    expect(await tablesIn(root)).toEqual([])
  })

  test('goes on as any other database of the store', async () => {
    const { store } = newStore()
    const machine = await begin(store, await plainRoot())
    const db = await machine.database().open()
    await completed(machine)
    await db.drop('000011.sst', 6)
    const flushed = await db.flush()
    await db.close()
    const elsewhere = await ScriptedMachine.start(store)
    const reopened = await elsewhere.database().open()
    const expected = digests([flushed, Buffer.alloc(1000, 7)])
    expected.delete('000011.sst')
    expect(await contentOf(reopened, [...expected.keys()])).toEqual(expected)
    await reopened.close()
  })

  test('names the file that is the only copy, if that is damaged', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const machine = await begin(store, root, { bytesPerSecond: 1 })
    const adviceOf = async (db: ScriptedRocksDB, name: string) =>
      (await db.database.refetch(name, 0, 10, 0)).advice
    const expected = (name: string) =>
      expect.stringMatching(`^${join(root, 'db', name)} is not in the store yet`)
    expect(await adviceOf(machine.database(), '000012.sst'), 'to a reader').toEqual(expected('000012.sst'))
    const db = await machine.database().open()
    expect(await adviceOf(db, '000012.sst')).toEqual(expected('000012.sst'))
    const flushed = await flush(db, Buffer.alloc(500, 1))
    expect(await adviceOf(db, flushed)).toEqual(expected(flushed))
    await db.close()
  })

  test('loses the objects of tables that a compaction replaced on the way', async () => {
    const { store, directory } = newStore()
    const machine = await begin(store, await plainRoot(), { bytesPerSecond: 1 })
    const db = await machine.database().open()
    await waitFor(async () => expect(await objectsIn(directory)).toHaveLength(2))
    await db.drop('000011.sst', 6)
    await waitFor(async () => {
      machine.clock.advance(3_600_000)
      expect(machine.migrations.at(-1)).toMatchObject({ isComplete: true, files: 3 })
    })
    await waitFor(async () => {
      machine.clock.advance(3_600_000)
      expect((await objectsIn(directory)).filter((name) => name.startsWith('000011'))).toEqual([])
    })
    await db.close()
  })

  test('can be read, by a program that does not write, before any of it is in the store', async () => {
    const { store } = newStore()
    const machine = await begin(store, await plainRoot())
    const reader = machine.database()
    const names = await reader.database.children()
    expect(names).toEqual(expect.arrayContaining(['CURRENT', 'MANIFEST-000010', ...contents.keys()]))
    expect(await contentOf(reader, [...contents.keys()])).toEqual(digests())
  })

  test('is refused without the option, and says how to go on', async () => {
    const { store, directory } = newStore()
    const root = await plainRoot()
    const plain = await ScriptedMachine.start(store, { root })
    await expect(plain.database().open()).rejects.toThrow(/"migrate", or cloudenv import/)
    const db = await (await begin(store, root, { bytesPerSecond: 1 })).database().open()
    await db.close()
    await expect(plain.database().open()).rejects.toThrow(
      /is being migrated to .*Open it with the option "migrate"/,
    )
    expect(await objectsIn(directory)).not.toContain('CLOUDMANIFEST')
  })

  test('is refused where the place has a database, or gets one', async () => {
    const { store } = newStore()
    const other = await (await ScriptedMachine.start(store)).database().open()
    await other.flush()
    await other.close()
    const refused = await begin(store, await plainRoot())
    await expect(refused.database().open()).rejects.toThrow(/not opened from/)
    expect(refused.migrations).toEqual([])
  })

  test('is refused where another one is on its way, and changes nothing there', async () => {
    const { store, directory } = newStore()
    const first = await (await begin(store, await plainRoot(), { bytesPerSecond: 1 })).database().open()
    await waitFor(async () => expect(await objectsIn(directory)).toHaveLength(2))
    const before = await objectsIn(directory)
    const second = await begin(store, await plainRoot())
    await expect(second.database().open()).rejects.toThrow(/copied, imported or migrated/)
    expect(await objectsIn(directory)).toEqual(before)
    await first.close()
  })

  test('is refused where clones need what a destroyed database left', async () => {
    const { store } = newStore()
    const here = await ScriptedMachine.start(store)
    const source = await here.database().open()
    await source.flush()
    await cloneTo(store, 'clone')
    await source.close()
    await here.database().destroy()
    const before = await namesBelow(store, 'db')
    await expect((await begin(store, await plainRoot())).database().open()).rejects.toThrow(
      /was destroyed, and what is left there is needed by clones.*choose another place/,
    )
    expect(await namesBelow(store, 'db')).toEqual(before)
  })

  test('is refused if a table is missing, or has another size', async () => {
    const { store, directory } = newStore()
    const root = await plainRoot()
    await writeFile(join(root, 'db/000012.sst'), 'short')
    await expect((await begin(store, root)).database().open()).rejects.toThrow(
      /000012.sst has 5 bytes instead of 1012/,
    )
    expect(await objectsIn(directory)).toEqual([])
  })

  test('is refused if LevelDB made it', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    await writeFile(join(root, 'db/000005.ldb'), '')
    await expect((await begin(store, root)).database().open()).rejects.toThrow(/use cloudenv import/)
  })

  test('leaves nothing in the store when it is destroyed on the way', async () => {
    const { store, directory } = newStore()
    const root = await plainRoot()
    const db = await (await begin(store, root, { bytesPerSecond: 1 })).database().open()
    await waitFor(async () => expect(await objectsIn(directory)).toHaveLength(2))
    await db.close()
    await (await begin(store, root, { bytesPerSecond: 1 })).database().destroy()
    expect(await objectsIn(directory)).toEqual([])
    expect(await tablesIn(root)).toEqual([])
  })
})

describe('a migration', () => {
  test('says in the store what is to come', async () => {
    const { store } = newStore()
    const root = await plainRoot()
    const db = await (await begin(store, root, { bytesPerSecond: 1 })).database().open()
    const mark = await store.get('db/INCOMING')
    expect(decodeIncomingMark(mark.body, 'INCOMING')).toMatchObject({
      from: `file://${root}/db`,
      identity,
      migration: { files: 4, bytes: 4050 },
    })
    await db.close()
  })

  test('goes on after each kill, sends nothing twice, and ends where an unbroken one would', async () => {
    let writes = 0
    for (; ; writes++) {
      const { store, directory } = newStore()
      const root = await plainRoot()
      const dying = killedAfter(store, writes)
      let isDead = false
      let underWay = 0
      const watch = async <T>(write: Promise<T>): Promise<T> => {
        underWay += 1
        try {
          return await write
        } catch (error) {
          // Other writes may fail as well, an upload that is given up for instance.
          if ((error as Error).message === 'killed') isDead = true
          throw error
        } finally {
          underWay -= 1
        }
      }
      const noticed = withFaults(dying, {
        put: (key, body, options) => watch(dying.put(key, body, options)),
        deleteMany: (keys) => watch(dying.deleteMany(keys)),
      })
      const killed = await begin(noticed, root)
      const first = killed.database()
      await first.open().catch(() => undefined)
      const late = Buffer.alloc(700, 3)
      const flushed = await flush(first, late).catch(() => undefined)
      const isUnbroken = () => killed.migrations.at(-1)?.isComplete === true
      await waitFor(() => expect((isDead && underWay === 0) || isUnbroken()).toBe(true))
      const arrived = new Set((await objectsIn(directory)).filter((name) => name.includes('.sst')))

      const isPublished = existsSync(join(directory, 'db/CLOUDMANIFEST'))
      const sent: string[] = []
      const watched = withFaults(store, {
        put: (key, body, options) => {
          sent.push(key.slice('db/'.length))
          return store.put(key, body, options)
        },
      })
      const machine = await begin(watched, root)
      const db = await machine.database().open()
      if (!isPublished) await completed(machine)
      // A flush that was not acknowledged may be there.
      const state = await storedState(store)
      expect([...state.values()], `after ${writes} writes`).toEqual(
        expect.arrayContaining([...digests().values(), ...(flushed ? [digest(late)] : [])]),
      )
      expect(await contentOf(db, [...state.keys()]), `after ${writes} writes`).toEqual(state)
      expect(sent.filter((name) => arrived.has(name))).toEqual([])
      await db.close()
      expect(await tablesIn(root), `after ${writes} writes`).toEqual([])
      expect(await objectsIn(directory)).not.toContain('INCOMING')
      if (isUnbroken()) break
    }
    // Mark, four tables and the new one, MANIFEST, CLOUDMANIFEST, IDENTITY, registry.
    expect(writes).toBeGreaterThan(8)
  })

  test('begins anew after a program wrote to the directory without the Env', async () => {
    const { store, directory } = newStore()
    const root = await plainRoot()
    const machine = await begin(store, root, { bytesPerSecond: 1 })
    const db = await machine.database().open()
    await db.write(Buffer.alloc(300, 1))
    await waitFor(async () => expect(await objectsIn(directory)).toHaveLength(3))
    await db.close()
    // RocksDB itself gives the number of a table that was not committed to another one, here of the same size.
    const content = await addTableWithoutEnv(root, 'MANIFEST-000022')
    const again = await begin(store, root)
    const reopened = await again.database().open()
    await completed(again)
    expect(await storedState(store)).toEqual(digests(['000021.sst', content]))
    await reopened.close()
  })

  test('does not take what an earlier attempt made of it for the present state', async () => {
    const { store, directory } = newStore()
    const root = await plainRoot()
    // The CLOUDMANIFEST of the first attempt arrives after the second one has gone on in the directory.
    let deliver = async () => {}
    const late = withFaults(store, {
      put: (key, body, options) => {
        if (!key.endsWith('CLOUDMANIFEST')) return store.put(key, body, options)
        deliver = async () => void (await store.put(key, body, options))
        return new Promise(() => {})
      },
    })
    await (await begin(late, root)).database().open()
    await waitFor(async () => expect(String(deliver)).toContain('store.put'))
    const key = `db/${(await objectsIn(directory)).find((name) => name.startsWith('000012'))}` as ObjectKey
    const { body } = await store.get(key)
    await store.deleteMany([key])
    const stuck = withFaults(store, {
      put: (key, body, options) => {
        if (!key.includes('.sst')) return store.put(key, body, options)
        return new Promise((_, reject) => options?.signal?.addEventListener('abort', reject))
      },
    })
    const second = await begin(stuck, root)
    const db = await second.database().open()
    const flushed = await flush(db, Buffer.alloc(400, 4))
    await store.put(key, body)
    await deliver()
    await db.close()
    await expect(second.database().open()).rejects.toThrow(/has another one by now, or an older state of it/)
    expect(await tablesIn(root)).toEqual([...contents.keys(), flushed])
  })

  test('repeats what the store refuses, and says so meanwhile', async () => {
    const { store } = newStore()
    let refusals = 3
    const refusing = withFaults(store, {
      put: (key, body, options) => {
        if (key.includes('000012.sst') && refusals-- > 0)
          return Promise.reject(new EnvError('IOError', 'the store is away', { retryable: true }))
        return store.put(key, body, options)
      },
    })
    const machine = await begin(refusing, await plainRoot())
    const db = await machine.database().open()
    await waitFor(() =>
      expect(machine.migrations.map(({ errorMessage }) => errorMessage)).toContainEqual(
        expect.stringContaining('the store is away'),
      ),
    )
    expect(await flush(db, Buffer.alloc(10))).toBeDefined()
    await waitFor(() => {
      machine.clock.advance(3_600_000)
      expect(machine.migrations.at(-1)).toMatchObject({ isComplete: true })
    })
    await db.close()
  })
})
