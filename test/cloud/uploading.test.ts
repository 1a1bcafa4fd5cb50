import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'

const table = Buffer.alloc(200_000, 7)

describe('a table is in the store before the MANIFEST names it', () => {
  test('though the cache has no place for its chunk map', async () => {
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

  test('though the cache is deleted before it moves in there', async () => {
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
