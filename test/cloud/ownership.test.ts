import { readdir } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'

describe('the write-ahead log', () => {
  test('is replayed though the host last looked at the store before it was written', async () => {
    const { store } = newStore()
    const machine = await ScriptedMachine.start(store)
    await (await machine.database().open()).close()
    const host = machine.database()
    // What RocksDB asks for before it takes the lock.
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
