// What programs hear of a cloud Env in another thread.
import { describe, expect, test } from 'vitest'
import { cloudEnv, type DatabaseFence, RocksDB, type StoreRequest } from '#src/index.js'
import { Machine } from '../support/machine.js'
import { mainTestStores } from '../support/test-stores.js'

describe.each(mainTestStores())('the events of an Env with its store in $name', ({ make }) => {
  test('are every request that its metrics count', async () => {
    const { options, path } = new Machine(make())
    const env = cloudEnv(options)
    const requests: StoreRequest[] = []
    const startMs = Date.now()
    env.on('request', (request) => requests.push(request))
    const db = await RocksDB.open(path, { env })
    await db.put('key', 'value')
    await db.close()
    const { store } = (await env.metrics())!
    await env.close()

    const counted = Object.entries(store).map(([operation, { requests }]) => [operation, requests])
    const heard = counted.map(([operation]) => [
      operation,
      requests.filter((request) => request.operation === operation).length,
    ])
    expect(heard).toEqual(counted)
    expect(requests.length).toBeGreaterThan(5)
    const table = requests.find(({ operation, key }) => operation === 'put' && /\.sst-/.test(key))!
    expect(table).toMatchObject({ attempt: 1, outcome: 'ok', errorCode: undefined })
    expect(table.bytes).toBeGreaterThan(500)
    expect(table.startMs).toBeGreaterThanOrEqual(startMs - 1)
    expect(options.store.startsWith(table.store)).toBe(true)
    // A new database has no CLOUDMANIFEST.
    expect(requests.map(({ outcome }) => outcome)).toContain('expected')
  })

  test('have the fence of a database that another machine has opened', async () => {
    const store = make()
    const first = new Machine(store)
    const env = cloudEnv(first.options)
    const fences: DatabaseFence[] = []
    env.on('fence', (fence) => fences.push(fence))
    const displaced = await RocksDB.open(first.path, { env })
    await displaced.put('key', 'value')
    await new Machine(store).open(() => {})
    await expect(displaced.flush()).rejects.toMatchObject({ code: 'IOFenced' })
    await displaced.close({ flush: false })
    expect((await env.metrics())!.fences).toBe(1)
    await env.close()
    expect(fences).toEqual([
      { directory: first.path, message: expect.stringContaining('somebody else opened the database') },
    ])
  })
})
