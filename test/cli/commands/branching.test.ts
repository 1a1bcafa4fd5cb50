import { describe, expect, test } from 'vitest'
import type { RocksDB } from '#src/index.js'
import type { Branch } from '#src/operations/branches.js'
import type { CollectedGarbage } from '#src/operations/collect.js'
import type { DatabaseFork } from '#src/operations/fork-database.js'
import { runCommand } from '../../support/command-runner.js'
import { digestInStore } from '../../support/database-digest.js'
import { Machine } from '../../support/machine.js'
import { writeSound } from '../../support/sound-database.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

function cloudenv(store: TestStore, ...args: readonly string[]) {
  const access = cliAccess(store)
  return runCommand([...args, ...access.options], access.env)
}

async function reportOf<T>(store: TestStore, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await cloudenv(store, ...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

async function write(db: RocksDB, value: string): Promise<void> {
  await db.put('a', value)
  await db.flush()
}

const tablesOf = async (store: TestStore, path: string) =>
  [...(await store.list()).keys()].filter((key) => key.startsWith(`${path}/`) && key.includes('.sst-'))

describe.each(mainTestStores())('in $name', ({ make }) => {
  test('a clone has the content of its source and no table, and then stands alone', async () => {
    const store = make()
    await writeSound(store)
    const db = store.url('db')
    const clone = await reportOf<DatabaseFork>(store, 'clone', db, store.url('clone'))
    expect(clone).toMatchObject({ url: store.url('clone'), cookie: '', unprotected: [] })
    expect(clone.files).toBeGreaterThan(0)
    expect(await tablesOf(store, 'clone')).toEqual([])
    expect(await digestInStore(store, 'clone')).toEqual(await digestInStore(store, 'db'))
    const verified = await cloudenv(store, 'verify', '--deep', store.url('clone'))
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
    const [table = ''] = await tablesOf(store, 'db')
    const byNumber = store.url(table.replace(/^db/, 'clone').replace(/\.sst-.*/, '.sst'))
    expect(await reportOf(store, 'sst', byNumber)).toMatchObject({ url: store.url(table) })

    const savepoint = await reportOf<{ copiedFiles: number }>(store, 'savepoint', store.url('clone'))
    expect(savepoint.copiedFiles).toBe(clone.files)
    expect(await reportOf(store, 'savepoint', store.url('clone'))).toMatchObject({ copiedFiles: 0 })
    const digest = await digestInStore(store, 'db')
    await store.delete([...(await store.list()).keys()].filter((key) => key.startsWith('db/')))
    expect(await digestInStore(store, 'clone')).toEqual(digest)
  })

  test('a checkpoint keeps a state until it is released', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open((db) => write(db, '1'))
    await reportOf(store, 'checkpoint', 'create', store.url('db'), 'monday')
    await machine.open((db) => write(db, '2'))
    expect(await reportOf<Branch[]>(store, 'checkpoint', 'ls', store.url('db'))).toMatchObject([
      { checkpoint: 'monday', cookie: 'checkpoint-monday', tables: 1 },
    ])
    const then = await cloudenv(store, 'get', store.url('db'), 'a', '--cookie', 'checkpoint-monday')
    expect(then).toMatchObject({ code: 0, stdout: '1\n' })

    expect(await cloudenv(store, 'checkpoint', 'rm', store.url('db'), 'monday')).toMatchObject({ code: 0 })
    expect(await reportOf<Branch[]>(store, 'checkpoint', 'ls', store.url('db'))).toEqual([])
    const again = await cloudenv(store, 'checkpoint', 'rm', store.url('db'), 'monday')
    expect(again.stderr).toMatch(/has no checkpoint "monday"$/m)
  })

  test('a branch goes its own way, and is listed beside the plain line', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open((db) => write(db, '1'))
    await reportOf(store, 'branch', 'create', store.url('db'), 'experiment')
    await new Machine(store, { cookie: 'experiment' }).open((db) => write(db, '2'))
    const branches = await reportOf<Branch[]>(store, 'branch', 'ls', store.url('db'))
    expect(branches.map(({ cookie }) => cookie)).toEqual(['', 'experiment'])
    expect(await cloudenv(store, 'get', store.url('db'), 'a')).toMatchObject({ stdout: '1\n' })
    const other = await cloudenv(store, 'get', store.url('db'), 'a', '--cookie', 'experiment')
    expect(other).toMatchObject({ stdout: '2\n' })
    const twice = await cloudenv(store, 'branch', 'create', store.url('db'), 'experiment')
    expect(twice.stderr).toMatch(/has a CLOUDMANIFEST-experiment already/)
  })

  test('gc --delete deletes nothing that is younger than its owner keeps it', async () => {
    const store = make()
    const machine = new Machine(store, { deletionDelayMs: 3_600_000 })
    await machine.open((db) => write(db, '1'))
    await machine.open((db) => write(db, '2'))
    const before = [...(await store.list()).keys()]
    const young = await reportOf<CollectedGarbage>(store, 'gc', '--delete', store.url('db'))
    expect(young).toMatchObject({ deletedObjects: 0, minAgeMs: 3_600_000 })
    expect(young.keptObjects).toBeGreaterThan(0)
    expect([...(await store.list()).keys()]).toEqual(before)
  })
})

test('commands say what is wrong with their arguments', async () => {
  const store = mainTestStores()[0]!.make()
  await new Machine(store).open((db) => write(db, '1'))
  const db = store.url('db')
  const machine = new Machine(store)
  await machine.open((other) => write(other, '1'), { path: `${machine.root}/other` })
  const occupied = await cloudenv(store, 'clone', db, store.url('other'))
  expect(occupied.stderr).toMatch(/has a database already/)
  const itself = await cloudenv(store, 'clone', db, db)
  expect(itself.stderr).toMatch(/has a database already. Choose a place for the clone/)
  for (const [noun, name] of [
    ['branch', 'a/b'],
    ['branch', 'checkpoint-x'],
    ['checkpoint', ''],
    ['checkpoint', '20261127'],
    ['checkpoint', '2026-11-27'],
  ] as const) {
    const misnamed = await cloudenv(store, noun, 'create', db, name)
    expect(misnamed, `${noun} ${name}`).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('expected'),
    })
  }
  expect([occupied.code, itself.code]).toEqual([2, 2])
  await cloudenv(store, 'branch', 'create', db, 'x')
  const twice = await cloudenv(store, 'branch', 'create', db, 'x')
  expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining('has a CLOUDMANIFEST-x already') })
  await store.put('branch/CLOUDMANIFEST-x', await store.get('db/CLOUDMANIFEST-x'))
  const last = await cloudenv(store, 'branch', 'rm', store.url('branch'), 'x')
  expect(last).toMatchObject({ code: 2, stderr: expect.stringContaining('no other state than that of x') })
  await store.put('nothing/notes.txt', Buffer.from('x'))
  const nothing = await cloudenv(store, 'clone', store.url('nothing'), store.url('clone'))
  expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('holds no database') })
  const age = await cloudenv(store, 'gc', db, '--min-age', '3')
  expect(age).toMatchObject({ code: 2, stderr: expect.stringContaining('add --delete') })
  const hours = await cloudenv(store, 'gc', db, '--delete', '--min-age', 'long')
  expect(hours).toMatchObject({ code: 2, stderr: expect.stringContaining('a number of hours') })
})
