/**
 * Openings with nothing on the local disk, each up to the first value, of databases of 10 to 5,000 tables: MinIO, and
 * the same behind a proxy that adds latency. Round trips are the requests that were made one after another there.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { HostedEnv, OpenOptions } from '../dist/index.js'
import { keyOf } from './database.js'
import { type FarStore, newFarStore, withDistance } from './far-store.js'
import { median } from './statistics.js'

// Seen from build/bench, where this runs.
const built = (module: string) => new URL(`../../dist/${module}.js`, import.meta.url).href
const { cloudEnv, importDatabase, RocksDB } = (await import(
  built('index')
)) as typeof import('../dist/index.js')
const { EnvHost } = (await import(built('host/env-host'))) as typeof import('../dist/host/env-host.js')
const { createCloudEnv } = (await import(
  built('cloud/cloud-env')
)) as typeof import('../dist/cloud/cloud-env.js')

const rounds = 3
const latencyMs = 50
const sizes = [10, 100, 1000, 5000] as const
/** As many as fit into a table of the smallest size that RocksDB makes of these. */
const keysPerTable = 36
const options = { disable_auto_compactions: true } as const

export async function open(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'open-'))
  const store = newFarStore('open')
  try {
    console.log('| tables | work | requests | round trips | ms | ms, 50 ms away | plain RocksDB, ms |')
    console.log('|---:|---|---:|---:|---:|---:|---:|')
    const memory: Memory[] = []
    const starts: number[] = []
    for (const tables of sizes) {
      const place = { store, directory, tables, name: `db${tables}` }
      await makeDatabase(place)
      await print(place)
      memory.push(await memoryOf(place))
      starts.push(await startOfEnv(place))
    }
    console.log(`\nStart of the Env: ${shown(median(starts))} ms`)
    printMemory(memory[0]!, memory.at(-1)!)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Place {
  readonly store: FarStore
  readonly directory: string
  readonly tables: number
  readonly name: string
}

/** Makes a plain database, for RocksDB alone, and brings it into the store. */
async function makeDatabase(place: Place): Promise<void> {
  const { store, tables } = place
  const path = plainPath(place)
  const small = { ...options, target_file_size_base: 1, compression: 'kNoCompression' }
  const db = await RocksDB.open(path, { options: small })
  const value = Buffer.alloc(100)
  // Twice, so that a compaction has something to merge, and makes the tables.
  for (const keys of [keysPerTable, 1]) {
    for (let table = 0; table < tables; table++)
      await db.batch(
        Array.from({ length: keys }, (_, at) => ({
          type: 'put' as const,
          key: keyOf(table * keysPerTable + at),
          value,
        })),
      )
    await db.flush()
  }
  await db.compactRange()
  await db.close()
  await importDatabase(path, url(place), { store: { endpoint: store.nearEndpoint }, verify: false })
}

const works = ['read-only open', 'write open', 'write open, warm'] as const
type Work = (typeof works)[number]

interface Cost {
  readonly ms: number
  readonly requests: number
  /** Requests one after another. */
  readonly trips: number
}

async function measure(place: Place, endpoint: string): Promise<ReadonlyMap<Work, Cost>> {
  const costs = new Map<Work, Cost>()
  await inTracedEnv(place, endpoint, async (env, path, take) => {
    costs.set('read-only open', { ms: await openAndGet(place, path, { env, readOnly: true }), ...take() })
  })
  await inTracedEnv(place, endpoint, async (env, path, take) => {
    for (const work of ['write open', 'write open, warm'] as const)
      costs.set(work, { ms: await openAndGet(place, path, { env }), ...take() })
  })
  return costs
}

/** Milliseconds until the first value is there. */
async function openAndGet({ tables }: Place, path: string, terms: OpenOptions): Promise<number> {
  const start = performance.now()
  const db = await RocksDB.open(path, { options, ...terms })
  const value = await db.get(keyOf(Math.floor((tables * keysPerTable) / 2)))
  const ms = performance.now() - start
  if (value === undefined) throw new Error(`${path} lacks a key`)
  await db.close()
  return ms
}

interface Request {
  readonly start: number
  readonly end: number
}

type Traffic = Pick<Cost, 'requests' | 'trips'>

/** Does the work with an Env in this thread, whose requests are known since the last call of `take`. */
async function inTracedEnv(
  { store, directory, name }: Place,
  endpoint: string,
  work: (env: HostedEnv, path: string, take: () => Traffic) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(directory, 'root-'))
  const options = { store: `s3://${store.bucket}/${store.prefix}`, endpoint, root }
  const requests: Request[] = []
  const env = await createCloudEnv(options, {
    onRequest({ milliseconds }) {
      const end = performance.now()
      requests.push({ start: end - milliseconds, end })
    },
  })
  const host = await EnvHost.listen(env, join(root, 'env.sock'))
  const hosted: HostedEnv = {
    start: async () => host.socketPath,
    defaultOptions: cloudEnv(options).defaultOptions,
    metrics: async () => undefined,
    close: () => host.close(),
  }
  await work(hosted, join(root, name), () => {
    const taken = requests.splice(0)
    return { requests: taken.length, trips: oneAfterAnother(taken) }
  })
  await host.close()
  await rm(root, { recursive: true })
}

function oneAfterAnother(requests: readonly Request[]): number {
  let count = 0
  let end = 0
  for (const request of requests.toSorted((a, b) => a.end - b.end)) {
    if (request.start < end) continue
    count += 1
    end = request.end
  }
  return count
}

/** Milliseconds of a new Env until it can be used, without a request. */
async function startOfEnv({ store, directory }: Place): Promise<number> {
  const root = await mkdtemp(join(directory, 'root-'))
  const env = cloudEnv({ store: `s3://${store.bucket}/${store.prefix}`, endpoint: store.nearEndpoint, root })
  const start = performance.now()
  await env.start()
  const ms = performance.now() - start
  await env.close()
  await rm(root, { recursive: true })
  return ms
}

interface Memory {
  readonly tables: number
  readonly readerBytes: number
  readonly writerBytes: number
}

/** Memory that an Env in this thread keeps of a database of which no table is open. */
async function memoryOf({ store, directory, tables, name }: Place): Promise<Memory> {
  const root = await mkdtemp(join(directory, 'root-'))
  const env = await createCloudEnv({
    store: `s3://${store.bucket}/${store.prefix}`,
    endpoint: store.nearEndpoint,
    root,
  })
  const path = join(root, name)
  // The first opening loads and compiles, which is no table's.
  await env.getFileSize(join(root, `db${sizes[0]}`, 'CURRENT'))
  const before = await usedBytes()
  await env.getFileSize(join(path, 'CURRENT'))
  const readerBytes = (await usedBytes()) - before
  await env.lockFile(join(path, 'LOCK'))
  const writerBytes = (await usedBytes()) - before
  await env.unlockFile(join(path, 'LOCK'))
  await env.close()
  await rm(root, { recursive: true })
  return { tables, readerBytes, writerBytes }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function usedBytes(): Promise<number> {
  // Work that has just ended is let go of in later turns.
  for (let times = 0; times < 3; times++) {
    await setTimeout(50)
    collectGarbage()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function plainPath({ directory, name }: Place): string {
  return join(directory, name)
}

function url({ store, name }: Place): string {
  return `s3://${store.bucket}/${store.prefix}/${name}`
}

async function print(place: Place): Promise<void> {
  const near: ReadonlyMap<Work, Cost>[] = []
  const plain: number[] = []
  for (let round = 0; round < rounds; round++) {
    near.push(await measure(place, place.store.nearEndpoint))
    plain.push(await openAndGet(place, plainPath(place), { options: { ...options, max_open_files: 5000 } }))
  }
  const far = await withDistance(place.store, latencyMs, (endpoint) => measure(place, endpoint))
  for (const work of works) {
    const { requests, trips, ms } = far.get(work)!
    const nearMs = median(near.map((costs) => costs.get(work)!.ms))
    const cells = [place.tables.toLocaleString('en'), work, requests, trips]
    console.log(`| ${[...cells, ...[nearMs, ms, median(plain)].map(shown)].join(' | ')} |`)
  }
}

/** Memory a table of the largest database: with fewer tables, all else in the heap changes by more. */
function printMemory(least: Memory, most: Memory): void {
  const each = (bytesOf: (memory: Memory) => number) =>
    shown((bytesOf(most) - bytesOf(least)) / (most.tables - least.tables))
  const reader = each(({ readerBytes }) => readerBytes)
  const writer = each(({ writerBytes }) => writerBytes)
  console.log(`\nMemory of a table that is not open: ${reader} bytes for a reader, ${writer} for a writer`)
}

function shown(value: number): string {
  return Math.round(value).toLocaleString('en')
}
