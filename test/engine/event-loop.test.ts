// The engine leaves the event loop alone, and libuv's threads to others.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { memoryEnv, type RocksDB } from '#src/index.js'
import { newPath, openDatabase } from './open-database.ts'

/** Every read goes to a table. */
const uncached = { block_based_table_factory: { no_block_cache: true } }
const count = 20_000

async function fill(db: RocksDB): Promise<void> {
  await db.batch(
    Array.from({ length: count }, (_, i) => ({ type: 'put', key: `key ${i}`, value: `value ${i}` })),
  )
  await db.flush()
}

test('1,000 reads in flight leave the event loop a turn every few milliseconds', { retry: 3 }, async () => {
  const db = await openDatabase({ options: uncached })
  await fill(db)
  let next = 0
  const readOn = async () => {
    while (next < count) {
      const i = next++
      expect(String(await db.get(`key ${i}`))).toBe(`value ${i}`)
    }
  }
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await Promise.all(Array.from({ length: 1000 }, readOn))
  delay.disable()
  expect(delay.percentile(99) / 1e6).toBeLessThan(20)
})

test('more reads than threads do not keep the host of their Env from answering', async () => {
  const env = memoryEnv()
  const db = await openDatabase({ env, path: newPath(), options: uncached })
  try {
    await fill(db)
    const keys = Array.from({ length: 1000 }, (_, i) => `key ${i * 7}`)
    const values = await Promise.all(keys.map((key) => db.get(key, { valueEncoding: 'utf8' })))
    expect(values).toEqual(keys.map((key) => key.replace('key', 'value')))
    expect(db.getSync('key 1', { valueEncoding: 'utf8' })).toBe('value 1')
  } finally {
    await db.close()
    await env.close()
  }
})
