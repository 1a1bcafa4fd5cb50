// A store that takes requests and answers none, or hardly: every call ends in time, and says what is not in the store.
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, type HostedEnv, RocksDB } from '#src/index.js'
import { runChild } from '../support/child.js'
import { type Fault, FaultProxy } from '../support/fault-proxy.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testStores } from '../support/test-stores.js'

/** Far above every time-out below, and far below what a single request may take. */
const soonMs = 25_000

const servers = testStores().filter(({ name }) => name === 'minio')

interface Place {
  readonly proxy: FaultProxy
  readonly path: string
  readonly options: CloudEnvOptions
}

async function newPlace(kind: (typeof servers)[number]): Promise<Place> {
  const store = kind.make()
  const proxy = await FaultProxy.start(inject('servers').find(({ name }) => name === kind.name)!.endpoint)
  onTestFinished(() => proxy.stop())
  const root = temporaryDirectory()
  const options = { ...store.connection, endpoint: proxy.endpoint, store: store.url(), root }
  return { proxy, path: join(root, 'db'), options }
}

/** An Env that is closed when the test ends, at the latest. */
function newEnv({ options }: Place): HostedEnv {
  const env = cloudEnv(options)
  onTestFinished(() => env.close())
  return env
}

/** A database with `stored` in a table, of which nothing is in the cache. */
async function reopened(place: Place): Promise<RocksDB> {
  const options = { ...place.options, cache: { maxBytes: 0 } }
  const first = cloudEnv(options)
  const filling = await RocksDB.open(place.path, { env: first })
  await filling.put('stored', 'value')
  await filling.close()
  await first.close()
  return RocksDB.open(place.path, { env: newEnv({ ...place, options }) })
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${ms} ms`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const silence: Fault = { kind: 'hang' }

describe.each(servers)('$name', (kind) => {
  test.each<[string, Fault]>([
    ['never answers', silence],
    ['answers a byte at a time', { kind: 'trickle', everyMs: 100 }],
    ['dies in the middle of uploads', { kind: 'truncateRequest', bytes: 10 }],
  ])(
    'a store that %s: flush and close end in time, and what close could not flush is in the log',
    async (_name, fault) => {
      const place = await newPlace(kind)
      const env = newEnv(place)
      const db = await RocksDB.open(place.path, { env })
      await db.put('before', 'value')
      await db.flush()
      place.proxy.trouble(() => fault)
      for (let i = 0; i < 10; i++) await db.put(`key ${i}`, 'value')
      await expect(within(soonMs, db.flush({ timeoutMs: 1000 }))).rejects.toMatchObject({
        name: 'RocksDBError',
        message: expect.stringContaining(`cannot flush "${place.path}"`),
      })
      const closing = within(soonMs, db.close({ timeoutMs: 1000 }))
      await expect(closing).rejects.toMatchObject({
        name: 'RocksDBError',
        message: expect.stringMatching(
          new RegExp(
            `"${place.path}" is closed, but 10 entries could not be flushed \\(10 of "default"\\).* is in ${place.path}: open`,
          ),
        ),
      })
      await within(soonMs, env.close())
      place.proxy.reset()
      const again = await RocksDB.open(place.path, { env: newEnv(place) })
      expect(await again.get('key 9', { valueEncoding: 'utf8' })).toBe('value')
      await again.close()
    },
  )

  test('reads that nobody answers end when the database is closed', async () => {
    const place = await newPlace(kind)
    const db = await reopened(place)
    place.proxy.trouble(() => silence)
    const get = db.get('stored').catch((error: unknown) => error)
    const next = db
      .iterator()
      .next()
      .catch((error: unknown) => error)
    await within(soonMs, db.close({ timeoutMs: 500 }))
    expect(await get).toMatchObject({ name: 'RocksDBError', code: 'TimedOut' })
    expect(await next).toMatchObject({ name: 'RocksDBError', code: 'TimedOut' })
  })

  test('giving up one database ends no read of another nested in it', async () => {
    const place = await newPlace(kind)
    const inner = { ...place, path: join(place.path, 'inner') }
    await (await reopened(inner)).close()
    const env = newEnv({ ...place, options: { ...place.options, cache: { maxBytes: 0 } } })
    const outerDb = await RocksDB.open(place.path, { env })
    const innerDb = await RocksDB.open(inner.path, { env })
    place.proxy.trouble(() => silence)
    let hasEnded = false
    const get = innerDb
      .get('stored')
      .catch((error: unknown) => error)
      .finally(() => {
        hasEnded = true
      })
    await outerDb.put('key', 'value')
    await expect(within(soonMs, outerDb.flush({ timeoutMs: 500 }))).rejects.toMatchObject({
      code: 'TimedOut',
    })
    await expect(within(soonMs, outerDb.close({ timeoutMs: 500 }))).rejects.toMatchObject({
      name: 'RocksDBError',
    })
    expect(hasEnded).toBe(false)
    await within(soonMs, innerDb.close({ timeoutMs: 500 }))
    expect(await get).toMatchObject({ code: 'TimedOut' })
  })

  test.each([true, false])(
    'opening gives up in time, and works when the store is back; read-only: %s',
    async (readOnly) => {
      const place = await newPlace(kind)
      const filled = await reopened(place)
      await filled.close()
      const env = newEnv(place)
      place.proxy.trouble(() => silence)
      const opening = RocksDB.open(place.path, { env, readOnly, timeoutMs: 500 })
      await expect(within(soonMs, opening)).rejects.toMatchObject({ name: 'RocksDBError', code: 'TimedOut' })
      place.proxy.reset()
      const db = await RocksDB.open(place.path, { env, readOnly })
      expect(await db.get('stored', { valueEncoding: 'utf8' })).toBe('value')
      await db.close()
    },
  )

  test('an Env that is closed under a database in use closes in time', async () => {
    const place = await newPlace(kind)
    const env = newEnv(place)
    const db = await RocksDB.open(place.path, { env })
    place.proxy.trouble(() => silence)
    await db.put('key', 'value')
    await expect(db.flush({ timeoutMs: 500 })).rejects.toMatchObject({ code: 'TimedOut' })
    await within(soonMs, env.close())
    await expect(within(soonMs, db.close({ timeoutMs: 500 }))).rejects.toMatchObject({ name: 'RocksDBError' })
  })

  test.each(['process.exit(7)', 'void db.close(); process.exit(7)'])(
    'a process ends in time: %s',
    async (end) => {
      const place = await newPlace(kind)
      const child = runChild(
        `
      const { cloudEnv, RocksDB } = await load('index.js')
      const [path, options] = args
      const db = await RocksDB.open(path, { env: cloudEnv(JSON.parse(options)) })
      console.log('open')
      process.stdin.once('data', async () => {
        await db.put('key', 'value')
        await db.flush({ timeoutMs: 500 }).catch((error) => console.log(error.code))
        ${end}
      })
    `,
        [place.path, JSON.stringify(place.options)],
      )
      onTestFinished(() => void child.process.kill('SIGKILL'))
      expect((await child.lines.next()).value).toBe('open')
      place.proxy.trouble(() => silence)
      child.process.stdin!.write('go\n')
      expect((await child.lines.next()).value).toBe('TimedOut')
      expect(await within(soonMs, child.ended)).toBe(7)
      place.proxy.reset()
      const db = await RocksDB.open(place.path, { env: newEnv(place) })
      expect(await db.get('key', { valueEncoding: 'utf8' })).toBe('value')
      await db.close()
    },
  )
})
