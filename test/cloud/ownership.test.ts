import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { retentionOf } from '#src/catalog/retention.js'
import { EnvError } from '#src/env/env-error.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

describe('the write-ahead log', () => {
  test('is replayed though the host last looked at the store before it was written', async () => {
    const { store } = newStore()
    const machine = await ScriptedMachine.start(store)
    await (await machine.database().open()).close()
    const host = machine.database()
    // RocksDB's calls before it takes the lock.
    await host.database.children()

    const other = await machine.database().open()
    await other.log('acknowledged')
    await other.close()

    await host.open()
    expect(await host.logged()).toBe('acknowledged')
    expect((await readdir(host.directory)).filter((name) => name.startsWith('set-aside'))).toEqual([])
    await host.close()
  })

  test('is replayed though the host last looked before there was a database', async () => {
    const { store } = newStore()
    const machine = await ScriptedMachine.start(store)
    const host = machine.database()
    expect(await host.database.children()).toBeUndefined()

    const other = await machine.database().open()
    await other.log('acknowledged')
    await other.close()

    await host.open()
    expect(await host.logged()).toBe('acknowledged')
    await host.close()
  })
})

test('the CLOUDMANIFEST says how long its owner keeps what the database no longer needs', async () => {
  const { store } = newStore()
  const said = async () => retentionOf(await store.head('db/CLOUDMANIFEST'))
  const machine = await ScriptedMachine.start(store, { retentionDays: 2 })
  await (await machine.database().open()).close()
  expect(await said(), 'at its creation').toBe(2 * 86_400_000)
  const other = await ScriptedMachine.start(store, { deletionDelayMs: 1234.5 })
  await (await other.database().open()).close()
  expect(await said(), 'of the next owner').toBe(1234)
})

/** The store, with HEADs that wait until they are let through. */
function withSlowHeads(store: ObjectStore) {
  const waiting: (() => void)[] = []
  let isSlow = false
  const slow = withFaults(store, {
    head: async (key) => {
      if (isSlow) await new Promise<void>((resolve) => waiting.push(resolve))
      return store.head(key)
    },
  })
  return {
    store: slow,
    waiting,
    hold() {
      isSlow = true
    },
    letGo() {
      isSlow = false
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

test('an owner whose database was deleted in the store gets an error that says how to restore it', async () => {
  const { store } = newStore()
  const machine = await ScriptedMachine.start(store, { ownershipCheckMs: 1000 })
  const db = await machine.database().open()
  await store.deleteMany(['db/CLOUDMANIFEST'])
  machine.clock.advance(1000)
  await expect.poll(() => machine.fences).toHaveLength(1)
  expect(machine.fences[0]).toMatch(
    /its CLOUDMANIFEST was deleted\. Close it\. To go on, bring the CLOUDMANIFEST back, .* to begin anew, move /,
  )
  expect(machine.fences[0]).not.toContain('takes it back')
  await db.close()
})

test('an owner whose store is away, like an unmounted disk, is not fenced, and continues when it is back', async () => {
  const { store, directory } = newStore()
  const machine = await ScriptedMachine.start(store, { ownershipCheckMs: 1000 })
  const db = await machine.database().open()
  for (const putInPlace of [async () => {}, () => mkdir(directory)]) {
    await rename(directory, `${directory}-away`)
    await putInPlace()
    machine.clock.advance(1000)
    await expect(db.flush()).rejects.toThrow("the store's directory is gone")
    await rm(directory, { recursive: true, force: true })
    await rename(`${directory}-away`, directory)
    await db.flush()
  }
  expect(machine.fences).toEqual([])
  await db.close()
})

test("the loser of a creation leaves the winner's IDENTITY alone", async () => {
  const { store, directory } = newStore()
  const owner = await ScriptedMachine.start(store)
  let owned: Promise<{ close(): Promise<void> }> | undefined
  const overtaken = withFaults(store, {
    async put(key, body, options) {
      // The first request of a creation.
      owned ??= owner.database().open()
      await owned
      return store.put(key, body, options)
    },
  })
  const other = await ScriptedMachine.start(overtaken)
  await expect(other.database().open()).rejects.toMatchObject({ code: 'IOFenced' })
  expect(await readFile(join(directory, 'db/IDENTITY'), 'utf8')).toBe(
    await readFile(join(owner.root, 'db/IDENTITY'), 'utf8'),
  )
  await (await owned)?.close()
})

describe('an owner whose claim succeeded, but not the steps after it', () => {
  /** A database without IDENTITY, and a store that refuses a new one at first. */
  async function withoutIdentity() {
    const { store, directory } = newStore()
    const first = await ScriptedMachine.start(store)
    await (await first.database().open()).close()
    await store.deleteMany(['db/IDENTITY'])
    let isAway = true
    const faulty = withFaults(store, {
      async put(key, body, options) {
        if (key === 'db/IDENTITY' && isAway)
          throw new EnvError('IOError', 'the store is away', { retryable: true })
        return store.put(key, body, options)
      },
    })
    const machine = await ScriptedMachine.start(faulty, { ownershipCheckMs: 1000 })
    const { database, directory: local } = machine.database()
    await database.claim()
    onTestFinished(() => database.release())
    await writeFile(join(local, 'identity.dbtmp'), '0123-4567')
    await database.renameMetadata(join(local, 'identity.dbtmp'), 'IDENTITY')
    await writeFile(join(local, '000101.log'), '')
    const manifest = (await readFile(join(local, 'MANIFEST-000001'))).length
    const commit = () => database.owner!.commitManifest(join(local, 'MANIFEST-000001'), manifest)
    await expect(commit()).rejects.toThrow('the store is away')
    isAway = false
    return { store, directory, machine, commit }
  }

  test('completes them with the next commit', async () => {
    const { directory, commit } = await withoutIdentity()
    expect(await readdir(join(directory, 'db'))).not.toContain('IDENTITY')
    await commit()
    expect(await readdir(join(directory, 'db'))).toContain('IDENTITY')
  })

  test('checks meanwhile whether it still owns the database', async () => {
    const { store, machine } = await withoutIdentity()
    await store.deleteMany(['db/CLOUDMANIFEST'])
    machine.clock.advance(1000)
    await expect.poll(() => machine.fences).toHaveLength(1)
  })
})

describe('an owner that released the database', () => {
  test('during a check never takes the next opening for a stranger', async () => {
    const slow = withSlowHeads(newStore().store)
    const machine = await ScriptedMachine.start(slow.store, { ownershipCheckMs: 1000 })
    const db = await machine.database().open()
    slow.hold()
    machine.clock.advance(1000)
    await expect.poll(() => slow.waiting.length).toBe(1)
    await db.close()
    slow.letGo()

    await db.open()
    slow.hold()
    machine.clock.advance(1000)
    await expect.poll(() => slow.waiting.length).toBeGreaterThan(0)
    expect(slow.waiting, 'one owner looks').toHaveLength(1)
    slow.letGo()
    await db.flush()
    expect(machine.fences).toEqual([])
    await db.close()
  })

  test('deletes nothing more, even if a deletion failed during the release', async () => {
    const { store } = newStore()
    let deletions = 0
    let fail: ((error: Error) => void) | undefined
    const faulty = withFaults(store, {
      deleteMany: (keys) => {
        deletions += 1
        if (deletions === 1) return store.deleteMany(keys)
        return new Promise((_, reject) => {
          fail = reject
        })
      },
    })
    const machine = await ScriptedMachine.start(faulty, { deletionDelayMs: 1000 })
    const db = await machine.database().open()
    await db.drop(await db.flush())
    machine.clock.advance(2000)
    await expect.poll(() => deletions).toBe(2)
    const closed = db.close()
    await expect.poll(() => fail).toBeDefined()
    fail!(new EnvError('IOError', 'the store is away', { retryable: true }))
    await closed
    machine.clock.advance(3_600_000)
    await (await machine.database().open()).close()
    expect(deletions).toBe(2)
    expect(machine.fences).toEqual([])
  })
})

describe('another state of the database, under a cookie', () => {
  test('keeps every object that it needs for as long as it exists', async () => {
    const { store, directory } = newStore()
    const machine = await ScriptedMachine.start(store)
    const objects = () => readdir(join(directory, 'db'))
    const db = await machine.database().open()
    const shared = await db.flush()
    await copyFile(join(directory, 'db/CLOUDMANIFEST'), join(directory, 'db/CLOUDMANIFEST-branch'))
    await db.close()
    await db.open()
    await db.drop(shared)
    machine.clock.advance(7_200_000)
    await db.flush()
    await db.close()
    expect((await objects()).filter((name) => name.startsWith(shared))).toHaveLength(1)
    expect((await objects()).filter((name) => name.startsWith('MANIFEST'))).toHaveLength(2)

    await rm(join(directory, 'db/CLOUDMANIFEST-branch'))
    await db.open()
    machine.clock.advance(7_200_000)
    await expect.poll(async () => (await objects()).filter((name) => name.startsWith(shared))).toEqual([])
    await expect
      .poll(async () => (await objects()).filter((name) => name.startsWith('MANIFEST')))
      .toHaveLength(1)
    await db.close()
  })
})

describe('a read of the store while somebody writes', () => {
  test('is never Corruption: a state that changed meanwhile is read again', async () => {
    const { store } = newStore()
    const writer = await ScriptedMachine.start(store, { deletionDelayMs: 0 })
    const db = await writer.database().open()
    const table = await db.flush()
    const objects = await readdir(join(new URL(store.url).pathname, 'db'))
    let lists = 0
    const overtaken = withFaults(store, {
      async *list(prefix, options) {
        lists += 1
        // A compaction between the MANIFEST and the list of tables: its inputs are gone.
        if (lists === 1) {
          await db.flush()
          await db.drop(table)
          await store.deleteMany(objects.filter((name) => name.startsWith(table)).map((name) => `db/${name}`))
        }
        yield* store.list(prefix, options)
      },
    })
    const reader = (await ScriptedMachine.start(overtaken)).database()
    expect(await reader.database.children()).not.toContain(table)
    await db.close()
  })
})
