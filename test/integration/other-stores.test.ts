// Whole databases on stores other than AWS, by a server with settable manners.
import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CloudEnvOptions, cloudEnv, RocksDB, type RocksDBError } from '#src/index.js'
import { newRoot } from '../support/machine.js'
import { failure, type Manners, SettableStore } from '../support/settable-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

let server: SettableStore
beforeEach(async () => {
  server = await SettableStore.start()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await server.stop()
})

const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }

const tables = () => [...server.objects.keys()].filter((key) => key.includes('.sst'))

/** Opens the database on an Env of its own, from an empty root unless one is given. */
async function session<T>(
  use: (db: RocksDB) => Promise<T>,
  options: Partial<CloudEnvOptions> = {},
): Promise<T> {
  const root = options.root ?? newRoot()
  const ofServer = options.store === undefined ? { endpoint: server.endpoint, credentials } : {}
  const env = cloudEnv({ store: 's3://bucket/prefix', ...ofServer, ...options, root })
  try {
    const db = await RocksDB.open(join(root, 'db'), { env })
    try {
      return await use(db)
    } finally {
      await db.close()
    }
  } finally {
    await env.close()
  }
}

describe.each<Manners>([
  { multiDelete: 'wantsMd5' },
  { multiDelete: 'notImplemented' },
  { multiDelete: 'notAllowed' },
  { checksums: 'refusedByName' },
  { checksums: 'refusedAsInvalid' },
  { checksums: 'refusedVaguely' },
  { listing: 'version1', pageKeys: 2 },
  { listing: 'unencoded', pageKeys: 2 },
])('on a store that behaves like %o', (manners) => {
  test('a database is created, compacted and opened elsewhere', async () => {
    server.manners = manners
    await session(
      async (db) => {
        for (let round = 0; round < 3; round++) {
          // Keys on both sides of the others', because compaction would otherwise move tables instead of merging them.
          await db.batch([
            { type: 'put', key: 'a', value: '' },
            { type: 'put', key: 'key', value: `value${round}` },
            { type: 'put', key: 'z', value: '' },
          ])
          await db.flush()
        }
        await db.compactRange()
        await expect.poll(tables, { timeout: 60_000 }).toHaveLength(1)
      },
      { deletionDelayMs: 0 },
    )
    const value = await session((db) => db.get('key', { valueEncoding: 'utf8' }))
    expect(value).toBe('value2')
  })
})

describe('opening fails with the reason, and is not retried forever,', () => {
  const openFails = (options: Partial<CloudEnvOptions> = {}): Promise<RocksDBError> =>
    session(async () => expect.fail('it opened'), options).catch((error) => error)

  test('if every PUT is answered 501', async () => {
    const refusePuts: Manners = {
      answer: ({ method }) => (method === 'PUT' ? failure(501, 'NotImplemented') : undefined),
    }
    server.manners = refusePuts
    const created = await openFails()
    server.manners = {}
    await session((db) => db.put('key', 'value'))
    server.manners = refusePuts
    for (const error of [created, await openFails()]) {
      expect(error).toMatchObject({ code: 'NotSupported' })
      expect(error.message).toMatch(
        /put s3:\/\/bucket\/prefix\/db\/.*does not implement this.*docs\/stores\.md/,
      )
    }
  })

  test('if the server does not speak TLS', async () => {
    const error = await openFails({ endpoint: server.endpoint.replace('http:', 'https:') })
    expect(error).toMatchObject({ code: 'IOError' })
    expect(error.message).toMatch(/CLOUDMANIFEST: the server speaks no TLS .*Write http:/)
  })

  test('if writes are answered without ETag', async () => {
    server.manners = {
      answer: ({ method }) => (method === 'PUT' ? { headers: { 'x-amz-request-id': '1' } } : undefined),
    }
    const error = await openFails()
    expect(error).toMatchObject({ code: 'NotSupported' })
    expect(error.message).toMatch(/the answer has no ETag.*may remove the header ETag/)
  })
})

test('a database can be created and opened where nothing may be deleted', async () => {
  server.manners = {
    answer: ({ method, query }) =>
      method === 'DELETE' || query.has('delete') ? failure(403, 'AccessDenied') : undefined,
  }
  await session((db) => db.put('key', 'value'))
  await session(async (db) => {
    await db.put('key', 'value')
    await db.flush()
  })
})

test('a database continues with the new key of a replaced credentials file', async () => {
  const file = join(temporaryDirectory('cloudenv-aws'), 'credentials')
  const writeKey = (id: string) =>
    writeFileSync(file, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = secret\n`)
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')

  writeKey('OLD')
  const root = newRoot()
  const env = cloudEnv({ store: 's3://bucket/prefix', endpoint: server.endpoint, root })
  const db = await RocksDB.open(join(root, 'db'), { env })
  try {
    writeKey('NEW')
    server.manners = { accessKeys: ['NEW'] }
    await db.put('key', 'value')
    await db.flush()
  } finally {
    await db.close()
    await env.close()
  }
})

describe('an object of gigabytes', () => {
  test.each([
    ['CLOUDMANIFEST', /CLOUDMANIFEST is corrupt: it has 4294967296 bytes, more than/],
    ['MANIFEST-', /MANIFEST-\w+ is corrupt: it has 4294967296 bytes, more than/],
  ])('in place of %s is refused before it is read', async (name, message) => {
    const directory = temporaryDirectory('cloudenv-large')
    const store = `file://${directory}`
    await session((db) => db.put('key', 'value'), { store })
    const found = readdirSync(join(directory, 'db')).find((entry) => entry.startsWith(name))!
    truncateSync(join(directory, 'db', found), 4 * 2 ** 30)
    const opening = session((db) => db.get('key'), { store })
    await expect(opening).rejects.toThrow(message)
    rmSync(join(directory, 'db'), { recursive: true })
  })
})

test('an error text of 8 MiB fails one database, not the others on the Env', async () => {
  const root = newRoot()
  const env = cloudEnv({ store: 's3://bucket/prefix', endpoint: server.endpoint, credentials, root })
  const db = await RocksDB.open(join(root, 'db'), { env })
  try {
    const text = `${randomUUID()} `.repeat(250_000)
    server.manners = {
      answer: ({ key, query }) =>
        key.includes('other') || query.get('prefix')?.includes('other')
          ? failure(403, 'AccessDenied', text)
          : undefined,
    }
    await expect(RocksDB.open(join(root, 'other'), { env })).rejects.toThrow(/access denied/)
    await db.put('key', 'value')
    await db.flush()
  } finally {
    await db.close()
    await env.close()
  }
})
