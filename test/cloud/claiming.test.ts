// Contention for a database, one step of each opener at a time.
import { cp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readView } from '#src/catalog/database-view.js'
import { EnvError } from '#src/env/env-error.js'
import { decodeCloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { newRoot } from '../support/machine.js'
import { newStore, ScriptedMachine, type ScriptedRocksDB, withFaults } from '../support/scripted-rocksdb.js'

/** The store, in which `owner` commits before each write of a MANIFEST under another epoch. */
function withBusyOwner(store: ObjectStore, owner: ScriptedRocksDB): ObjectStore {
  const { epoch } = owner.database.owner!
  return withFaults(store, {
    async put(key, body, options) {
      if (/MANIFEST-/.test(key) && !key.endsWith(epoch)) await owner.flush().catch(() => undefined)
      return store.put(key, body, options)
    },
  })
}

describe('a candidate', () => {
  test('that a commit of the owner overtakes changes nothing, and gets an error that says to open again', async () => {
    const { store, directory } = newStore()
    const machine = await ScriptedMachine.start(store)
    const owner = await machine.database().open()
    const first = await owner.flush()
    const newcomer = (await ScriptedMachine.start(withBusyOwner(store, owner))).database()
    await expect(newcomer.open()).rejects.toMatchObject({
      code: 'Busy',
      message: expect.stringContaining('Open it again'),
    })
    const { epoch } = owner.database.owner!
    const names = await readdir(join(directory, 'db'))
    expect(names.filter((name) => name.includes('-') && !name.endsWith(epoch))).toEqual([])
    expect(await readdir(newcomer.directory)).not.toContain('CLOUDENV')
    expect(machine.fences).toEqual([])
    await owner.flush()
    expect(await owner.database.children()).toContain(first)
    await owner.close()
  })

  test('is not overtaken by the same owner forever, even if the time of day is set meanwhile', async () => {
    const { store } = newStore()
    const machine = await ScriptedMachine.start(store)
    const owner = await machine.database().open()
    const busy = await ScriptedMachine.start(withBusyOwner(store, owner))
    const newcomer = busy.database()
    await expect(newcomer.open()).rejects.toMatchObject({ code: 'Busy' })
    busy.clock.jump(86_400_000)
    await newcomer.open()
    await expect(owner.flush()).rejects.toMatchObject({ code: 'IOFenced' })
    expect(machine.fences).toHaveLength(1)
    await newcomer.flush()
    await newcomer.close()
    await owner.close()
  })

  test('that never commits leaves the log of another state untouched for the next one', async () => {
    const { store } = newStore()
    const machine = await ScriptedMachine.start(store)
    const db = await machine.database().open()
    await db.log('acknowledged')
    await db.close()
    const other = await (await ScriptedMachine.start(store)).database().open()
    await other.close()

    const kept = async () =>
      (await readdir(db.directory)).filter((name) => /^CLOUDENV|log$|^set-aside/.test(name)).sort()
    const before = await kept()
    const candidate = machine.database()
    await candidate.database.claim()
    expect(await candidate.logged(), 'it belongs to another state').toBeUndefined()
    await candidate.close()
    expect(await kept()).toEqual(before)

    // It is killed now: nothing is put back.
    await machine.database().database.claim()
    expect(await readdir(db.directory)).not.toContain('000003.log')
    await store.put('db/CLOUDMANIFEST', await earlier(store))
    const again = await machine.database().open()
    expect(await again.logged()).toBe('acknowledged')
    await again.close()
  })

  test('that was killed leaves nothing in the store once the next one from that directory owns the database', async () => {
    const { store, directory } = newStore()
    const machine = await ScriptedMachine.start(store)
    await (await machine.database().open()).close()
    const killed = machine.database()
    await killed.database.claim()
    await killed.write(Buffer.alloc(100))
    await killed.fsyncDirectory()
    const { epoch } = killed.database.owner!
    const left = async () => (await readdir(join(directory, 'db'))).filter((name) => name.endsWith(epoch))
    expect(await left()).toHaveLength(1)

    const db = await machine.database().open()
    await expect
      .poll(async () => {
        machine.clock.advance(7_200_000)
        return left()
      })
      .toEqual([])
    await db.close()
  })

  test('whose local directory is restored from a copy deletes nothing of the epoch that it took then', async () => {
    const { store, directory } = newStore()
    const first = await ScriptedMachine.start(store)
    await (await first.database().open()).close()
    const { root } = first
    const copy = join(newRoot(), 'copy')
    const machine = await ScriptedMachine.start(
      withFaults(store, {
        async put(key, body, options) {
          // With its first write it is a candidate.
          await cp(join(root, 'db'), copy, { recursive: true, force: false })
          return store.put(key, body, options)
        },
      }),
      { root },
    )
    const db = await machine.database().open()
    const table = `${await db.flush()}-${db.database.owner!.epoch}`
    await db.close()
    await rm(db.directory, { recursive: true })
    await rename(copy, db.directory)

    await db.open()
    machine.clock.advance(7_200_000)
    await db.close()
    expect(await readdir(join(directory, 'db'))).toContain(table)
  })
})

/** The CLOUDMANIFEST before the present epoch. */
async function earlier(store: ObjectStore): Promise<Uint8Array> {
  const { past } = decodeCloudManifest((await store.get('db/CLOUDMANIFEST')).body)
  return encodeCloudManifest({ past: past.slice(0, -1), current: past.at(-1)!.epoch })
}

/** Lets one request of several actors through at a time, in an order and with faults that the seed decides. */
class Schedule {
  readonly #waiting: (() => Promise<void>)[] = []
  #seed: number
  #isRunning = false

  constructor(seed: number) {
    this.#seed = seed
  }

  over(store: ObjectStore): ObjectStore {
    return withFaults(store, {
      get: (key, range) => this.#step(() => store.get(key, range)),
      head: (key) => this.#step(() => store.head(key)),
      put: (key, body, options) => this.#step(() => this.#faulty(() => store.put(key, body, options))),
      deleteMany: (keys) => this.#step(() => store.deleteMany(keys)),
    })
  }

  #random(below: number): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((this.#seed / 2 ** 31) * below)
  }

  /** One write in eight is refused, loses its answer, or is delivered twice. */
  async #faulty<T>(write: () => Promise<T>): Promise<T> {
    const outage = new EnvError('IOError', 'the store is away', { retryable: true })
    switch (this.#random(24)) {
      case 0:
        throw outage
      case 1:
        await write().catch(() => undefined)
        throw outage
      case 2:
        await write().catch(() => undefined)
        return write()
      default:
        return write()
    }
  }

  #step<T>(perform: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => perform().then(resolve, reject))
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      // Others may come to their next request meanwhile.
      await new Promise((resolve) => setImmediate(resolve))
      const [next] = this.#waiting.splice(this.#random(this.#waiting.length), 1)
      await next!()
    }
    this.#isRunning = false
  }
}

/** Opens, flushes and closes some times. Returns the objects of the tables that were acknowledged. */
async function contend(store: ObjectStore): Promise<string[]> {
  const acknowledged: string[] = []
  const machine = await ScriptedMachine.start(store, { deletionDelayMs: 0 })
  for (let round = 0; round < 3; round++) {
    try {
      const db = await machine.database().open()
      const { epoch } = db.database.owner!
      try {
        for (let flush = 0; flush < 3; flush++) acknowledged.push(`${await db.flush()}-${epoch}`)
      } finally {
        await db.close()
      }
    } catch (error) {
      if (!EnvError.is(error)) throw error
    }
  }
  return acknowledged
}

describe('three openers that flush and close, with writes refused, lost and doubled', () => {
  test.each(Array.from({ length: 16 }, (_, index) => index + 1))(
    'lose no acknowledged write, with seed %i',
    async (seed) => {
      const { store } = newStore()
      const stepped = new Schedule(seed).over(store)
      const acknowledged = (await Promise.all([contend(stepped), contend(stepped), contend(stepped)])).flat()
      const view = await readView([{ store, path: 'db' }], '')
      const live = [...(view?.files.values() ?? [])].map(({ objectName }) => objectName)
      expect(live).toEqual(expect.arrayContaining(acknowledged))
    },
  )

  test('and have some acknowledged', async () => {
    let acknowledged = 0
    for (let seed = 1; seed <= 8 && acknowledged === 0; seed++) {
      const stepped = new Schedule(seed).over(newStore().store)
      acknowledged = (await Promise.all([contend(stepped), contend(stepped)])).flat().length
    }
    expect(acknowledged).toBeGreaterThan(0)
  })
})
