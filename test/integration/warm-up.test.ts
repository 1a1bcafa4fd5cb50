import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import {
  cloudEnv,
  type HostedCloudEnv,
  memoryEnv,
  RocksDB,
  type StoreRequest,
  type WarmUpProgress,
} from '#src/index.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { fill, fillOptions, keyAt, valueAt } from '../support/filled-database.js'
import { Machine } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const entries = 8000
/** The entries make four tables of level 0, of some 2 MB each. */
const tables = 4

async function filledStore(make: () => TestStore): Promise<TestStore> {
  const store = make()
  await new Machine(store).open((db) => fill(db, entries), { options: fillOptions })
  return store
}

/** Requests for bytes of tables and blob files, from now on. */
function fetches(env: HostedCloudEnv): { seen: () => Promise<readonly StoreRequest[]> } {
  const seen: StoreRequest[] = []
  env.on('request', (request) => {
    if (request.operation === 'get' && /\.(sst|blob)-/.test(request.key)) seen.push(request)
  })
  return {
    async seen() {
      // Events are on their way for a tenth of a second.
      await setTimeout(200)
      return seen.splice(0)
    },
  }
}

async function readAll(db: RocksDB): Promise<void> {
  const indexes = Array.from({ length: 500 }, (_, at) => (at * 7919) % entries)
  const values = await Promise.all(indexes.map((index) => db.get(keyAt(index))))
  const wrong = indexes.filter((index, at) => !valueAt(index).equals(values[at]!))
  expect(wrong).toEqual([])
}

describe.each(mainTestStores())('with its store in $name', ({ make }) => {
  test('a database that was warmed up before it is opened is read without a request for a table', async () => {
    const machine = new Machine(await filledStore(make))
    const env = cloudEnv(machine.options)
    const requests = fetches(env)
    const progress: WarmUpProgress[] = []
    const result = await env.warmUp(machine.path, { onProgress: (step) => progress.push(step) })
    expect(result).toMatchObject({ files: tables, totalFiles: tables, end: 'complete' })
    expect(result.bytes).toBeGreaterThan(entries * 1000)
    expect(result).toMatchObject({ totalBytes: result.bytes, fetchedBytes: result.bytes })
    const { files, bytes, totalFiles, totalBytes } = result
    expect(progress[0]).toEqual({ files: 0, bytes: 0, totalFiles, totalBytes })
    expect(progress.at(-1)).toEqual({ files, bytes, totalFiles, totalBytes })
    expect(await requests.seen()).toHaveLength(tables)

    for (const readOnly of [true, false]) {
      const db = await RocksDB.open(machine.path, { env, readOnly, options: fillOptions })
      await readAll(db)
      await db.close()
    }
    expect(await requests.seen()).toEqual([])
    await env.close()
  })

  test('a database open for writing is warmed up while it is read and written', async () => {
    const machine = new Machine(await filledStore(make))
    await machine.open(
      async (db, env) => {
        const warming = env.warmUp(machine.path)
        const work = async () => {
          await readAll(db)
          await db.put(keyAt(entries), valueAt(entries))
          await db.flush()
          await db.compactRange()
        }
        await Promise.all([warming, work()])
        expect(await warming).toMatchObject({ end: 'complete' })
        expect(await env.warmUp(machine.path)).toMatchObject({ fetchedBytes: 0, end: 'complete' })
        await readAll(db)
      },
      { options: fillOptions },
    )
  })

  test('levels, a range and a column family choose the tables', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open(
      async (db) => {
        const orders = await db.createColumnFamily('orders')
        await fill(db, 4000)
        await db.compactRange()
        await db.put('a', '1')
        await db.put('b', '2', { columnFamily: orders })
        await db.flush()
      },
      { options: { ...fillOptions, target_file_size_base: '1M' } },
    )
    const cold = new Machine(store)
    const env = cloudEnv(cold.options)
    const requests = fetches(env)
    expect(await env.warmUp(cold.path, { levels: [0], columnFamily: 'orders' })).toMatchObject({
      totalFiles: 1,
      end: 'complete',
    })
    expect(await env.warmUp(cold.path, { levels: [0] })).toMatchObject({ totalFiles: 2 })
    const range = { start: keyAt(3999), end: keyAt(5000) }
    expect(await env.warmUp(cold.path, { range })).toMatchObject({ files: 1, totalFiles: 1 })
    const warm = new Set((await requests.seen()).map(({ key }) => key))
    expect(warm.size).toBe(3)
    const db = await RocksDB.open(cold.path, { env, readOnly: true })
    expect(await db.get(keyAt(3999))).toEqual(valueAt(3999))
    expect(await db.get('a', { valueEncoding: 'utf8' })).toBe('1')
    expect((await requests.seen()).filter(({ key }) => warm.has(key))).toEqual([])
    await db.close()
    await expect(env.warmUp(cold.path, { columnFamily: 'order' })).rejects.toMatchObject({
      code: 'InvalidArgument',
    })
    await env.close()
  })

  test('blob files are warmed up too', async () => {
    const store = make()
    await new Machine(store).open((db) => fill(db, 2000), { options: { enable_blob_files: true } })
    const machine = new Machine(store)
    const env = cloudEnv(machine.options)
    const result = await env.warmUp(machine.path)
    expect(result.bytes).toBeGreaterThan(2000 * 1000)
    const requests = fetches(env)
    const db = await RocksDB.open(machine.path, { env, readOnly: true })
    expect(await db.get(keyAt(1234))).toEqual(valueAt(1234))
    expect(await requests.seen()).toEqual([])
    await db.close()
    await env.close()
  })

  test('a cache that is too small is filled once, and the warm-up says so', async () => {
    const store = await filledStore(make)
    const machine = new Machine(store, { cache: { maxBytes: '5 MiB', reserveBytes: 0 } })
    const env = cloudEnv(machine.options)
    const result = await env.warmUp(machine.path)
    expect(result).toMatchObject({ files: 2, totalFiles: tables, end: 'cacheFull' })
    const { cache } = (await env.metrics())!
    expect(cache.evictedFiles).toBe(0)
    expect(cache.bytes).toBeLessThanOrEqual(cache.maxBytes)
    const again = await env.warmUp(machine.path)
    expect(again).toMatchObject({ fetchedBytes: 0, end: 'cacheFull' })
    await env.close()
  })

  test.each(['signal', 'database', 'reader', 'Env'] as const)('it ends with its %s', async (ending) => {
    const machine = new Machine(await filledStore(make))
    const env = cloudEnv(machine.options)
    const requests = fetches(env)
    const readOnly = ending === 'reader' || ending === 'Env'
    const db = await RocksDB.open(machine.path, { env, readOnly, options: fillOptions })
    await requests.seen()
    const abort = new AbortController()
    let begin = () => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    // It would take hours.
    const terms = { maxBytesPerSecond: 1000, signal: abort.signal, onProgress: () => begin() }
    const outcome = env.warmUp(machine.path, terms).then(
      () => undefined,
      (error: Error) => error,
    )
    await begun
    if (ending === 'signal') abort.abort(new Error('enough'))
    else if (ending === 'Env') await env.close()
    else await db.close()
    const closed = ending === 'Env' ? 'Env' : 'database'
    const message = `the warm-up of ${machine.path} has ended: the ${closed} was closed`
    expect(await outcome).toMatchObject(
      ending === 'signal' ? { message: 'enough' } : { code: 'IOError', message },
    )
    if (ending !== 'Env') {
      await requests.seen()
      await setTimeout(300)
      expect(await requests.seen(), 'nothing goes on').toEqual([])
    }
    await db.close().catch(() => undefined)
    await env.close()
  })

  test('it goes on until the last reader of the database is closed', async () => {
    const machine = new Machine(await filledStore(make))
    const env = cloudEnv(machine.options)
    const open = () => RocksDB.open(machine.path, { env, readOnly: true })
    const [first, last] = [await open(), await open()]
    let hasEnded = false
    const warming = env.warmUp(machine.path, { maxBytesPerSecond: 1000 }).finally(() => {
      hasEnded = true
    })
    const outcome = expect(warming).rejects.toThrow(/the database was closed/)
    await first.close()
    await setTimeout(300)
    expect(hasEnded).toBe(false)
    await last.close()
    await outcome
    await env.close()
  })

  test('a directory without a database is refused, and so is one outside of the root', async () => {
    const machine = new Machine(make())
    const env = cloudEnv(machine.options)
    await expect(env.warmUp(machine.path)).rejects.toMatchObject({ code: 'NotFound' })
    await expect(env.warmUp(join(machine.root, '..'))).rejects.toMatchObject({ code: 'InvalidArgument' })
    await env.close()
  })
})

test.skipIf(inject('servers').length === 0)(
  'a store that fails midway is named, and another call fetches the rest',
  async () => {
    const { make } = mainTestStores().at(-1)!
    const store = await filledStore(make)
    const proxy = await FaultProxy.start(store.connection.endpoint!)
    onTestFinished(() => proxy.stop())
    const machine = new Machine(store, { endpoint: proxy.endpoint })
    const env = cloudEnv(machine.options)
    onTestFinished(() => env.close())
    const refused = { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') } as const
    proxy.next('GET', refused, { path: /\.sst-/, times: 1 })
    await expect(env.warmUp(machine.path)).rejects.toThrow(/get .*\.sst-.*AccessDenied/s)
    const rest = await env.warmUp(machine.path)
    expect(rest).toMatchObject({ files: tables, end: 'complete' })
    expect(rest.fetchedBytes).toBeGreaterThan(0)
    expect(rest.fetchedBytes).toBeLessThan(rest.totalBytes)
  },
)

test('an Env without a cache refuses', async () => {
  const env = memoryEnv()
  await expect(env.warmUp!('/db')).rejects.toMatchObject({ code: 'NotSupported' })
  await env.close()
})
