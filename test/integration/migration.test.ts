import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { exportDatabase, RocksDB } from '#src/index.js'
import { batchSize, contentOf, indexOf, keyOf, lastWriteKey } from '../support/crash-workload.js'
import { digestInDirectory, digestInStore, digestOf } from '../support/database-digest.js'
import { Machine } from '../support/machine.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const writer = fileURLToPath(new URL('../support/crash-writer.js', import.meta.url))
const kills = 8
/** Without compactions, which would replace the files that are on their way. */
const options = {
  write_buffer_size: 256 << 10,
  target_file_size_base: 128 << 10,
  disable_auto_compactions: true,
  level0_slowdown_writes_trigger: 1000,
  level0_stop_writes_trigger: 1000,
}

/** Resolves when the store has a database. */
const completed = (store: TestStore) =>
  vi.waitFor(
    async () => expect([...(await store.list()).keys()].join(' ')).toMatch(/db\/CLOUDMANIFEST( |$)/),
    {
      timeout: 60_000,
    },
  )

/** Fills a database that RocksDB keeps in a directory by itself. */
async function fillPlain(path: string): Promise<void> {
  const db = await RocksDB.open(path, { options })
  const blobs = await db.createColumnFamily('blobs', { enable_blob_files: true, min_blob_size: 64 })
  for (let n = 0; n < 20_000; n++) {
    await db.put(keyOf(n), contentOf(n))
    if (n % 10 === 0) await db.put(keyOf(n), contentOf(n), { columnFamily: blobs })
  }
  await db.flush()
  await db.put('logged', 'this is in the log only')
  await db.close({ flush: false })
}

describe.each(mainTestStores())('a database in a directory, with the store in $name', ({ make }) => {
  test('is read and written at once, is whole in the store in the end, and comes out again', async () => {
    const store = make()
    const machine = new Machine(store, { migrate: { bytesPerSecond: '1 MB' } })
    await fillPlain(machine.path)
    const content = await machine.open(
      async (db) => {
        expect(await db.get('logged', { valueEncoding: 'utf8' })).toBe('this is in the log only')
        expect(await db.get(keyOf(17))).toEqual(Buffer.from(contentOf(17)))
        await db.put('new', 'written meanwhile')
        await db.flush()
        await completed(store)
        await db.put('newer', 'written after it')
        await db.flush()
        return digestOf(db)
      },
      { options },
    )
    expect(content.default?.count).toBe(20_003)
    expect(await digestInStore(store, 'db')).toEqual(content)
    expect(readdirSync(machine.path).filter((name) => /\.(sst|blob)/.test(name))).toEqual([])
    const exported = join(temporaryDirectory('cloudenv-export'), 'db')
    await exportDatabase(store.url('db'), exported, { store: store.connection })
    expect(await digestInDirectory(exported)).toEqual(content)
  })
})

describe.each(mainTestStores().slice(-1))(
  'kill -9 during a migration, with the store in $name',
  ({ make }) => {
    test(`loses nothing acknowledged, and the directory stays a whole database until the end: ${kills} times`, async () => {
      const store = make()
      const machine = new Machine(store, { migrate: { bytesPerSecond: '50 KB' } })
      const plain = await RocksDB.open(machine.path, { options })
      for (let n = 0; n < 50_000; n += batchSize)
        await plain.batch(
          Array.from({ length: batchSize }, (_, i) => ({
            type: 'put',
            key: keyOf(n + i),
            value: contentOf(n + i),
          })),
        )
      await plain.close()

      let last = -1
      for (let kill = 0; kill < kills; kill++) {
        const firstWrite = 10_000_000 + kill * 1_000_000
        const input = {
          path: machine.path,
          envOptions: machine.options,
          options,
          firstWrite,
          flushEvery: 100,
        }
        const child = spawn(process.execPath, [writer, JSON.stringify(input)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        for await (const line of createInterface(child.stdout)) {
          const [event, number] = line.split(' ')
          if (event === 'write') last = Number(number)
          if (event === 'open') setTimeout(() => child.kill('SIGKILL'), 100 + Math.random() * 900)
        }
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
        await machine.open((db) => expectWritten(db, last), { options })
        expect((await store.list()).has('db/CLOUDMANIFEST')).toBe(false)
      }
      const fast = new Machine(store, { ...machine.options, migrate: {} })
      await fast.open(
        async (db) => {
          await completed(store)
          await expectWritten(db, last)
        },
        { options },
      )
      rmSync(machine.root, { recursive: true })
      await new Machine(store).open((db) => expectWritten(db, last), { options })
    }, 240_000)
  },
)

/** Every write up to that number has to be there, or a later one of its key. */
async function expectWritten(db: RocksDB, last: number): Promise<void> {
  const found = Number(await db.get(lastWriteKey, { valueEncoding: 'utf8' }))
  expect(found).toBeGreaterThanOrEqual(last)
  for (let n = found - batchSize + 1; n <= found; n++)
    expect(Number((await db.get(keyOf(indexOf(n)), { valueEncoding: 'utf8' }))?.slice(0, 12))).toBe(n)
  let count = 0
  for await (const [key] of db.iterator({ prefix: 'key', lt: keyOf(50_000) })) if (key) count += 1
  expect(count).toBe(50_000)
}
