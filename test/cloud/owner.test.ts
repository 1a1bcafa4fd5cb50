import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'
import { field } from '../support/version-edits.js'

const deletionDelayMs = 3_600_000

/** A new database, open for writing, and the names of its objects in the order in which they arrived. */
async function owned({
  before,
}: {
  before?: (key: string, signal: AbortSignal | undefined) => Promise<void> | undefined
} = {}) {
  const { store, directory } = newStore()
  const arrived: string[] = []
  const watched: ObjectStore = withFaults(store, {
    put: async (key, body, options) => {
      await before?.(key, options?.signal)
      const result = await store.put(key, body, options)
      arrived.push(key.replace(/^db\//, '').replace(/-[0-9a-f]{16}$/, ''))
      return result
    },
  })
  const machine = await ScriptedMachine.start(watched, { deletionDelayMs })
  const db = await machine.database().open()
  arrived.length = 0
  return { store, directory, machine, db, arrived }
}

/** Longer than a MANIFEST takes that waits for nothing. */
async function aWhile(): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) await setImmediate()
}

const untilAborted = (signal: AbortSignal | undefined) =>
  new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))

describe('the order in which objects arrive', () => {
  test('a MANIFEST comes after every table written before it', async () => {
    const { db, arrived } = await owned({ before: (key) => (key.includes('.sst-') ? aWhile() : undefined) })
    const tables = [await db.write(Buffer.alloc(10)), await db.write(Buffer.alloc(20))]
    await db.commit(...tables.map(({ number }, at) => field.newTable(0, number, 10 * (at + 1))))
    expect(arrived.slice(0, 2).sort()).toEqual(tables.map(({ name }) => name))
    expect(arrived.slice(2)).toEqual(['MANIFEST'])
    await db.close()
  })

  test('commits follow each other, each with what RocksDB had written by then', async () => {
    const { db, arrived } = await owned()
    const edit = field.logNumber(9)
    await Promise.all([db.commit(edit), db.commit(edit), db.commit(edit)])
    expect(arrived).toEqual(['MANIFEST', 'MANIFEST', 'MANIFEST'])
    await db.close()
  })
})

describe('a table that is not needed any more', () => {
  test('leaves nothing in the store if it was not there yet', async () => {
    const { db, directory } = await owned({
      before: (key, signal) => (key.includes('.sst-') ? untilAborted(signal) : undefined),
    })
    const { name } = await db.write(Buffer.alloc(10))
    await db.database.deleteFile(name)
    await db.commit(field.logNumber(9))
    await db.close()
    expect((await readdir(join(directory, 'db'))).filter((object) => object.includes('.sst-'))).toEqual([])
  })

  test('stays in the store for the delay, but is gone for RocksDB at once', async () => {
    const { db, directory, machine } = await owned()
    const name = await db.flush()
    await db.drop(name)
    expect(() => db.database.owner!.file(name)).toThrow(expect.objectContaining({ code: 'NotFound' }))
    const stored = async () =>
      (await readdir(join(directory, 'db'))).filter((object) => object.startsWith(name)).length
    expect(await stored()).toBe(1)
    machine.clock.advance(deletionDelayMs + 1_000)
    await expect.poll(stored).toBe(0)
    await db.close()
  })

  test('is no longer read from the cache', async () => {
    const { db, machine } = await owned()
    const name = await db.flush()
    expect(machine.cache.metrics().files).toBe(1)
    await db.drop(name)
    expect(machine.cache.metrics().files).toBe(0)
    await db.close()
  })
})

describe('after a fence', () => {
  test('nothing begins, and every step of RocksDB fails', async () => {
    const { db, store, machine } = await owned()
    const other = await (await ScriptedMachine.start(store)).database().open()
    await expect(db.flush()).rejects.toMatchObject({ code: 'IOFenced' })
    expect(machine.fences).toHaveLength(1)
    expect(() => db.database.newFile('000099.sst')).toThrow(expect.objectContaining({ code: 'IOFenced' }))
    await expect(db.fsyncDirectory()).rejects.toMatchObject({ code: 'IOFenced' })
    await expect(db.commit(field.logNumber(9))).rejects.toMatchObject({ code: 'IOFenced' })
    await other.flush()
    await other.close()
    await db.close()
  })
})

test('a refused upload fails its waiter, and the next attempt sends it', async () => {
  let isRefusing = true
  const { db, arrived } = await owned({
    before: (key) =>
      isRefusing && key.includes('.sst-')
        ? Promise.reject(new EnvError('IOError', 'access denied'))
        : undefined,
  })
  const { number } = await db.write(Buffer.alloc(10))
  await expect(db.fsyncDirectory()).rejects.toThrow('access denied')
  isRefusing = false
  await db.fsyncDirectory()
  await db.commit(field.newTable(0, number, 10))
  expect(arrived).toEqual([expect.stringMatching(/\.sst$/), 'MANIFEST'])
  await db.close()
})

test('a MANIFEST of another length than written is not committed', async () => {
  const { db, arrived } = await owned()
  const path = join(db.directory, 'MANIFEST-000099')
  await writeFile(path, 'one edit')
  await expect(db.database.owner!.commitManifest(path, 9)).rejects.toMatchObject({
    retryable: true,
    message: expect.stringMatching(/has 8 bytes, 9 were written/),
  })
  expect(arrived).toEqual([])
  await db.close()
})
