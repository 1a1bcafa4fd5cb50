// Compactions of a table that stays damaged however often it is fetched.
import { expect, onTestFinished, test } from 'vitest'
import { hostedEnv, RocksDB } from '#src/index.js'
import { begun, damaging, released } from './damaged-env.js'

test('a compaction that meets the same damage again fails, also when others have succeeded in between', async () => {
  const buffer = new SharedArrayBuffer(12)
  const control = new Int32Array(buffer)
  const module = new URL('damaged-env.js', import.meta.url)
  const env = hostedEnv({ module, export: 'createDamagedEnv', options: buffer })
  onTestFinished(() => env.close())
  const options = { level0_file_num_compaction_trigger: 2, max_background_jobs: 8 }
  const db = await RocksDB.open('/damaged/db', { env, options, columnFamilies: { sound: {}, damaged: {} } })
  onTestFinished(() => db.close())
  onTestFinished(() => void Atomics.store(control, released, 1e9))
  /** Overlaps with the one before, so that a compaction has to read both. */
  const writeTable = async (name: string) => {
    const columnFamily = db.columnFamily(name)
    for (const key of ['a', 'z']) await db.put(key, 'value', { columnFamily })
    await db.flush({ columnFamily })
  }
  Atomics.store(control, damaging, 1)
  await writeTable('damaged')
  Atomics.store(control, damaging, 0)
  await writeTable('damaged')

  const failure = () =>
    db.put('key', 'value').then(
      () => undefined,
      (error: Error) => error.message,
    )
  const columnFamily = db.columnFamily('sound')
  // RocksDB 9 reads twice each time.
  for (let read = 1; read <= 6; read++) {
    const isNext = async () => Atomics.load(control, begun) >= read || (await failure()) !== undefined
    await expect.poll(isNext, { timeout: 60_000 }).toBe(true)
    if ((await failure()) !== undefined) break
    // Enough for RocksDB to run two compactions at a time.
    for (let table = 0; table < 6; table++) await writeTable('sound')
    const tables = () => db.getProperty('rocksdb.num-files-at-level0', { columnFamily }).then(Number)
    await expect.poll(tables, { timeout: 60_000 }).toBeLessThan(6)
    Atomics.store(control, released, read)
  }
  expect(await failure()).toMatch(/Corruption: .*it was fetched again and is damaged/)
})
