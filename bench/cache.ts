/**
 * Point reads that go to the store when the cache is a fifth of the database, beside those of ideal LRUs of chunks that see
 * every read. The store is in a directory: only requests count.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { RocksDB as Database } from '../dist/index.js'
import { fill, inEnv, keyOf, largeTables, recordBytes, records } from './database.js'
import { seeded } from './seeded.js'

const smallBytes = 16 * 1024
const largeBytes = 64 * 1024
const cacheBytes = 100 * 1024 * 1024
const warmUpReads = 30_000
const reads = 30_000

/** Place of the next key to read, from 0 to below 1 of the database, and the share of it that a scan reads from there. */
type Mix = (random: () => number) => { readonly key: number; readonly scanned?: number }

const hot = (random: () => number) => (random() < 0.9 ? 0.4 + random() / 10 : random())
/** Some parts of the database are read far more often than others, and lie anywhere. */
const skewed = zipfian(1000)
/** The same of single keys: no neighbour of a hot one is hot. */
const scattered = zipfian(records)
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
  'zipfian, hot keys apart': (random) => ({ key: scattered(random) }),
}

export async function cache(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cache-'))
  try {
    const store = `file://${directory}/store`
    await withDatabase(store, directory, fill)
    console.log('| point reads | LRU of 64 KiB | LRU of 16 KiB | here | ratio |\n|---|---:|---:|---:|---:|')
    for (const [name, mix] of Object.entries(mixes)) {
      const misses = await withDatabase(store, directory, (db, count) => measure(mix, db, count))
      const shares = misses.map((count) => `${((count / reads) * 100).toFixed(1)} %`)
      const [, small, ours] = misses
      console.log(`| ${name} | ${shares.join(' | ')} | ${(ours / small).toFixed(2)} |`)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measure(
  mix: Mix,
  db: Database,
  misses: () => Promise<number>,
): Promise<[large: number, small: number, ours: number]> {
  const random = seeded(1)
  const large = new IdealLru(largeBytes)
  const small = new IdealLru(smallBytes)
  const lrus = [large, small]
  let ours = 0
  for (let at = 0; at < warmUpReads + reads; at++) {
    const { key, scanned } = mix(random)
    const first = Math.floor(key * records)
    if (scanned !== undefined) {
      const end = first + Math.floor(scanned * records)
      for (const lru of lrus) lru.scan(first, end)
      await scan(db, first, end)
      continue
    }
    for (const lru of lrus) lru.read(first)
    if (at < warmUpReads) {
      await db.get(keyOf(first))
      for (const lru of lrus) lru.misses = 0
      continue
    }
    const before = await misses()
    await db.get(keyOf(first))
    ours += (await misses()) - before
  }
  return [large.misses, small.misses, ours]
}

class IdealLru {
  misses = 0
  readonly #chunkBytes: number
  readonly #chunks: LRUCache<number, true>

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes
    this.#chunks = new LRUCache({ max: Math.floor(cacheBytes / chunkBytes) })
  }

  read(key: number): void {
    const chunk = this.#chunkOf(key)
    if (this.#chunks.get(chunk) === undefined) this.misses += 1
    this.#chunks.set(chunk, true)
  }

  scan(first: number, end: number): void {
    for (let chunk = this.#chunkOf(first); chunk <= this.#chunkOf(end); chunk++) this.#chunks.set(chunk, true)
  }

  #chunkOf(key: number): number {
    return Math.floor((key * recordBytes) / this.#chunkBytes)
  }
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
  return inEnv({ store }, directory, 'db', { options, cache: { maxBytes: cacheBytes } }, (db, env) =>
    work(db, async () => (await env.metrics())?.cache.misses ?? 0),
  )
}

/** Zipf's law, with an exponent of 0.99, over equal parts of the keys in an order of no meaning. */
function zipfian(parts: number): (random: () => number) => number {
  const weights = Array.from({ length: parts }, (_, rank) => 1 / (rank + 1) ** 0.99)
  const bounds = new Float64Array(parts)
  let total = 0
  for (const [rank, weight] of weights.entries()) {
    total += weight
    bounds[rank] = total
  }
  return (random) => {
    const place = random() * total
    let first = 0
    let last = parts - 1
    while (first < last) {
      const middle = (first + last) >> 1
      if (bounds[middle]! < place) first = middle + 1
      else last = middle
    }
    return (((first * 617) % parts) + random()) / parts
  }
}
