// A process that has used a database ends by itself, and never by a crash.
import { expect, test } from 'vitest'
import { runChild } from '../support/child.ts'
import { newPath, openDatabase } from './open-database.ts'

const index = new URL('../../dist/index.js', import.meta.url).href

/** `code` has `RocksDB`, the `path` of a database, and `startWorker(code)` with the same and a `parentPort`. */
async function run(code: string, path = newPath()): Promise<{ lines: string[]; ended: number | string }> {
  const child = runChild(
    `
      const { RocksDB } = await load('index.js')
      const { once } = await import('node:events')
      const { Worker } = await import('node:worker_threads')
      const [path] = args
      const inWorker = "import { RocksDB } from '${index}';" +
        "import { parentPort, workerData as path } from 'node:worker_threads';"
      const startWorker = (code) => new Worker(inWorker + code, { eval: true, workerData: path })
      ${code}
    `,
    [path],
  )
  const lines: string[] = []
  for (let line = await child.lines.next(); !line.done; line = await child.lines.next())
    lines.push(line.value)
  return { lines, ended: await child.ended }
}

test('a process ends by itself once its database is closed', async () => {
  expect(
    await run(`
      const db = await RocksDB.open(path)
      await db.put('key', 'value')
      await db.flush()
      await db.close()
      process.on('exit', () => console.log('done'))
    `),
  ).toEqual({ lines: ['done'], ended: 0 })
})

test('a process ends by itself with a database that is still open, and nothing is lost', async () => {
  const path = newPath()
  const { ended } = await run(
    `
      const db = await RocksDB.open(path)
      const iterator = db.iterator()
      const snapshot = db.snapshot()
      await db.put('key', 'value')
      await iterator.next()
    `,
    path,
  )
  expect(ended).toBe(0)
  const db = await openDatabase({ path })
  expect(await db.get('key', { valueEncoding: 'utf8' })).toBe('value')
})

test('a process does not end before calls that it does not await are done', async () => {
  const path = newPath()
  const { ended } = await run(`const db = await RocksDB.open(path); void db.put('key', 'value')`, path)
  expect(ended).toBe(0)
  const db = await openDatabase({ path })
  expect(await db.get('key', { valueEncoding: 'utf8' })).toBe('value')
})

test.each([
  ['process.exit(7)', 7],
  ['throw new Error("of the test")', 1],
])('%s with calls under way is a plain exit', async (end, code) => {
  const { ended } = await run(`
    const db = await RocksDB.open(path, { options: { block_based_table_factory: { no_block_cache: true } } })
    for (let i = 0; i < 1000; i++) void db.put('key ' + i, 'value')
    await db.flush()
    process.on('uncaughtExceptionMonitor', () => process.stderr.write = () => true)
    for (let i = 0; i < 1000; i++) {
      void db.get('key ' + i)
      void db.put('other ' + i, 'value')
    }
    void db.flush()
    void db.compactRange()
    void db.iterator().next()
    ${end}
  `)
  expect(ended).toBe(code)
})

test('an exit handler that still uses the database gets an error, not a crash', async () => {
  const { lines, ended } = await run(`
    const db = await RocksDB.open(path)
    const iterator = db.iterator()
    process.on('exit', () => {
      try { db.getSync('key') } catch (error) { console.log(error.code) }
      try { db.iterator() } catch (error) { console.log(error.code) }
      try { db.snapshot() } catch (error) { console.log(error.code) }
      void db.get('key').catch(() => {})
      void db.put('key', 'value').catch(() => {})
      void db.flush().catch(() => {})
      void iterator.next().catch(() => {})
      void db.close()
    })
    process.exit()
  `)
  expect(lines).toEqual(['Closed', 'Closed', 'Closed'])
  expect(ended).toBe(0)
})

test('a worker that is terminated lets go of its database', async () => {
  const { lines, ended } = await run(`
    for (let round = 0; round < 5; round++) {
      const worker = startWorker(\`
        const db = await RocksDB.open(path)
        parentPort.postMessage('open')
        for (;;) await Promise.all([db.put('key', 'value'), db.get('none'), db.flush(), db.iterator().next()])
      \`)
      await once(worker, 'message')
      await worker.terminate()
      const db = await RocksDB.open(path)
      console.log('opened')
      await db.close()
    }
  `)
  expect(lines).toEqual(Array(5).fill('opened'))
  expect(ended).toBe(0)
})

test('two threads of a process each have databases of their own', async () => {
  const { lines, ended } = await run(`
    const db = await RocksDB.open(path)
    const worker = startWorker(\`
      const db = await RocksDB.open(path + '-worker')
      await db.put('key', 'worker')
      console.log(await db.get('key', { valueEncoding: 'utf8' }))
    \`)
    await db.put('key', 'main')
    await once(worker, 'exit')
    console.log(await db.get('key', { valueEncoding: 'utf8' }))
  `)
  expect(lines).toEqual(['worker', 'main'])
  expect(ended).toBe(0)
})

test('objects that are dropped without being closed can be collected', async () => {
  const { lines, ended } = await run(`
    const { setFlagsFromString } = await import('node:v8')
    setFlagsFromString('--expose-gc')
    const gc = (await import('node:vm')).runInNewContext('gc')
    for (let round = 0; round < 20; round++) {
      const db = await RocksDB.open(path + round)
      await db.put('key', 'value')
      const iterator = db.iterator()
      await iterator.next()
      db.snapshot()
      if (round % 2 === 0) await db.close()
      gc()
      await new Promise((resolve) => setImmediate(resolve))
    }
    console.log('done')
  `)
  expect(lines).toEqual(['done'])
  expect(ended).toBe(0)
})
