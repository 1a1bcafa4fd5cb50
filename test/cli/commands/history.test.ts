import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { HistoryReport } from '#src/inspect/history-report.js'
import { runCommand } from '../../support/command-runner.js'
import { filesOf, fixtureArguments, fixtureDatabases, fixtureStore } from '../../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../../support/fixtures.js'
import { Machine } from '../../support/machine.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

async function history(store: TestStore, ...cliArguments: string[]) {
  const { options, env } = cliAccess(store)
  return await runCommand(['history', store.url('db'), ...options, ...cliArguments], env)
}

async function report(store: TestStore, ...cliArguments: string[]): Promise<HistoryReport> {
  const { code, stdout, stderr } = await history(store, '--json', ...cliArguments)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

/** Two flushes, a compaction, and a column family that comes and goes. */
async function write(store: TestStore): Promise<void> {
  await new Machine(store, { retentionDays: 2 }).open(async (db) => {
    for (const value of ['1', '2']) {
      // Tables that overlap: RocksDB would only move others.
      for (const key of ['a', 'z']) await db.put(key, value)
      await db.flush()
      await setTimeout(5)
    }
    await db.compactRange()
    await db.dropColumnFamily(await db.createColumnFamily('orders'))
    await db.put('key', '3')
    await db.flush()
  })
}

describe.runIf(haveFixtures)(fixtureSuite('history, of what rocksdb-cloud wrote'), () => {
  test.each(fixtureDatabases())('$title: has its present state, and changes nothing', async (database) => {
    const before = filesOf(database)
    const cliArguments = fixtureArguments(database, fixtureStore(database))
    const { code, stdout, stderr } = await runCommand(['history', '--json', ...cliArguments])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { states, problems }: HistoryReport = JSON.parse(stdout)
    expect(problems).toEqual([])
    expect(states[0]).toMatchObject({ tables: database.tables.length, isOpenable: true })
    expect(filesOf(database)).toEqual(before)
  })
})

describe.each(mainTestStores())('on $name', ({ make }) => {
  test('lists each change of the files, the newest first', async () => {
    const store = make()
    await write(store)
    const { states, hasMore } = await report(store)
    expect(hasMore).toBe(false)
    expect(states.map(({ change, tables }) => ({ ...change, tables }))).toMatchObject([
      { addedTables: 1, removedTables: 0, tables: 2, levels: [0] },
      { droppedFamilies: ['orders'], tables: 1 },
      { addedFamilies: ['orders'], tables: 1 },
      { addedTables: 1, removedTables: 2, tables: 1 },
      { addedTables: 1, removedTables: 0, tables: 2 },
      { addedTables: 1, removedTables: 0, tables: 1 },
      { isBeginning: true, tables: 0 },
    ])
    expect(states.every(({ isOpenable }) => isOpenable)).toBe(true)
    const times = states.map(({ time }) => String(time)).filter((time) => time !== 'null')
    expect(times).toEqual(times.toSorted().reverse())
    expect(states[0]!.manifest).toMatch(/\/db\/MANIFEST-[0-9a-f]{16}$/)
  })

  test('says which states lost a table, in a table for people', async () => {
    const store = make()
    await write(store)
    const { states } = await report(store)
    const [name] = [...(await store.list()).keys()].filter((key) => key.includes('.sst-')).sort()
    await store.delete([name!])
    const lost = (await report(store)).states.filter(({ isOpenable }) => !isOpenable)
    expect(lost.map(({ missingTables }) => missingTables)).toEqual([1, 1])
    const { code, stdout } = await history(store)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^time +epoch +sequence +tables +size +change +can be opened\n/)
    expect(stdout.match(/no: 1 table gone/g)).toHaveLength(2)
    expect(stdout).toMatch(/\+1 -2 L\d/)
    expect(stdout).toContain('-column family orders')
    expect(stdout).toContain(`${states.length} states, ${states.length - 2} of them can be opened`)
  })

  test('says how long past states stay, if the owner has recorded it', async () => {
    const store = make()
    await write(store)
    expect((await report(store)).retentionMs).toBe(2 * 86_400_000)
    expect((await history(store)).stdout).toContain('its owner keeps the objects of past states for 2 d')
  })

  test('shows no more than asked for', async () => {
    const store = make()
    await write(store)
    const all = await report(store)
    const { states, hasMore } = await report(store, '--limit', '2')
    expect(states).toEqual(all.states.slice(0, 2))
    expect(hasMore).toBe(true)
    expect((await history(store, '--limit', '2')).stdout).toContain('there are older ones: --limit 20')
  })
})

test('a MANIFEST that cannot be read is a problem, and the states of the others are listed', async () => {
  const store = mainTestStores()[0]!.make()
  await write(store)
  const key = [...(await store.list()).keys()].find((name) => name.includes('/MANIFEST-'))!
  await new Machine(store).open((db) => db.put('key', '4'))
  const bytes = Buffer.from(await store.get(key))
  bytes[20]! ^= 1
  await store.put(key, bytes)
  const { code, stdout } = await history(store, '--json')
  const { problems, states }: HistoryReport = JSON.parse(stdout)
  expect(code).toBe(1)
  expect(problems).toMatchObject([{ code: 'corrupt' }])
  expect(states.length).toBeGreaterThan(0)
})

test('where no database is, the command says so', async () => {
  const store = mainTestStores()[0]!.make()
  await store.put('db/readme', Buffer.from('text'))
  const { code, stderr } = await history(store)
  expect(code).toBe(2)
  expect(stderr).toMatch(/holds no database/)
})
