import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DatedStore } from '../support/dated-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

const hour = 3_600_000

/** A database whose sessions take no time by the machine's clock, while hours pass at the store. */
async function shortSessions({ deletionDelayMs = hour, retentionDays = 0 } = {}) {
  const { store, directory } = newStore()
  const dated = new DatedStore(store)
  const reads: string[] = []
  const watched = withFaults(dated.store, {
    get: async (key, range) => {
      reads.push(key)
      return dated.store.get(key, range)
    },
  })
  const machine = await ScriptedMachine.start(watched, { deletionDelayMs, retentionDays })
  const database = machine.database()
  /** Replaces the only table. */
  const session = async () => {
    const db = await machine.database().open()
    const [before] = (await db.database.children())?.filter((name) => name.endsWith('.sst')) ?? []
    await db.flush()
    if (before !== undefined) await db.drop(before)
    await db.close()
  }
  const objects = async (kind: RegExp) =>
    (await readdir(join(directory, 'db'))).filter((name) => kind.test(name)).length
  return { dated, machine, database, session, objects, reads, directory }
}

test('leftovers of a short session are deleted by a later one, however short, once the delay has passed', async () => {
  const { dated, session, objects } = await shortSessions()
  for (let i = 0; i < 5; i++) await session()
  expect(await objects(/\.sst/), 'the delay has not passed').toBe(5)
  dated.advance(2 * hour)
  await session()
  expect(await objects(/\.sst/)).toBe(2)
  // The present one, and the one that this session replaced.
  expect(await objects(/^MANIFEST/)).toBe(2)
})

test("sessions that follow each other sooner than the delay keep no more than one delay's worth", async () => {
  const { dated, session, objects, reads } = await shortSessions()
  const counts: number[] = []
  for (let i = 0; i < 24; i++) {
    await session()
    dated.advance(hour / 4)
    counts.push((await objects(/\.sst/)) + (await objects(/^MANIFEST/)))
  }
  expect(Math.max(...counts.slice(12))).toBeLessThanOrEqual(14)
  reads.length = 0
  await session()
  expect(reads.filter((key) => key.includes('MANIFEST-')).length, 'its own, and one to date by').toBe(2)
})

test("an object that became obsolete a moment ago stays for the whole delay, even if the machine's clock is decades behind", async () => {
  const { dated, session, objects } = await shortSessions()
  await session()
  dated.advance(10 * hour)
  await session()
  dated.advance(hour / 2)
  await session()
  expect(await objects(/\.sst/)).toBe(3)
})

test('with a retention of weeks, short sessions delete nothing too early, and everything in the end', async () => {
  const days = 24 * hour
  const retentionDays = 30
  const { dated, session, directory } = await shortSessions({ retentionDays })
  const obsoleteSince = new Map<string, number>()
  const names = async () => (await readdir(join(directory, 'db'))).filter((name) => name.includes('.sst'))
  let live: string[] = []
  for (let day = 0; day < 100; day++) {
    await session()
    const present = await names()
    // Each session replaces the only table.
    for (const name of live) obsoleteSince.set(name, day)
    for (const [name, since] of obsoleteSince)
      if (day - since < retentionDays) expect(present, `${name}, obsolete since day ${since}`).toContain(name)
    const tooOld = present.filter((name) => day - (obsoleteSince.get(name) ?? day) > 2 * retentionDays + 1)
    expect(tooOld).toEqual([])
    live = present.filter((name) => !obsoleteSince.has(name))
    dated.advance(days)
  }
})

test('an opening that has nothing to delete makes no request for it', async () => {
  const { store } = newStore()
  const requests: string[] = []
  const counted = withFaults(store, {
    head: (key) => {
      requests.push(`head ${key}`)
      return store.head(key)
    },
    deleteMany: (keys) => {
      requests.push('delete')
      return store.deleteMany(keys)
    },
  })
  const machine = await ScriptedMachine.start(counted, { deletionDelayMs: hour })
  await (await machine.database().open()).close()
  requests.length = 0
  await (await machine.database().open()).close()
  expect(requests).toEqual([])
})
