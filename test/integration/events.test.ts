// What programs hear of a cloud Env in another thread.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import {
  cloudEnv,
  type DamageRefetch,
  type DatabaseCommit,
  type DatabaseFence,
  RocksDB,
  type StoreRequest,
} from '#src/index.js'
import { flipped } from '../support/damage.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
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

test('a commit that the store refuses for a while is told with each attempt, and why it failed', async () => {
  const [server] = inject('servers')
  const kind = mainTestStores().find(({ name }) => name === server!.name)!
  const proxy = await FaultProxy.start(server!.endpoint)
  onTestFinished(() => proxy.stop())
  const { options, path } = new Machine(kind.make(), { endpoint: proxy.endpoint })
  const env = cloudEnv(options)
  const commits: DatabaseCommit[] = []
  env.on('commit', (commit) => commits.push(commit))
  const db = await RocksDB.open(path, { env })

  proxy.trouble((line) =>
    /^PUT .*MANIFEST-/.test(line)
      ? { kind: 'answer', status: 500, body: s3ErrorBody('InternalError') }
      : undefined,
  )
  await db.put('key', 'value')
  const flushed = db.flush()
  const failed = () => commits.filter(({ errorCode }) => errorCode !== undefined)
  await expect.poll(() => failed().length).toBeGreaterThan(0)
  proxy.reset()
  await flushed
  await db.close()
  const { errors, retries } = (await env.metrics())!.commits
  await env.close()

  const [first] = failed()
  expect(first).toMatchObject({ directory: path, attempt: 1, errorCode: 'IOError' })
  expect(first!.errorMessage).toMatch(/MANIFEST-.*the store failed \(HTTP 500, InternalError/)
  const last = commits.find(({ attempt }) => attempt === failed().length + 1)
  expect(last).toMatchObject({ errorCode: undefined })
  expect({ errors, retries }).toEqual({ errors: failed().length, retries: failed().length })
})

test('damage in the cache that the store mends is told', async () => {
  const [store] = mainTestStores()
  const machine = new Machine(store!.make())
  await machine.open(async (db) => {
    for (let key = 0; key < 1_000; key++) await db.put(`key ${key}`, `value ${key}`)
    await db.flush()
  })
  const cache = join(machine.root, '.cloudenv/cache/db')
  const [table] = (await readdir(cache)).filter((name) => /\.sst-[0-9a-f]+$/.test(name))
  const path = join(cache, table!)
  await writeFile(path, flipped(await readFile(path), 100))

  await machine.open(async (db, env) => {
    const refetches: DamageRefetch[] = []
    env.on('refetch', (refetch) => refetches.push(refetch))
    expect(await db.get('key 0', { valueEncoding: 'utf8' })).toBe('value 0')
    await expect.poll(() => refetches.length).toBeGreaterThan(0)
    expect(refetches[0]).toEqual({ path: expect.stringMatching(/\/db\/\d+\.sst$/), isHealed: true })
    expect(await env.metrics()).toMatchObject({ damagedReads: refetches.length })
  })
})
