// What a flush does while the store is away.
import { expect, test } from 'vitest'
import { hostedEnv, RocksDB } from '#src/index.js'

const outage = { code: 'IOError', retryable: true }
const fence = { code: 'IOFenced', retryable: false }

async function withOutage(
  options: { failures: number; error: typeof outage },
  use: (db: RocksDB) => Promise<void>,
): Promise<void> {
  const env = hostedEnv({
    module: new URL('outage-env.js', import.meta.url),
    export: 'createOutageEnv',
    options,
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

test('a flush fails once its time is up, with what the store said, and nothing is lost', async () => {
  await withOutage({ failures: 1e9, error: outage }, async (db) => {
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

test('a flush without patience fails at once, and the next one finds the store back', async () => {
  await withOutage({ failures: 3, error: outage }, async (db) => {
    await expect(db.flush({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'IOError' })
    await db.put('key', 'written meanwhile')
    await db.flush()
    expect(String(await db.get('key'))).toBe('written meanwhile')
  })
})

test.each([100, 1500])('a database closes in an outage, %i ms after it began', async (timeoutMs) => {
  await withOutage({ failures: 1e9, error: outage }, async (db) => {
    await expect(db.flush({ timeoutMs })).rejects.toMatchObject({ code: 'IOError' })
    const begun = performance.now()
    await db.close()
    expect(performance.now() - begun).toBeLessThan(5000)
  })
})

test('closing ends a flush that waits for the end of an outage', async () => {
  await withOutage({ failures: 1e9, error: outage }, async (db) => {
    const flush = expect(db.flush({ timeoutMs: 2 ** 31 })).rejects.toThrow(/the store does not answer/)
    await expect(db.flush({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'IOError' })
    await db.close()
    await flush
  })
})

test('a flush does not wait where the database belongs to somebody else now', async () => {
  await withOutage({ failures: 1e9, error: fence }, async (db) => {
    await expect(db.flush({ timeoutMs: 2 ** 31 })).rejects.toMatchObject({ code: 'IOFenced' })
  })
})
