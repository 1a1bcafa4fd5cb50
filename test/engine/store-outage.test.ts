// An object store that refuses writes, for whatever reason, and accepts them later.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, RocksDB } from '#src/index.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { promptMs } from '../support/prompt.js'
import { type TestStoreKind, testStores } from '../support/test-stores.js'

/** A way to make a store refuse, and work again. */
interface Refusal {
  readonly store: Pick<CloudEnvOptions, 'store'> & Partial<CloudEnvOptions>
  begin(): void
  end(): void
  /** Error of flushes meanwhile. */
  readonly reason: RegExp
}

const stores = testStores()
const directory = stores.find(({ name }) => name === 'directory')!
const servers = stores.filter(({ name }) => name === 'minio')

/** The directory is missing for a while, as if unmounted or moved away. */
function movedAway(): Refusal {
  const url = directory.make().url()
  const path = fileURLToPath(url)
  return {
    // A check whether the database is still ours would find it gone.
    store: { store: url, ownershipCheckMs: 0 },
    begin() {
      renameSync(path, `${path}-away`)
      writeFileSync(path, '')
    },
    end() {
      rmSync(path)
      renameSync(`${path}-away`, path)
    },
    reason: /the store's directory is gone, or another one is in its place/,
  }
}

async function refusingPuts(
  kind: TestStoreKind,
  status: number,
  code: string,
  reason: RegExp,
): Promise<Refusal> {
  const store = kind.make()
  const proxy = await FaultProxy.start(inject('servers').find(({ name }) => name === kind.name)!.endpoint)
  onTestFinished(() => proxy.stop())
  return {
    store: { ...store.connection, endpoint: proxy.endpoint, store: store.url() },
    begin: () =>
      proxy.next(
        'PUT',
        { kind: 'answer', status, body: s3ErrorBody(code) },
        { times: Number.POSITIVE_INFINITY },
      ),
    end: () => proxy.reset(),
    reason,
  }
}

async function withDatabase(
  { store }: Refusal,
  use: (db: RocksDB, reopenElsewhere: () => Promise<RocksDB>) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'cloudenv-outage-'))
  const env = cloudEnv({ ...store, root: join(root, 'here') })
  const elsewhere = cloudEnv({ ...store, root: join(root, 'elsewhere') })
  try {
    const db = await RocksDB.open(join(root, 'here/db'), { env, options: { write_buffer_size: 64 << 10 } })
    try {
      await use(db, () => RocksDB.open(join(root, 'elsewhere/db'), { env: elsewhere, readOnly: true }))
    } finally {
      await db.close()
    }
  } finally {
    await env.close()
    await elsewhere.close()
    rmSync(root, { recursive: true })
  }
}

/** Flushes until one fails with the reason: the Env retries first, for longer on a busy machine. */
async function awaitRefusal(db: RocksDB, reason: RegExp): Promise<void> {
  const flush = () =>
    db.flush({ timeoutMs: 1500 }).then(
      () => 'flushed',
      (error: Error) => error.message,
    )
  await expect.poll(flush).toMatch(reason)
}

/** Flushes until `seconds` have passed; each flush fails. */
async function flushInVain(db: RocksDB, seconds: number, reason: RegExp): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    await expect(db.flush({ timeoutMs: 500 })).rejects.toThrow(reason)
  }
}

const refusals: [string, () => Refusal | Promise<Refusal>][] = [
  ['a directory that is moved away', movedAway],
  ...servers.flatMap((kind): [string, () => Promise<Refusal>][] => [
    [`${kind.name}, access denied`, () => refusingPuts(kind, 403, 'AccessDenied', /access denied/)],
    [`${kind.name}, no bucket`, () => refusingPuts(kind, 404, 'NoSuchBucket', /the bucket does not exist/)],
    [`${kind.name}, full`, () => refusingPuts(kind, 507, 'XMinioStorageFull', /the store is full/)],
    [`${kind.name}, down`, () => refusingPuts(kind, 503, 'ServiceUnavailable', /the store failed/)],
  ]),
]

describe.each(refusals)('%s', (_name, makeRefusal) => {
  test('while the store refuses, flushes say why, and one succeeds soon after', async () => {
    const refusal = await makeRefusal()
    await withDatabase(refusal, async (db, reopenElsewhere) => {
      await db.put('before', '1')
      await db.flush()
      refusal.begin()
      await db.put('meanwhile', '2')
      await awaitRefusal(db, refusal.reason)
      await flushInVain(db, 4, refusal.reason)
      await db.put('still meanwhile', '3')
      refusal.end()
      const begun = performance.now()
      await db.flush()
      expect(performance.now() - begun).toBeLessThan(promptMs)
      const reader = await reopenElsewhere()
      expect(
        await reader.getMany(['before', 'meanwhile', 'still meanwhile'], { valueEncoding: 'utf8' }),
      ).toEqual(['1', '2', '3'])
      await reader.close()
    })
  })

  test('writes that fill the memory wait, and go on by themselves', async () => {
    const refusal = await makeRefusal()
    await withDatabase(refusal, async (db, reopenElsewhere) => {
      await db.put('before', '1')
      await db.flush()
      refusal.begin()
      let written = 0
      const writing = (async () => {
        for (let i = 0; i < 100; i++) {
          await db.put(`key ${i}`, Buffer.alloc(8 << 10))
          written = i + 1
        }
      })()
      await expect.poll(() => db.getProperty('rocksdb.is-write-stopped')).toBe('1')
      await awaitRefusal(db, refusal.reason)
      expect(written).toBeLessThan(100)
      refusal.end()
      await writing
      await db.flush()
      const reader = await reopenElsewhere()
      expect(await reader.get('key 99')).toHaveLength(8 << 10)
      await reader.close()
    })
  })

  test('a database closes while the store refuses, whatever is under way, and has everything when reopened', async () => {
    const refusal = await makeRefusal()
    const root = mkdtempSync(join(tmpdir(), 'cloudenv-outage-'))
    onTestFinished(() => rmSync(root, { recursive: true, force: true }))
    const env = cloudEnv({ ...refusal.store, root })
    const path = join(root, 'db')
    const db = await RocksDB.open(path, { env })
    refusal.begin()
    await db.put('key', 'value')
    await awaitRefusal(db, refusal.reason)
    const flush = db.flush().catch((error: unknown) => error)
    const begun = performance.now()
    await expect(db.close({ timeoutMs: 1500 })).rejects.toThrow(refusal.reason)
    expect(await flush).toMatchObject({ name: 'RocksDBError' })
    expect(performance.now() - begun).toBeLessThan(promptMs)
    refusal.end()
    const again = await RocksDB.open(path, { env })
    expect(await again.get('key', { valueEncoding: 'utf8' })).toBe('value')
    await again.close()
    await env.close()
  })
})
