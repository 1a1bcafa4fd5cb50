// A batch over two column families is there in both or in neither, whatever became of the machine that wrote it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, RocksDB } from '#src/index.js'
import { mainTestStores } from '../support/test-stores.js'

const writer = fileURLToPath(new URL('../support/family-writer.js', import.meta.url))

/** Flushed several times a second. */
const options = { write_buffer_size: 128 << 10 }

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'cloudenv-torn-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return root
}

interface Writer {
  readonly process: ChildProcess
  readonly ended: Promise<unknown>
  /** The number of the last pair that was flushed. */
  flushed: number
}

async function startWriter(envOptions: CloudEnvOptions, path: string, flush: boolean): Promise<Writer> {
  const child = spawn(process.execPath, [writer, JSON.stringify({ path, envOptions, options, flush })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const started: Writer = { process: child, ended: once(child, 'exit'), flushed: -1 }
  await new Promise<void>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const [event, number] = line.split(' ')
      if (event === 'open') resolve()
      if (event === 'flush') started.flushed = Number(number)
    })
  })
  return started
}

async function keysOf(db: RocksDB, family: string): Promise<string[]> {
  const keys: string[] = []
  const columnFamily = db.columnFamily(family)
  for await (const [key] of db.iterator({ columnFamily, keyEncoding: 'utf8' })) keys.push(key)
  return keys
}

/** @returns how many pairs there are, in both families the same. */
async function countWhole(db: RocksDB): Promise<number> {
  const [here, there] = [await keysOf(db, 'default'), await keysOf(db, 'b')]
  expect(here.length - there.length).toBe(0)
  expect(here).toEqual(there)
  return here.length
}

async function readElsewhere<T>(envOptions: CloudEnvOptions, read: (db: RocksDB) => Promise<T>): Promise<T> {
  const root = newRoot()
  const env = cloudEnv({ ...envOptions, root })
  const db = await RocksDB.open(join(root, 'db'), { env, readOnly: true })
  try {
    return await read(db)
  } finally {
    await db.close()
    await env.close()
    rmSync(root, { recursive: true })
  }
}

describe.each(mainTestStores())('column families in $name', ({ make }) => {
  test.each([
    ['flushed by RocksDB', false],
    ['flushed by the writer too, all of them and one', true],
  ])(
    '%s agree for readers elsewhere and after the loss of the machine',
    async (_name, flush) => {
      const store = make()
      const root = newRoot()
      const envOptions: CloudEnvOptions = { ...store.connection, store: store.url(), root }
      const running = await startWriter(envOptions, join(root, 'db'), flush)
      let seen = 0
      const readMore = async () => {
        const before = seen
        seen = await readElsewhere(envOptions, countWhole)
        return seen - before
      }
      for (let reading = 0; reading < 4; reading++) {
        await expect.poll(readMore).toBeGreaterThan(0)
      }
      running.process.kill('SIGKILL')
      await running.ended
      rmSync(root, { recursive: true })

      const env = cloudEnv(envOptions)
      const db = await RocksDB.open(join(root, 'db'), { env })
      const count = await countWhole(db)
      expect(count).toBeGreaterThanOrEqual(Math.max(seen, running.flushed + 1))
      if (flush) expect(running.flushed).toBeGreaterThan(0)
      await db.close()
      await env.close()
    },
    180_000,
  )
})

describe.each(mainTestStores().slice(0, 1))('with the column families in $name', ({ make }) => {
  test('a flush of one includes the others', async () => {
    const store = make()
    const root = newRoot()
    const env = cloudEnv({ ...store.connection, store: store.url(), root })
    const db = await RocksDB.open(join(root, 'db'), { env, columnFamilies: { b: {}, c: {} } })
    const [b, c] = [db.columnFamily('b'), db.columnFamily('c')]
    await db.batch([
      { type: 'put', key: 'k', value: '1' },
      { type: 'put', key: 'k', value: '2', columnFamily: b },
      { type: 'put', key: 'k', value: '3', columnFamily: c },
    ])
    await db.dropColumnFamily(c)
    await db.flush({ columnFamily: b })
    for (const columnFamily of [db.columnFamily('default'), b]) {
      expect(await db.getProperty('rocksdb.num-entries-active-mem-table', { columnFamily })).toBe('0')
    }
    const late = await db.createColumnFamily('late')
    await db.batch([
      { type: 'put', key: 'l', value: '1' },
      { type: 'put', key: 'l', value: '2', columnFamily: late },
    ])
    await db.flush()
    await db.close()
    await env.close()
    rmSync(root, { recursive: true })
    await readElsewhere({ ...store.connection, store: store.url(), root }, async (reader) => {
      expect(await reader.getMany(['k', 'l'], { valueEncoding: 'utf8' })).toEqual(['1', '1'])
      const families = { b: reader.columnFamily('b'), late: reader.columnFamily('late') }
      expect(await reader.get('k', { columnFamily: families.b, valueEncoding: 'utf8' })).toBe('2')
      expect(await reader.get('l', { columnFamily: families.late, valueEncoding: 'utf8' })).toBe('2')
    })
  })

  test('without atomic flushes a flush of one leaves the others, and pipelined writes are possible', async () => {
    const store = make()
    const root = newRoot()
    const env = cloudEnv({ ...store.connection, store: store.url(), root })
    const path = join(root, 'db')
    await expect(RocksDB.open(path, { env, options: { enable_pipelined_write: true } })).rejects.toThrow(
      /atomic_flush is incompatible with enable_pipelined_write/,
    )
    const db = await RocksDB.open(path, {
      env,
      options: { atomic_flush: false, enable_pipelined_write: true },
      columnFamilies: { b: {} },
    })
    const b = db.columnFamily('b')
    await db.put('k', '1')
    await db.put('k', '2', { columnFamily: b })
    await db.flush({ columnFamily: b })
    const entries = 'rocksdb.num-entries-active-mem-table'
    expect(await db.getProperty(entries, { columnFamily: b })).toBe('0')
    expect(await db.getProperty(entries)).toBe('1')
    await db.close()
    await env.close()
  })
})
