import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readView } from '#src/catalog/database-view.js'
import { OpeningTime } from '#src/cloud/opening-time.js'
import { Ownership } from '#src/cloud/ownership.js'
import { realSystem } from '#src/env/system.js'
import { decodeCloudManifest } from '#src/format/cloud-manifest.js'
import { isDestroyed, newEpoch } from '#src/format/epoch.js'
import { killedAfter, newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

async function objectsOf(directory: string): Promise<string[]> {
  return readdir(join(directory, 'db')).catch(() => [])
}

/** A database with a table and a log, and the machine that it was closed on. */
async function closedDatabase() {
  const { store, directory } = newStore()
  const machine = await ScriptedMachine.start(store)
  const db = await machine.database().open()
  const table = await db.flush()
  await db.log('acknowledged')
  await db.close()
  return { store, directory, root: machine.root, table }
}

/** Destroys the database in a process that is killed after so many writes to the store. True: it was not. */
async function isDestroyedWithin(writes: number, database: Awaited<ReturnType<typeof closedDatabase>>) {
  const killed = await ScriptedMachine.start(killedAfter(database.store, writes), { root: database.root })
  return killed
    .database()
    .destroy()
    .then(
      () => true,
      () => false,
    )
}

test('a database whose creator was killed before it had an IDENTITY can be destroyed', async () => {
  const { store, directory } = await closedDatabase()
  await store.deleteMany(['db/IDENTITY'])
  await (await ScriptedMachine.start(store)).database().destroy()
  expect(await objectsOf(directory)).toEqual([])
})

describe('a destruction killed after any of its writes', () => {
  test('leaves the database, or a place for a new one', async () => {
    for (let writes = 0; ; writes++) {
      const database = await closedDatabase()
      if (await isDestroyedWithin(writes, database)) return expect(writes).toBeGreaterThan(4)
      const root = await database.store.get('db/CLOUDMANIFEST').catch(() => undefined)
      const existed = root !== undefined && !isDestroyed(decodeCloudManifest(root.body))
      const db = await (await ScriptedMachine.start(database.store, { root: database.root }))
        .database()
        .open()
      expect((await db.database.children())?.includes(database.table), `after ${writes} writes`).toBe(existed)
      await db.flush()
      await db.close()
    }
  })
})

test('a killed destruction is not resumed in another store in which the directory was opened by mistake', async () => {
  for (let writes = 0; ; writes++) {
    const database = await closedDatabase()
    if (await isDestroyedWithin(writes, database)) return expect(writes).toBeGreaterThan(4)
    const other = newStore()
    await other.store.put('db/000004.sst-0123456789abcdef', Buffer.alloc(10))
    const machine = await ScriptedMachine.start(other.store, { root: database.root })
    await expect(machine.database().open(), `after ${writes} writes`).rejects.toMatchObject({
      code: 'InvalidArgument',
    })
    expect(await objectsOf(other.directory)).toEqual(['000004.sst-0123456789abcdef'])
  }
})

describe('a destruction killed midway', () => {
  /** A database that nobody can open any more, of which all objects are there. */
  async function halfDestroyed() {
    for (let writes = 0; ; writes++) {
      const database = await closedDatabase()
      await isDestroyedWithin(writes, database)
      const { current } = decodeCloudManifest((await database.store.get('db/CLOUDMANIFEST')).body)
      if (isDestroyed({ past: [], current }))
        return { ...database, current, left: await objectsOf(database.directory) }
    }
  }

  test('fails an opening from elsewhere with the reason, and changes nothing', async () => {
    const { store, directory, left } = await halfDestroyed()
    const elsewhere = (await ScriptedMachine.start(store)).database()
    await expect(elsewhere.open()).rejects.toThrow(
      /is being destroyed: .* destroy it again from the same directory/,
    )
    expect(await objectsOf(directory)).toEqual(left)
    expect(await elsewhere.database.children()).toEqual([])
  })

  test('deletes nothing of a database created there since', async () => {
    const { store, directory, root, left } = await halfDestroyed()
    await store.deleteMany(
      [...left.filter((name) => name !== 'CLOUDMANIFEST'), 'CLOUDMANIFEST'].map((name) => `db/${name}`),
    )
    const other = await (await ScriptedMachine.start(store)).database().open()
    await other.flush()
    const made = await objectsOf(directory)
    await (await ScriptedMachine.start(store, { root }))
      .database()
      .open()
      .catch(() => undefined)
    expect(await objectsOf(directory)).toEqual(expect.arrayContaining(made))
    await other.close()
  })

  test('is not a database to another program, which does not know of it', async () => {
    const { store, current } = await halfDestroyed()
    await expect(store.head(`db/MANIFEST-${current}`)).rejects.toMatchObject({ code: 'NotFound' })
  })
})

test('a destruction that meets a commit of the present owner destroys nothing, and keeps the log', async () => {
  const database = await closedDatabase()
  const machine = await ScriptedMachine.start(database.store, { root: database.root })
  const host = machine.database()
  const names = await host.database.children()
  await host.database.claim()
  const owner = await (await ScriptedMachine.start(database.store)).database().open()
  await owner.flush()

  await expect(host.database.deleteFile('CURRENT')).rejects.toMatchObject({ code: 'Busy' })
  expect(machine.fences, 'the bridge lets no log be deleted').toEqual([
    expect.stringContaining('could not be destroyed'),
  ])
  await host.close()
  expect(names?.[0]).toBe('CURRENT')
  await owner.flush()
  await owner.close()
})

test.each(['completes its claim', 'notes what it is about'])(
  'a destroyer that another owner displaces while it %s destroys nothing',
  async (moment) => {
    const { store } = await closedDatabase()
    const place = { store, path: 'db' }
    const other = async () => (await ScriptedMachine.start(store)).database().open()
    const displace = async () => {
      await (await other()).close()
      await ownership.ownedSince()
    }
    const ownership: Ownership = new Ownership(
      {
        ...{ place, directory: '/none', cookie: '', epoch: newEpoch(() => realSystem.random.bytes(8)) },
        ...{ view: await readView([place], ''), isFork: false, time: new OpeningTime(realSystem.clock) },
        ...{ migrated: undefined, metadata: {}, destroyedMetadata: {} },
      },
      {
        ...{ system: realSystem, ownershipCheckMs: 0, deletionDelayMs: 0 },
        fenced: () => {},
        beforeClaim: async () => {},
        afterClaim: async () => (moment === 'completes its claim' ? displace() : undefined),
      },
    )
    const destroyed = ownership.destroy(async () =>
      moment === 'completes its claim' ? expect.fail('it is about to destroy') : displace(),
    )
    await expect(destroyed).rejects.toMatchObject({ code: 'IOFenced' })
    await (await other()).close()
  },
)

test('a check while the CLOUDMANIFEST is being deleted does not fence the destroyer', async () => {
  const { store, root, directory } = await closedDatabase()
  const deleting = withFaults(store, {
    async deleteMany(keys) {
      await store.deleteMany(keys)
      if (!keys.includes('db/CLOUDMANIFEST')) return
      machine.clock.advance(1000)
      // A look reads it after its HEAD found nothing.
      for (let turn = 0; turn < 20; turn++) await store.head('db/CLOUDMANIFEST').catch(() => undefined)
    },
  })
  const machine: ScriptedMachine = await ScriptedMachine.start(deleting, { root, ownershipCheckMs: 1000 })
  await machine.database().destroy()
  expect(machine.fences).toEqual([])
  expect(await objectsOf(directory)).toEqual([])
})
