/**
 * Requests of an Env beside those of rocksdb-cloud for the same work. Theirs were measured once, with the real library (its
 * base is RocksDB 9.1) on buckets that it wrote, through a counting proxy; they are constants here. Ours are counted in this
 * run, on MinIO if CLOUDENV_TEST_MINIO names one, else in a directory. Both read cold: without a local file.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RocksDB as Database, HostedCloudEnv, RocksDBOptions } from '../dist/index.js'
import { inEnv, keyOf, type OpenTerms, type StorePlace } from './database.js'
import { seeded } from './seeded.js'

interface Row {
  readonly work: string
  readonly theirs: Count
  readonly ours: Count
}

interface Count {
  readonly requests: number
  readonly bytes: number
}

const mib = 1 << 20
const valueBytes = 100
const batchKeys = 10_000
const reads = 10_000

export async function requests(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'requests-'))
  const place = placeOf(directory)
  try {
    const rows = [...(await small(place, directory)), ...(await large(place, directory))]
    print(rows)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function placeOf(directory: string): StorePlace {
  const endpoint = process.env.CLOUDENV_TEST_MINIO
  if (!endpoint) return { store: `file://${directory}/store` }
  return { store: `s3://cloudenv-test/requests-${randomBytes(6).toString('hex')}`, endpoint }
}

/** 1,000,000 keys: three tables of level 0 without a filter, then compacted with one. */
async function small(place: StorePlace, directory: string): Promise<Row[]> {
  const keys = 1_000_000
  await inEnv(place, directory, 'small', { options: plain }, async (db) => {
    for (let part = 0; part < 3; part++) {
      await fill(db, keys, part, 3)
      await db.flush()
    }
  })
  const open = await opening(place, directory, 'small', { readOnly: true })
  const writeOpen = await opening(place, directory, 'small', {})
  const spread = await readingAtRandom(place, directory, 'small', keys)
  const [compaction, flush] = await inEnv(
    place,
    directory,
    'small',
    { options: withFilter },
    async (db, env) => {
      // Compaction reads what is cached, as after a flush: theirs reads each table again.
      await countOf(env, () => everyKey(db))
      const compacted = await countOf(env, () => db.compactRange())
      return [compacted, await countOf(env, () => putAndFlush(db))]
    },
  )
  const compact = await readingAtRandom(place, directory, 'small', keys)
  return [
    { work: 'read-only open, 1M keys, 3 tables', theirs: { requests: 18, bytes: 0.53e6 }, ours: open },
    { work: 'write open', theirs: { requests: 22, bytes: Number.NaN }, ours: writeOpen },
    { work: '10,000 reads, 3 tables, no filter', theirs: { requests: 15_554, bytes: 62.9e6 }, ours: spread },
    { work: '10,000 reads, compacted, Bloom', theirs: { requests: 8_567, bytes: 35e6 }, ours: compact },
    { work: 'flush', theirs: { requests: 5, bytes: Number.NaN }, ours: flush },
    { work: 'compaction of 3 tables', theirs: { requests: 14, bytes: Number.NaN }, ours: compaction },
  ]
}

/** 5,000,000 keys, compacted into ten tables. */
async function large(place: StorePlace, directory: string): Promise<Row[]> {
  const keys = 5_000_000
  await inEnv(place, directory, 'large', { options: withFilter }, async (db) => {
    await fill(db, keys, 0, 1)
    await db.flush()
    await db.compactRange()
  })
  const open = await opening(place, directory, 'large', {})
  const compact = await readingAtRandom(place, directory, 'large', keys)
  const inSmallChunks = await readingAtRandom(place, directory, 'large', keys, { chunkBytes: '4 KiB' })
  const theirs = { requests: 9_684, bytes: 39.4e6 }
  return [
    { work: 'write open, 5M keys, 10 tables', theirs: { requests: 86, bytes: Number.NaN }, ours: open },
    { work: '10,000 reads, 5M keys, compacted, Bloom', theirs, ours: compact },
    { work: 'the same, `cache.chunkBytes` of 4 KiB', theirs, ours: inSmallChunks },
  ]
}

const plain: RocksDBOptions = {
  compression: 'kNoCompression',
  write_buffer_size: 256 * mib,
  target_file_size_base: 64 * mib,
  disable_auto_compactions: true,
}
const withFilter: RocksDBOptions = {
  ...plain,
  block_based_table_factory: { filter_policy: 'bloomfilter:10:false' },
}

async function opening(
  place: StorePlace,
  directory: string,
  name: string,
  options: { readonly readOnly?: true },
): Promise<Count> {
  return await inEnv(place, directory, name, { options: plain, ...options }, (_, env) => trafficOf(env))
}

async function readingAtRandom(
  place: StorePlace,
  directory: string,
  name: string,
  keys: number,
  cache: OpenTerms['cache'] = {},
): Promise<Count> {
  const chosen = distinctAtRandom(keys)
  return await inEnv(place, directory, name, { options: plain, cache }, (db, env) =>
    countOf(env, async () => {
      for (const key of chosen) await db.get(keyOf(key))
    }),
  )
}

/** The same keys in each run. */
function distinctAtRandom(keys: number): Set<number> {
  const random = seeded(1)
  const chosen = new Set<number>()
  while (chosen.size < reads) chosen.add(Math.floor(random() * keys))
  return chosen
}

async function fill(db: Database, keys: number, part: number, parts: number): Promise<void> {
  const value = randomBytes(valueBytes)
  for (let first = part; first < keys; first += parts * batchKeys) {
    const end = Math.min(keys, first + parts * batchKeys)
    const batch = []
    for (let at = first; at < end; at += parts) batch.push({ type: 'put' as const, key: keyOf(at), value })
    await db.batch(batch)
  }
}

async function everyKey(db: Database): Promise<void> {
  for await (const _ of db.iterator());
}

async function putAndFlush(db: Database): Promise<void> {
  await db.put(keyOf(0), 'new')
  await db.flush()
}

async function countOf(env: HostedCloudEnv, work: () => Promise<void>): Promise<Count> {
  const before = await trafficOf(env)
  await work()
  const after = await trafficOf(env)
  return { requests: after.requests - before.requests, bytes: after.bytes - before.bytes }
}

async function trafficOf(env: HostedCloudEnv): Promise<Count> {
  const metrics = await env.metrics()
  if (!metrics) throw new Error('the Env has not started')
  const operations = Object.values(metrics.store)
  return {
    requests: operations.reduce((sum, operation) => sum + operation.requests, 0),
    bytes: metrics.store.get.bytes,
  }
}

function print(rows: readonly Row[]): void {
  console.log('| work | rocksdb-cloud | here | ratio |\n|---|---:|---:|---:|')
  for (const { work, theirs, ours } of rows)
    console.log(
      `| ${work} | ${text(theirs)} | ${text(ours)} | ${(ours.requests / theirs.requests).toFixed(2)} |`,
    )
}

function text({ requests, bytes }: Count): string {
  const count = requests.toLocaleString('en')
  return Number.isNaN(bytes) ? count : `${count}, ${(bytes / 1e6).toFixed(1)} MB`
}
