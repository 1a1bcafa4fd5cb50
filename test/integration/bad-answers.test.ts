// Well-formed answers with other bytes than the object, from a proxy before a real server.
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { OpenOptions, RocksDB } from '#src/index.js'
import { type Answer, FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { fill, fillOptions, keyAt, valueAt } from '../support/filled-database.js'
import { Machine } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const kinds = mainTestStores().filter(({ name }) => name !== 'directory')

describe.skipIf(kinds.length === 0)('an answer with other bytes than the object', () => {
  let proxy: FaultProxy
  let store: TestStore
  /** A machine that reaches the store through the proxy. */
  const proxied = () => new Machine(store, { endpoint: proxy.endpoint })
  beforeAll(async () => {
    proxy = await FaultProxy.start(inject('servers').find(({ name }) => name === kinds[0]!.name)!.endpoint)
  })
  afterAll(() => proxy.stop())
  beforeEach(() => {
    proxy.reset()
    store = kinds[0]!.make()
  })

  const bad = (spoil: (body: Buffer) => Buffer) => {
    const alter = (answer: Answer) => {
      for (const name of Object.keys(answer.headers)) {
        if (name.startsWith('x-amz-checksum')) delete answer.headers[name]
      }
      answer.body = spoil(answer.body)
    }
    return { kind: 'alterAnswer', alter } as const
  }
  const flipMiddle = bad((body) => {
    body[body.length >> 1]! ^= 4
    return body
  })
  /** Flips bits all over. */
  const flip = bad((body) => {
    for (let at = 50; at < body.length; at += 3000) body[at]! ^= 4
    return body
  })
  /** Bytes of another range. */
  const shift = bad((body) => Buffer.concat([body.subarray(4096), body.subarray(0, 4096)]))

  test.each(['CLOUDMANIFEST', 'MANIFEST-'])(
    'a bad %s is read once more before the database counts as damaged',
    async (name) => {
      await new Machine(store).open((db) => db.put('key', 'value').then(() => db.flush()))
      const path = new RegExp(`db/${name}`)
      proxy.next('GET', flipMiddle, { path })
      const value = await proxied().open((db) => db.get('key', { valueEncoding: 'utf8' }))
      expect(value).toBe('value')

      proxy.next('GET', flipMiddle, { path, times: 100 })
      await expect(proxied().open(() => undefined)).rejects.toMatchObject({
        code: 'Corruption',
        message: expect.stringContaining('Bring an earlier version of that object back'),
      })
    },
  )

  const entries = 4000
  const tables = { path: /\.sst-/ }
  const write = (options: OpenOptions['options'] = fillOptions) =>
    new Machine(store).open((db) => fill(db, entries), { options })
  const tableReads = () => proxy.seen.filter((line) => /^GET .*\.sst-/.test(line)).length

  test.each([{ reverse: false }, { reverse: true }])(
    'a failed scan continues with the first entry not yet returned: %o',
    async ({ reverse }) => {
      await write()
      await proxied().open(async (db) => {
        const isTable = (line: string) => /^GET .*\.sst-/.test(line)
        const refusal = { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') } as const
        let reads = 0
        proxy.trouble((line) => (isTable(line) && reads++ % 2 === 0 ? refusal : undefined))
        const iterator = db.iterator({ reverse, keyEncoding: 'utf8' })
        const keys: string[] = []
        let failures = 0
        for (let isDone = false; !isDone; ) {
          const batch = await iterator.nextBatch().catch(() => undefined)
          for (const [key] of batch ?? []) keys.push(key)
          isDone = batch?.length === 0
          if (!batch) failures++
        }
        const all = Array.from({ length: entries }, (_, at) => keyAt(at))
        expect(keys).toEqual(reverse ? all.reverse() : all)
        expect(failures).toBeGreaterThan(0)
      })
    },
  )

  async function expectEverything(db: RocksDB, { reverse = false } = {}): Promise<void> {
    const keys: string[] = []
    for await (const [key, value] of db.iterator({ reverse, keyEncoding: 'utf8' })) {
      if (!value.equals(valueAt(Number(key.slice(3))))) expect.fail(`${key} has another value`)
      keys.push(key)
    }
    const expected = Array.from({ length: entries }, (_, index) => keyAt(index))
    expect(keys).toEqual(reverse ? expected.reverse() : expected)
  }

  /** Entries written so that their table can't be moved past the others, only merged with them. */
  async function rewriteEnds(db: RocksDB): Promise<void> {
    for (const index of [0, entries - 1]) await db.put(keyAt(index), valueAt(index))
    await db.flush()
  }

  const indexes = [0, 999, 1000, 1500, 1999, 2000, 3999]
  const reads: readonly (readonly [what: string, read: (db: RocksDB) => Promise<void>])[] = [
    [
      'get',
      async (db) => {
        for (const index of indexes) expect(await db.get(keyAt(index))).toEqual(valueAt(index))
      },
    ],
    ['getMany', async (db) => expect(await db.getMany(indexes.map(keyAt))).toEqual(indexes.map(valueAt))],
    ['a scan', (db) => expectEverything(db)],
    ['a scan in reverse', (db) => expectEverything(db, { reverse: true })],
    [
      'a compaction',
      async (db) => {
        await rewriteEnds(db)
        await db.compactRange()
        await rewriteEnds(db)
        await expectEverything(db)
      },
    ],
  ]

  describe.each([
    ['a flipped bit', flip],
    ['the bytes of elsewhere', shift],
  ])('with %s', (_, fault) => {
    test.each(reads)('%s fetches the damaged range again', async (_, read) => {
      await write()
      const machine = proxied()
      await machine.open(
        async (db) => {
          proxy.next('GET', fault, tables)
          await read(db)
          proxy.next('GET', fault, tables)
          await read(db)
        },
        { options: fillOptions },
      )
      proxy.reset()
      await machine.open(read, { options: fillOptions })
    })

    test.each([false, true])('a database whose tables end in it opens (readOnly: %s)', async (readOnly) => {
      await write()
      const machine = proxied()
      proxy.next('GET', fault, tables)
      await machine.open((db) => expectEverything(db), { readOnly, options: fillOptions })
      await machine.open((db) => expectEverything(db), { readOnly, options: fillOptions })
    })

    test.each(reads)('%s fetches values in blob files again until they are sound', async (_, read) => {
      const options = {
        ...fillOptions,
        enable_blob_files: true,
        min_blob_size: 100,
        enable_blob_garbage_collection: true,
        blob_garbage_collection_age_cutoff: 1,
      }
      await write(options)
      await proxied().open(
        async (db) => {
          const path = /\.blob-/
          proxy.next('GET', fault, { path })
          proxy.next('GET', flipMiddle, { path })
          await read(db)
        },
        { options },
      )
    })
  })

  test('20 readers of one damaged block fetch it again once', async () => {
    await write()
    const readsBy = async (readers: number, times: number) => {
      const machine = proxied()
      return machine.open(
        async (db) => {
          proxy.reset()
          proxy.next('GET', flip, { ...tables, times })
          const values = await Promise.all(Array.from({ length: readers }, () => db.get(keyAt(1000))))
          expect(values).toEqual(values.map(() => valueAt(1000)))
          return tableReads()
        },
        { readOnly: true, options: fillOptions },
      )
    }
    const sound = await readsBy(20, 0)
    const alone = await readsBy(1, 1)
    expect(alone).toBeGreaterThan(sound)
    expect(await readsBy(20, 1)).toBe(alone)
  })

  test('a table damaged in the store is Corruption after one more request, with its name and what to do', async () => {
    await write()
    const key = [...(await store.list()).keys()].find((name) => name.includes('.sst-'))!
    const sound = await store.get(key)
    const damaged = Buffer.from(sound)
    for (let at = 1000; at < 1_000_000; at += 2000) damaged[at]! ^= 1
    await store.put(key, damaged)
    const machine = proxied()
    await machine.open(
      async (db) => {
        const failure = await db.get(keyAt(500)).then(
          () => expect.fail('the damage went unnoticed'),
          (error: Error) => error,
        )
        expect(failure).toMatchObject({ code: 'Corruption' })
        expect(failure.message).toContain(`${store.url(key)} was fetched again and is damaged in the store`)
        expect(failure.message).toContain('Bring the object back')
        // The verdict stands for a while, so that repeated reads cost nothing.
        proxy.reset()
        for (let round = 0; round < 20; round++) {
          await expect(db.get(keyAt(500))).rejects.toMatchObject({ code: 'Corruption' })
        }
        expect(tableReads()).toBeLessThan(4)
        await expect(expectEverything(db)).rejects.toMatchObject({ code: 'Corruption' })
      },
      { options: fillOptions },
    )
  })

  test('background compactions and writes continue after a bad answer', async () => {
    const options = { level0_file_num_compaction_trigger: 4, write_buffer_size: '64M' }
    await write({ ...options, disable_auto_compactions: true })
    await proxied().open(
      async (db) => {
        proxy.next('GET', flip, tables)
        await rewriteEnds(db)
        await rewriteEnds(db)
        const filesAtLevel0 = () => db.getProperty('rocksdb.num-files-at-level0')
        await expect.poll(filesAtLevel0, { timeout: 120_000 }).toBe('0')
        await rewriteEnds(db)
        await expectEverything(db)
      },
      { options },
    )
  })

  test.each<[what: string, damage: (path: string) => void]>([
    [
      'has flipped bits all over',
      (path) => {
        const bytes = readFileSync(path)
        for (let at = 500; at < bytes.length; at += 10_000) bytes[at]! ^= 16
        writeFileSync(path, bytes)
      },
    ],
    ['was cut', (path) => truncateSync(path, 100_000)],
    ['was emptied', (path) => truncateSync(path, 0)],
    ['is of zeros', (path) => writeFileSync(path, Buffer.alloc(readFileSync(path).length))],
  ])('a file of the cache that %s is fetched again', async (_, damage) => {
    await write()
    const machine = new Machine(store)
    await machine.open((db) => expectEverything(db), { readOnly: true, options: fillOptions })
    const cache = join(machine.root, '.cloudenv/cache/db')
    const files = readdirSync(cache).filter((name) => /\.sst-[0-9a-f]+$/.test(name))
    expect(files).toHaveLength(entries / 2000)
    for (const name of files) damage(join(cache, name))
    await machine.open((db) => expectEverything(db), { readOnly: true, options: fillOptions })

    // Also while a reader has it open.
    await machine.open(
      async (db) => {
        for (const name of files) damage(join(cache, name))
        for (const [, read] of reads.slice(0, 4)) await read(db)
        expect(db.getSync(keyAt(1500))).toEqual(valueAt(1500))
      },
      { readOnly: true, options: { ...fillOptions, block_based_table_factory: { no_block_cache: true } } },
    )
  })
})
