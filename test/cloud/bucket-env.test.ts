import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bucketDirectory } from '#src/cloud/bucket-directory.js'
import { type BucketEnv, createBucketEnv } from '#src/cloud/bucket-env.js'
import { RocksDB, type RocksDBOptions } from '#src/index.js'
import { copyToBucket } from '../support/bucket-copy.ts'
import { fill, fillOptions, keyAt, valueAt } from '../support/filled-database.ts'
import { openBucket, temporaryDirectory } from '../support/open-bucket.ts'
import { mainTestStores, type TestStore } from '../support/test-stores.ts'

const [directory] = mainTestStores()

/** Writes a database on disk, then copies it to the store. */
async function makeDatabase(
  store: TestStore,
  write: (db: RocksDB) => Promise<void>,
  options: RocksDBOptions = {},
): Promise<void> {
  const path = join(temporaryDirectory(), 'db')
  const db = await RocksDB.open(path, { options: { ...fillOptions, ...options } })
  await write(db)
  await db.flush()
  await db.close()
  await copyToBucket(path, store, 'db')
}

async function openEnv(store: TestStore): Promise<BucketEnv> {
  return createBucketEnv({ url: store.url('db'), connection: store.connection })
}

describe.each(mainTestStores())('in $name', ({ make }) => {
  test('a scan takes few requests in either direction, and reads every byte once', async () => {
    const store = make()
    const entries = 16_000
    await makeDatabase(store, (db) => fill(db, entries))
    const { db, metrics } = await openBucket({ url: store.url('db'), connection: store.connection })
    const expectFew = ({ requests, bytes }: { requests: number; bytes: number }) => {
      // Eight tables of 2 MB.
      expect(requests).toBeLessThan(8 * 10)
      expect(bytes).toBeLessThan(1.1 * entries * 1030)
    }
    let at = 0
    for await (const [key, value] of db.iterator({ keyEncoding: 'utf8', fillCache: false })) {
      if (key !== keyAt(at) || !value.equals(valueAt(at))) throw new Error(`${key} is not entry ${at}`)
      at += 1
    }
    expect(at).toBe(entries)
    expectFew((await metrics()).store.get)

    const reversed = await openBucket({ url: store.url('db'), connection: store.connection })
    for await (const [key] of reversed.db.iterator({
      keyEncoding: 'utf8',
      fillCache: false,
      reverse: true,
    })) {
      at -= 1
      if (key !== keyAt(at)) throw new Error(`${key} is not entry ${at}`)
    }
    expect(at).toBe(0)
    expectFew((await reversed.metrics()).store.get)
  })

  test('blob files are read like tables', async () => {
    const store = make()
    await makeDatabase(store, (db) => fill(db, 4000), { enable_blob_files: true, min_blob_size: 100 })
    expect([...(await store.list()).keys()].some((key) => key.includes('.blob-'))).toBe(true)
    const { db } = await openBucket({ url: store.url('db'), connection: store.connection })
    expect(await db.get(keyAt(17))).toEqual(valueAt(17))
    let count = 0
    for await (const [, value] of db.iterator()) {
      expect(value.length).toBe(1000)
      count += 1
    }
    expect(count).toBe(4000)
  })

  test('a table that is missing or has another size is reported when it is read, with its URL', async () => {
    const store = make()
    // RocksDB looks at the key ranges of tables where there are more than three.
    await makeDatabase(store, (db) => fill(db, 8000))
    const tables = [...(await store.list()).keys()].filter((key) => key.includes('.sst-'))
    await store.delete([tables[0]!])
    await store.put(tables[1]!, (await store.get(tables[1]!)).subarray(1))
    const { db } = await openBucket({ url: store.url('db'), connection: store.connection })
    const corruption = (key: string, what: RegExp) =>
      expect.objectContaining({
        code: 'Corruption',
        message: expect.stringMatching(new RegExp(`${store.url(key)}.* ${what.source}`)),
      })
    await expect(db.get(keyAt(0))).rejects.toEqual(corruption(tables[0]!, /missing/))
    await expect(db.get(keyAt(2000))).rejects.toEqual(corruption(tables[1]!, /bytes in the store instead of/))
    expect(await db.get(keyAt(4000))).toEqual(valueAt(4000))
  })
})

describe('the Env', () => {
  test('refuses every change, and discards the info log', async () => {
    const store = directory!.make()
    await makeDatabase(store, (db) => fill(db, 2000))
    const before = await store.list()
    const env = await openEnv(store)
    const refused = expect.objectContaining({
      code: 'NotSupported',
      message: expect.stringMatching(`${store.url('db')} is only read here, never written`),
    })
    const table = (await env.getChildren(bucketDirectory)).find((name) => name.endsWith('.sst'))!
    await expect(env.newWritableFile(`${bucketDirectory}/000099.sst`)).rejects.toEqual(refused)
    await expect(env.reopenWritableFile(`${bucketDirectory}/000099.log`)).rejects.toEqual(refused)
    await expect(env.deleteFile(`${bucketDirectory}/${table}`)).rejects.toEqual(refused)
    await expect(env.renameFile(`${bucketDirectory}/${table}`)).rejects.toEqual(refused)
    await expect(env.linkFile(`${bucketDirectory}/${table}`)).rejects.toEqual(refused)
    await expect(env.deleteDir(bucketDirectory)).rejects.toEqual(refused)
    await expect(env.createDirIfMissing('/other')).rejects.toEqual(refused)
    await expect(env.lockFile()).rejects.toEqual(refused)
    const log = await env.newWritableFile(`${bucketDirectory}/LOG`)
    await log.append(Buffer.from('once upon a time'))
    await expect(env.fileExists(`${bucketDirectory}/LOG`)).rejects.toMatchObject({ code: 'NotFound' })
    await env.close()
    expect(await store.list()).toEqual(before)
  })

  test('fetches a range once, however many ask for it, and never one that it holds', async () => {
    const store = directory!.make()
    await makeDatabase(store, (db) => fill(db, 2000))
    const env = await openEnv(store)
    const name = (await env.getChildren(bucketDirectory)).find((child) => child.endsWith('.sst'))!
    const key = [...(await store.list()).keys()].find((key) => key.includes('.sst-'))!
    const whole = await store.get(key)
    const before = env.metrics().store.get.requests
    const file = await env.newRandomAccessFile(`${bucketDirectory}/${name}`)
    const reads = await Promise.all(Array.from({ length: 20 }, () => file.read(100_000, 50_000)))
    for (const bytes of reads) expect(Buffer.compare(bytes, whole.subarray(100_000, 150_000))).toBe(0)
    expect(Buffer.compare(await file.read(131_000, 1000), whole.subarray(131_000, 132_000))).toBe(0)
    expect(env.metrics().store.get.requests - before).toBe(1)
    // Cut at the end of the file, and nothing behind it.
    expect((await file.read(whole.length - 10, 100)).length).toBe(10)
    expect((await file.read(whole.length, 100)).length).toBe(0)
    await env.close()
  })

  test('opens the tables of level 0 before an iterator does, without additional requests', async () => {
    const store = directory!.make()
    await makeDatabase(store, (db) => fill(db, 6000))
    const requestsFor = async (limit: number, iterated?: string) => {
      const { db, requests } = await openBucket({ url: store.url('db'), ...(iterated && { iterated }) })
      const before = await requests()
      let entries = 0
      for await (const _ of db.iterator({ limit })) entries += 1
      expect(entries).toBe(limit)
      return { before, after: await requests() }
    }
    for (const limit of [10, 6000]) {
      const unopened = await requestsFor(limit)
      expect(await requestsFor(limit, 'default')).toEqual({ ...unopened, before: unopened.before + 3 })
      expect(await requestsFor(limit, 'another')).toEqual(unopened)
    }
  })

  test('says so if there is no database', async () => {
    const store = directory!.make()
    await expect(openEnv(store)).rejects.toMatchObject({ code: 'NotFound' })
  })
})
