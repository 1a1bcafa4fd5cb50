// Databases in a store of a user's own, opened by a module in the thread of the Env.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, RocksDB } from '#src/index.js'
import { newRoot } from '../support/machine.js'
import { memoryStore } from '../support/memory-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const boxed = fileURLToPath(new URL('../support/boxed-store.js', import.meta.url))

test('a database lives in it, and its requests are counted', async () => {
  const root = newRoot()
  const env = cloudEnv({ store: `memory://${randomUUID()}`, root, ...memoryStore })
  const open = () => RocksDB.open(join(root, 'db'), { env })
  const first = await open()
  await first.put('key', 'value')
  await first.flush()
  await first.close()
  const second = await open()
  expect(await second.get('key', { valueEncoding: 'utf8' })).toBe('value')
  await second.close()

  const { store } = (await env.metrics())!
  expect(store.put.requests).toBeGreaterThan(3)
  expect(store.put.bytes).toBeGreaterThan(500)
  expect(store.list.requests).toBeGreaterThan(0)
  await env.close()
})

test('a clone elsewhere in it reads from its source what it lacks', async () => {
  const directory = temporaryDirectory('cloudenv-boxes')
  const session = async <T>(options: Partial<CloudEnvOptions>, use: (db: RocksDB) => Promise<T>) => {
    const root = newRoot()
    const common = { storeModule: boxed, storeOptions: { directory }, root }
    const env = cloudEnv({ store: 'boxed://prod', ...common, ...options })
    const readOnly = options.source !== undefined
    const db = await RocksDB.open(join(root, 'db'), { env, readOnly })
    const result = await use(db)
    await db.close()
    await env.close()
    return result
  }
  await session({}, (db) => db.put('key', 'of prod'))
  const options = { store: 'boxed://clones/of it', source: 'boxed://prod/db' }
  expect(await session(options, (db) => db.get('key', { valueEncoding: 'utf8' }))).toBe('of prod')
})

test('it may ask for fewer requests', async () => {
  const root = newRoot()
  const storeOptions = { directory: temporaryDirectory('cloudenv-boxes'), throttledLists: 1 }
  const env = cloudEnv({ store: 'boxed://busy', storeModule: boxed, storeOptions, root })
  const outcomes: string[] = []
  env.on('request', ({ operation, outcome }) => {
    if (operation === 'list') outcomes.push(outcome)
  })
  await using db = await RocksDB.open(join(root, 'db'), { env })
  await db.put('key', 'value')
  await expect.poll(() => outcomes).toEqual(expect.arrayContaining(['throttled', 'ok']))
  await db.close()
  await env.close()
})

test('a faulty module is reported when a database is opened', async () => {
  const root = newRoot()
  const env = cloudEnv({ store: 'mine://place', storeModule: '/no/such/module.js', root })
  await expect(RocksDB.open(join(root, 'db'), { env })).rejects.toMatchObject({
    code: 'InvalidArgument',
    message: expect.stringMatching(/"storeModule" cannot be loaded: .*\/no\/such\/module\.js/),
  })
  await env.close()
})
