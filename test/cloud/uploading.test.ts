import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

const table = Buffer.alloc(200_000, 7)

describe('a table is in the store before the MANIFEST names it', () => {
  test('even if the cache has no room for its chunk map', async () => {
    const { store, directory } = newStore()
    const machine = await ScriptedMachine.start(store)
    const db = await machine.database().open()
    await rm(machine.cache.directory, { recursive: true, force: true })
    await mkdir(dirname(machine.cache.directory), { recursive: true })
    await writeFile(machine.cache.directory, 'not a directory')

    const { name } = await db.write(table)
    expect((await db.read(name, 100_000, 5)).equals(table.subarray(0, 5))).toBe(true)
    await db.fsyncDirectory()
    const objects = await readdir(join(directory, 'db'))
    expect(objects.filter((object) => object.startsWith(name))).toHaveLength(1)
    expect((await db.read(name, 100_000, 5)).equals(table.subarray(0, 5))).toBe(true)
    await db.close()
  })

  test('even if the cache is deleted before the table moves there', async () => {
    const { store } = newStore()
    const machine = await ScriptedMachine.start(store)
    const db = await machine.database().open()
    const { name } = await db.write(table)
    await rm(machine.cache.directory, { recursive: true, force: true })
    await db.fsyncDirectory()
    expect((await db.read(name, 100_000, 5)).equals(table.subarray(0, 5))).toBe(true)
    await db.close()
    expect(existsSync(join(machine.cache.directory, 'db'))).toBe(true)
  })
})

test('a table that RocksDB finds damaged stays until the store has it', async () => {
  const { store, directory } = newStore()
  let isAway = true
  const faulty = withFaults(store, {
    put: (key, body, options) => {
      if (isAway && key.includes('.sst-')) throw new EnvError('IOError', 'away', { retryable: true })
      return store.put(key, body, options)
    },
  })
  const db = await (await ScriptedMachine.start(faulty)).database().open()
  const { name } = await db.write(table)
  const hasTable = async () => (await db.read(name, 100_000, 5)).equals(table.subarray(0, 5))

  for (const [offset, length] of [
    [100_000, 5],
    [0, 0],
  ] as const) {
    const { isOther, advice } = await db.database.refetch(name, offset, length, 0)
    expect(isOther).toBe(false)
    expect(advice).toContain('there is no other copy to read')
  }
  await db.database.forgetCached()
  expect(await hasTable()).toBe(true)

  isAway = false
  await expect
    .poll(() =>
      db.fsyncDirectory().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  const objects = await readdir(join(directory, 'db'))
  expect(objects.filter((object) => object.startsWith(name))).toHaveLength(1)
  await db.database.forgetCached()
  expect(await hasTable()).toBe(true)
  await db.close()
})

test('a table with the name of one that is being deleted outlives that deletion', async () => {
  const { store, directory } = newStore()
  let isHeld = false
  let letGo = () => {}
  const slow = withFaults(store, {
    deleteMany: async (keys) => {
      if (!keys.some((key) => key.includes('.sst-'))) return store.deleteMany(keys)
      isHeld = true
      await new Promise<void>((resolve) => {
        letGo = resolve
      })
      return store.deleteMany(keys)
    },
  })
  const machine = await ScriptedMachine.start(slow, { deletionDelayMs: 0 })
  const db = await machine.database().open()
  const name = await db.flush()
  await db.drop(name)
  machine.clock.advance(1_000)
  await expect.poll(() => isHeld).toBe(true)

  const { path, sealed } = db.database.newFile(name)
  await writeFile(path, table)
  await sealed!(table.length)
  const settled = db.fsyncDirectory()
  letGo()
  await settled
  expect(await readdir(join(directory, 'db'))).toContain(`${name}-${db.database.owner!.epoch}`)
  expect((await db.read(name, 100_000, 5)).equals(table.subarray(0, 5))).toBe(true)
  await db.close()
})
