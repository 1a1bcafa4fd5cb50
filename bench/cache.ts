/**
 * Point reads that go to the store when the cache is a fifth of the database, beside those of an ideal LRU of chunks
 * that sees every read. The store is in a directory: only requests count.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { RocksDB as Database } from '../dist/index.js'
import { fill, inEnv, keyOf, largeTables, recordBytes, records } from './database.js'

const chunkBytes = 64 * 1024
const cacheBytes = 100 * 1024 * 1024
const warmUpReads = 30_000
const reads = 30_000

/** Place of the next key to read, from 0 to below 1 of the database, and the share of it that a scan reads from there. */
type Mix = (random: () => number) => { readonly key: number; readonly scanned?: number }

const hot = (random: () => number) => (random() < 0.9 ? 0.4 + random() / 10 : random())
/** Some parts of the database are read far more often than others, and lie anywhere. */
const skewed = zipfian(1000)
/** A scan of 2 % of the keys after each 200 reads. */
const withScans =
  (keyOf: (random: () => number) => number): Mix =>
  (random) =>
    random() < 0.005 ? { key: random() * 0.98, scanned: 0.02 } : { key: keyOf(random) }

const mixes: Readonly<Record<string, Mix>> = {
  uniform: (random) => ({ key: random() }),
  '90 % in a tenth of the keys': (random) => ({ key: hot(random) }),
  '90 % in a tenth of the keys, and scans': withScans(hot),
  zipfian: (random) => ({ key: skewed(random) }),
  'zipfian, and scans': withScans(skewed),
}

export async function cache(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cache-'))
  try {
    const store = `file://${directory}/store`
    await withDatabase(store, directory, fill)
    console.log('| point reads | ideal LRU, misses | here, misses | ratio |\n|---|---:|---:|---:|')
    for (const [name, mix] of Object.entries(mixes)) {
      const [ideal, ours] = await withDatabase(store, directory, (db, misses) => measure(mix, db, misses))
      const share = (count: number) => `${((count / reads) * 100).toFixed(1)} %`
      console.log(`| ${name} | ${share(ideal)} | ${share(ours)} | ${(ours / ideal).toFixed(2)} |`)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measure(
  mix: Mix,
  db: Database,
  misses: () => Promise<number>,
): Promise<[ideal: number, ours: number]> {
  const random = seeded(1)
  const lru = new LRUCache<number, true>({ max: Math.floor(cacheBytes / chunkBytes) })
  let ideal = 0
  let ours = 0
  for (let at = 0; at < warmUpReads + reads; at++) {
    const { key, scanned } = mix(random)
    const first = Math.floor(key * records)
    const chunk = chunkOf(first)
    if (scanned !== undefined) {
      const end = first + Math.floor(scanned * records)
      for (let passed = chunk; passed <= chunkOf(end); passed++) lru.set(passed, true)
      await scan(db, first, end)
      continue
    }
    const isMiss = lru.get(chunk) === undefined
    lru.set(chunk, true)
    if (at < warmUpReads) {
      await db.get(keyOf(first))
      continue
    }
    if (isMiss) ideal += 1
    const before = await misses()
    await db.get(keyOf(first))
    ours += (await misses()) - before
  }
  return [ideal, ours]
}

function chunkOf(key: number): number {
  return Math.floor((key * recordBytes) / chunkBytes)
}

async function scan(db: Database, first: number, end: number): Promise<void> {
  for await (const _ of db.iterator({ gte: keyOf(first), lt: keyOf(end), fillCache: false }));
}

/** Opens the database with an empty cache. `misses` counts the reads that went to the store. */
async function withDatabase<T>(
  store: string,
  directory: string,
  work: (db: Database, misses: () => Promise<number>) => Promise<T>,
): Promise<T> {
  const options = {
    ...largeTables,
    block_based_table_factory: { filter_policy: 'bloomfilter:10:false', no_block_cache: true },
  } as const
  return inEnv({ store }, directory, 'db', { options, cacheBytes }, (db, env) =>
    work(db, async () => (await env.metrics())?.cache.misses ?? 0),
  )
}

/** Zipf's law, with an exponent of 0.99, over equal parts of the keys in an order of no meaning. */
function zipfian(parts: number): (random: () => number) => number {
  const weights = Array.from({ length: parts }, (_, rank) => 1 / (rank + 1) ** 0.99)
  const total = weights.reduce((sum, weight) => sum + weight)
  return (random) => {
    let rest = random() * total
    let rank = 0
    while (rank < parts - 1 && rest > weights[rank]!) rest -= weights[rank++]!
    return (((rank * 617) % parts) + random()) / parts
  }
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
