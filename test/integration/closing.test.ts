// Closing a database: what it leaves in the store, and what its error says.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, type HostedCloudEnv, RocksDB } from '#src/index.js'
import { runChild } from '../support/child.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

/** A machine with a disk of its own: an Env that is closed when the test ends, and the path of the database. */
function newMachine(
  store: TestStore,
  more: Partial<CloudEnvOptions> = {},
): { env: HostedCloudEnv; root: string; path: string } {
  const root = temporaryDirectory()
  const env = cloudEnv({ ...store.connection, store: store.url(), root, ...more })
  onTestFinished(() => env.close())
  return { env, root, path: join(root, 'db') }
}

const utf8 = { valueEncoding: 'utf8' } as const

describe.each(mainTestStores())('$name', (kind) => {
  test('puts before a close survive the loss of the disk, in every column family', async () => {
    const store = kind.make()
    const { env, path } = newMachine(store)
    const db = await RocksDB.open(path, { env, columnFamilies: { users: {} } })
    void db.put('key', 'value')
    void db.put('ada', 'lovelace', { columnFamily: db.columnFamily('users') })
    void db.put('unlogged', 'value', { disableWAL: true })
    await db.close()

    const elsewhere = newMachine(store)
    const copy = await RocksDB.open(elsewhere.path, { env: elsewhere.env })
    expect(await copy.get('key', utf8)).toBe('value')
    expect(await copy.get('unlogged', utf8)).toBe('value')
    expect(await copy.get('ada', { ...utf8, columnFamily: copy.columnFamily('users') })).toBe('lovelace')
    await copy[Symbol.asyncDispose]()
  })

  test('a close without a flush leaves the store unchanged, and the next opening of that disk has everything', async () => {
    const store = kind.make()
    const { env, path } = newMachine(store)
    const db = await RocksDB.open(path, { env })
    await db.put('flushed', 'value')
    await db.flush()
    const before = await store.list()
    await db.put('logged', 'value')
    await db.close({ flush: false })
    expect(await store.list()).toEqual(before)
    const again = await RocksDB.open(path, { env })
    expect(await again.get('logged', utf8)).toBe('value')
    await again.close()
  })

  test('a close with nothing to flush makes no request', async () => {
    const { env, path } = newMachine(kind.make(), { ownershipCheckMs: 0 })
    const db = await RocksDB.open(path, { env, columnFamilies: { users: {} } })
    await db.put('key', 'value')
    await db.flush()
    const reader = await RocksDB.open(path, { env, readOnly: true })
    const before = (await env.metrics())?.store
    await reader.close()
    await db.close()
    expect((await env.metrics())?.store).toEqual(before)
  })

  test('the close of a displaced owner says what only the log has', async () => {
    const store = kind.make()
    const first = newMachine(store, { ownershipCheckMs: 0 })
    const db = await RocksDB.open(first.path, { env: first.env })
    await db.put('key', 'value')
    const second = newMachine(store)
    const other = await RocksDB.open(second.path, { env: second.env })
    await expect(db.close()).rejects.toMatchObject({
      code: 'IOFenced',
      message: expect.stringMatching(
        /1 entry could not be flushed .*no longer belongs to .* sets that log aside/,
      ),
    })
    await other.close()
  })

  test('an option that close does not know is refused, and the database stays open', async () => {
    const { env, path } = newMachine(kind.make())
    const db = await RocksDB.open(path, { env })
    await expect(db.close({ flsh: false } as object)).rejects.toThrow(TypeError)
    await expect(db.close({ timeoutMs: -1 })).rejects.toThrow(RangeError)
    await expect(db.close({ flush: 'no' as unknown as boolean })).rejects.toThrow(TypeError)
    await db.put('key', 'value')
    await db.close()
  })

  test('a process that closes its database on SIGTERM loses nothing with its disk', async () => {
    const store = kind.make()
    const { root, path } = newMachine(store)
    const child = runChild(
      `
      const { cloudEnv, RocksDB } = await load('index.js')
      const [path, options] = args
      const env = cloudEnv(JSON.parse(options))
      const db = await RocksDB.open(path, { env })

      async function stop() {
        try {
          await db.close({ timeoutMs: 8_000 })
        } catch (error) {
          console.error(error.message)
          process.exitCode = 1
        }
        await env.close()
      }
      process.once('SIGTERM', stop)

      await db.put('key', 'value')
      const working = setInterval(() => {}, 1000)
      process.once('SIGTERM', () => clearInterval(working))
      console.log('working')
    `,
      [path, JSON.stringify({ ...store.connection, store: store.url(), root })],
    )
    onTestFinished(() => void child.process.kill('SIGKILL'))
    expect((await child.lines.next()).value).toBe('working')
    child.process.kill('SIGTERM')
    expect(await child.ended).toBe(0)
    rmSync(root, { recursive: true })
    const elsewhere = newMachine(store)
    const copy = await RocksDB.open(elsewhere.path, { env: elsewhere.env, readOnly: true })
    expect(await copy.get('key', utf8)).toBe('value')
    await copy.close()
  })
})

describe('a store that refuses', () => {
  async function refusing(use: (db: RocksDB) => Promise<void>) {
    const [server] = inject('servers')
    const kind = mainTestStores().find(({ name }) => name === server!.name)!
    const store = kind.make()
    const proxy = await FaultProxy.start(server!.endpoint)
    onTestFinished(() => proxy.stop())
    const { env, path } = newMachine(store, { endpoint: proxy.endpoint })
    const db = await RocksDB.open(path, { env, columnFamilies: { users: {} } })
    await db.put('before', 'value')
    await db.flush()
    proxy.trouble(() => ({ kind: 'answer', status: 500, body: s3ErrorBody('InternalError') }))
    await use(db)
    const closing = db.close({ timeoutMs: 1500 })
    const second = db.close()
    const error = await closing.catch((error: unknown) => error)
    await expect(second).rejects.toBe(error)
    proxy.reset()
    const again = await RocksDB.open(path, { env })
    onTestFinished(() => again.close())
    return { error, again }
  }

  test('close says what is only in the log, and the next opening brings it back', async () => {
    const { error, again } = await refusing(async (db) => {
      await db.put('one', 'value')
      await db.put('two', 'value', { columnFamily: db.columnFamily('users') })
    })
    expect(error).toMatchObject({
      name: 'RocksDBError',
      code: 'IOError',
      message: expect.stringMatching(
        /is closed, but 2 entries could not be flushed \(1 of "default", 1 of "users"\): .*InternalError.* open the database there again, and it comes back\.$/,
      ),
    })
    expect(await again.get('one', utf8)).toBe('value')
    expect(await again.get('two', { ...utf8, columnFamily: again.columnFamily('users') })).toBe('value')
  })

  test('an opening that runs out of time says that the store throttles', async () => {
    const [server] = inject('servers')
    const kind = mainTestStores().find(({ name }) => name === server!.name)!
    const proxy = await FaultProxy.start(server!.endpoint)
    onTestFinished(() => proxy.stop())
    const { env, path } = newMachine(kind.make(), { endpoint: proxy.endpoint })
    proxy.trouble(() => ({ kind: 'answer', status: 503, body: s3ErrorBody('SlowDown') }))
    const error = await RocksDB.open(path, { env, timeoutMs: 1500 }).catch((error: unknown) => error)
    expect(error).toMatchObject({
      code: 'TimedOut',
      message: expect.stringMatching(/The attempt before: .*asks for fewer requests \(HTTP 503, SlowDown/),
    })
  })

  test('close says what is lost, because it was written without a log', async () => {
    const { error, again } = await refusing(async (db) => {
      for (let i = 0; i < 1000; i++) await db.put(`key ${i}`, 'value', { disableWAL: true })
    })
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /but 1,000 entries .* All of it was written with disableWAL, and is lost\.$/,
      ),
    })
    expect(await again.get('key 0')).toBeUndefined()
    expect(await again.get('before', utf8)).toBe('value')
  })

  test('close distinguishes lost writes from those in the log', async () => {
    const { error, again } = await refusing(async (db) => {
      await db.put('logged', 'value')
      await db.put('unlogged', 'value', { disableWAL: true })
    })
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /2 entries .* Up to 1 of them were written with disableWAL, and are lost\. .*comes back\.$/,
      ),
    })
    expect(await again.get('logged', utf8)).toBe('value')
  })
})
