import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { flipped, truncated } from '../support/damage.js'
import { fillLevels, keyAt, lazily } from '../support/many-levels.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { all } from './open-database.js'

const keys = 3000
const path = join(temporaryDirectory(), 'db')
const options = { ...lazily, block_based_table_factory: { block_size: 1024, no_block_cache: true } }
let model: ReadonlyMap<string, string>
let tables: string[]

beforeAll(async () => {
  model = await fillLevels(path, { keys })
  tables = readdirSync(path)
    .filter((name) => name.endsWith('.sst'))
    .map((name) => join(path, name))
})

type Fault = 'is missing' | 'has a damaged first block' | 'has a damaged end' | 'is cut short'

async function withFault<T>(table: string, fault: Fault, use: () => Promise<T>): Promise<T> {
  const sound = readFileSync(table)
  if (fault === 'is missing') rmSync(table)
  if (fault === 'has a damaged first block') writeFileSync(table, flipped(sound, 90))
  if (fault === 'has a damaged end') writeFileSync(table, flipped(sound, sound.length - 1))
  if (fault === 'is cut short') writeFileSync(table, truncated(sound, 100))
  try {
    return await use()
  } finally {
    writeFileSync(table, sound)
  }
}

async function withDatabase<T>(use: (db: RocksDB) => Promise<T>): Promise<T> {
  const db = await RocksDB.open(path, { readOnly: true, options })
  try {
    return await use(db)
  } finally {
    await db.close()
  }
}

const faults: Fault[] = ['is missing', 'has a damaged first block', 'has a damaged end', 'is cut short']

function expectedOf({ gte = '', lt = '~', reverse = false }: Range): [string, string][] {
  const within = [...model].filter(([key]) => key >= gte && key < lt)
  return reverse ? within.reverse() : within
}

type Range = { readonly gte?: string; readonly lt?: string; readonly reverse?: boolean }

async function scan(db: RocksDB, range: Range): Promise<[string, string][]> {
  return all(db.iterator({ ...range, keyEncoding: 'utf8', valueEncoding: 'utf8' }))
}

/** The error; undefined if everything was right. */
async function errorOf(reading: Promise<unknown>, expected: unknown): Promise<{ code: string } | undefined> {
  const outcome = await reading.then(
    (value) => ({ value }),
    (error: { code: string }) => ({ error }),
  )
  if ('error' in outcome) return outcome.error
  expect(outcome.value).toEqual(expected)
  return undefined
}

describe('with any one table unreadable', () => {
  const ranges: [name: string, range: Range][] = [
    ['forward', {}],
    ['in reverse', { reverse: true }],
    ['from a key on', { gte: keyAt(1111) }],
    ['up to a key, in reverse', { lt: keyAt(2222), reverse: true }],
    ['with a prefix', { gte: 'key01', lt: 'key02' }],
  ]

  test.each(faults)('that %s, a scan has all entries or rejects', async (fault) => {
    let rejections = 0
    for (const table of tables) {
      await withFault(table, fault, () =>
        withDatabase(async (db) => {
          for (const [, range] of ranges) {
            const error = await errorOf(scan(db, range), expectedOf(range))
            if (error) rejections++
            if (error) expect(['PathNotFound', 'Corruption']).toContain(error.code)
          }
        }),
      )
    }
    // The table lies in the range, and is not wholly covered by a newer range deletion.
    expect(rejections).toBeGreaterThan((tables.length * ranges.length) / 3)
  })

  test.each(faults)('that %s, getMany and get have the values or reject', async (fault) => {
    const asked = Array.from({ length: keys / 7 }, (_, at) => keyAt(at * 7))
    const expected = asked.map((key) => model.get(key))
    let rejections = 0
    for (const table of tables) {
      await withFault(table, fault, () =>
        withDatabase(async (db) => {
          const utf8 = { valueEncoding: 'utf8' } as const
          if (await errorOf(db.getMany(asked, utf8), expected)) rejections++
          for (const [at, key] of asked.entries()) await errorOf(db.get(key, utf8), expected[at])
        }),
      )
    }
    expect(rejections).toBeGreaterThan(tables.length / 3)
  })
})

describe('a scan that has failed', () => {
  async function failing(db: RocksDB, use: (table: string) => void): Promise<void> {
    const iterator = db.iterator({ keyEncoding: 'utf8' })
    await iterator.next()
    for (const table of tables) use(table)
    await expect(all(iterator)).rejects.toMatchObject({ code: 'PathNotFound' })
    await expect(iterator.next()).rejects.toMatchObject({ code: 'PathNotFound' })
    await iterator.close()
  }

  test('fails again when read further, and a new one succeeds once the tables are back', async () => {
    await withDatabase(async (db) => {
      await failing(db, (table) => renameSync(table, `${table}.away`))
      for (const table of tables) renameSync(`${table}.away`, table)
      expect(await scan(db, {})).toEqual(expectedOf({}))
    })
  })
})

test('a scan whose limit comes before an unreadable table does not fail', async () => {
  await withDatabase(async (db) => {
    const [first] = expectedOf({})
    const iterator = db.iterator({ limit: 1, keyEncoding: 'utf8', valueEncoding: 'utf8' })
    expect(await all(iterator)).toEqual([first])
  })
})

test('reads a table that has the name LevelDB gives it', async () => {
  const [table] = tables
  const renamed = table!.replace('.sst', '.ldb')
  renameSync(table!, renamed)
  try {
    await withDatabase(async (db) => expect(await scan(db, {})).toEqual(expectedOf({})))
  } finally {
    renameSync(renamed, table!)
  }
})

test.each(faults)('a compaction with a table that %s fails, and loses nothing', async (fault) => {
  const copy = join(temporaryDirectory(), 'db')
  let rejections = 0
  for (const table of tables.filter((_, index) => index % 9 === 4)) {
    cpSync(path, copy, { recursive: true })
    await withFault(join(copy, basename(table)), fault, async () => {
      const db = await RocksDB.open(copy, { options })
      await db.compactRange().catch(() => rejections++)
      await db.close()
    })
    const db = await RocksDB.open(copy, { options })
    expect(await scan(db, {})).toEqual(expectedOf({}))
    await db.close()
    rmSync(copy, { recursive: true })
  }
  // All tables except those of the last level that nothing overlaps.
  expect(rejections).toBeGreaterThan(2)
})

test.each(faults)('scans and getMany reject when a blob file %s', async (fault) => {
  const place = join(temporaryDirectory(), 'db')
  const db = await RocksDB.open(place, {
    options: { enable_blob_files: true, min_blob_size: 100, disable_auto_compactions: true },
  })
  const asked = Array.from({ length: 40 }, (_, index) => keyAt(index))
  for (const half of [asked.slice(0, 20), asked.slice(20)]) {
    await db.batch(half.map((key) => ({ type: 'put', key, value: key.padEnd(1000, '.') })))
    await db.flush()
  }
  await db.close()
  const [blobFile] = readdirSync(place).filter((name) => name.endsWith('.blob'))
  await withFault(join(place, blobFile!), fault, async () => {
    const reader = await RocksDB.open(place, { readOnly: true, options })
    for (const reverse of [false, true])
      await expect(scan(reader, { reverse })).rejects.toThrow(/cannot read/)
    await expect(reader.getMany(asked)).rejects.toThrow(/cannot read/)
    await expect(reader.getMany(asked.toReversed())).rejects.toThrow(/cannot read/)
    await reader.close()
  })
})
