// Flushes while the store is away.
import { expect, test } from 'vitest'
import { hostedEnv, RocksDB } from '#src/index.js'
import { promptMs } from '../support/prompt.js'

const outage = { code: 'IOError', retryable: true }
const fence = { code: 'IOFenced', retryable: false }

async function withOutage(
  { failing = 'commit', ...how }: { failures: number; error: typeof outage; failing?: 'create' | 'commit' },
  use: (db: RocksDB) => Promise<void>,
): Promise<void> {
  const env = hostedEnv({
    module: new URL('outage-env.js', import.meta.url),
    export: 'createOutageEnv',
    options: { failing, ...how },
  })
  try {
    const db = await RocksDB.open('/outage/db', { env })
    try {
      await db.put('key', 'value')
      await use(db)
    } finally {
      await db.close()
    }
  } finally {
    await env.close()
  }
}

/** Error message of a flush with this time limit. */
const flushed = (db: RocksDB, timeoutMs: number) =>
  db.flush({ timeoutMs }).then(
    () => 'done',
    (error: Error) => error.message,
  )

/** Flushes until one has met the outage, which takes a busy machine a while. */
const meetOutage = (db: RocksDB, timeoutMs: number) =>
  expect.poll(() => flushed(db, timeoutMs)).toMatch(/the store does not answer/)

const files = (db: RocksDB) => db.getProperty('rocksdb.num-files-at-level0')

test.each([1, 5])('a flush that meets an outage of %i attempts waits for it to pass', async (failures) => {
  await withOutage({ failures, error: outage }, async (db) => {
    await db.flush()
    expect(await files(db)).toBe('1')
    expect(await db.getProperty('rocksdb.num-entries-active-mem-table')).toBe('0')
    expect(await db.getProperty('rocksdb.background-errors')).toBe('0')
    expect(String(await db.get('key'))).toBe('value')
  })
})

test('a flush fails once its time is up, with the error of the store, and nothing is lost', async () => {
  await withOutage({ failures: 1e9, error: outage }, async (db) => {
    await meetOutage(db, 400)
    const begun = performance.now()
    await expect(db.flush({ timeoutMs: 400 })).rejects.toMatchObject({
      name: 'RocksDBError',
      code: 'IOError',
      message: expect.stringMatching(/^cannot flush "\/outage\/db": .*the store does not answer/),
    })
    expect(performance.now() - begun).toBeGreaterThan(390)
    expect(String(await db.get('key'))).toBe('value')
  })
})

test('a flush that may not wait fails at once, and the next one finds the store back', async () => {
  await withOutage({ failures: 3, error: outage }, async (db) => {
    await expect(db.flush({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'TimedOut' })
    await db.put('key', 'written meanwhile')
    await db.flush()
    expect(String(await db.get('key'))).toBe('written meanwhile')
  })
})

test.each([100, 1500])('a database closes in an outage, %i ms after it began', async (timeoutMs) => {
  await withOutage({ failures: 1e9, error: outage }, async (db) => {
    await meetOutage(db, timeoutMs)
    const begun = performance.now()
    await db.close()
    expect(performance.now() - begun).toBeLessThan(promptMs)
  })
})

test('closing ends a flush that is waiting out an outage', async () => {
  await withOutage({ failures: 1e9, error: outage }, async (db) => {
    const flush = expect(db.flush({ timeoutMs: 2 ** 31 })).rejects.toThrow(/the store does not answer/)
    await meetOutage(db, 400)
    await db.close()
    await flush
  })
})

test('a flush whose time is up while RocksDB recovers says why, and one with more time succeeds', async () => {
  await withOutage({ failures: 6, error: outage, failing: 'create' }, async (db) => {
    await meetOutage(db, 20)
    for (let i = 0; i < 10; i++) expect(await flushed(db, 20)).toMatch(/the store does not answer/)
    await db.flush()
    expect(await db.getProperty('rocksdb.num-entries-active-mem-table')).toBe('0')
    expect(await db.getProperty('rocksdb.num-entries-imm-mem-tables')).toBe('0')
    await db.put('key', 'written later')
    expect(await flushed(db, 20)).toMatch(/^done$|not done in time/)
  })
})

test('a flush does not wait if the database belongs to somebody else now', async () => {
  await withOutage({ failures: 1e9, error: fence }, async (db) => {
    await expect(db.flush({ timeoutMs: 2 ** 31 })).rejects.toMatchObject({ code: 'IOFenced' })
  })
})
