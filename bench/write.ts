/**
 * Writing beside what the disk and the store can do: random records are loaded and compacted to the
 * end on the Env over MinIO; on plain RocksDB; on plain RocksDB while the SDK sends as many bytes
 * as the Env sent; and those bytes are sent by the SDK alone. Then the time of a commit, from the
 * last byte of a table to the acknowledgement of its flush. MinIO takes its CPU from the same
 * machine.
 */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { RocksDB as Database, HostedCloudEnv, StoreRequest } from '../dist/index.js'
import { bareClient } from './bare-client.js'
import { type Cost, costOf, manyAtOnce } from './cost.js'
import { inEnv, inPlainDirectory, keyOf, largeTables } from './database.js'
import { type FarStore, newFarStore, withDistance } from './far-store.js'
import { median } from './statistics.js'

const mib = 1024 * 1024
const rounds = 3
const batchRecords = 1000
const valueBytes = 1024
/** 1 GiB of values. */
const records = mib
const distancesMs = [0, 1, 20] as const
const commits = 7

export async function write(): Promise<void> {
  const store = newFarStore('write')
  const directory = await mkdtemp(join(tmpdir(), 'write-'))
  try {
    await loads(store, directory)
    await commitTimes(store, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Round {
  readonly local: Cost
  readonly sdk: Cost
  /** Plain RocksDB while the SDK sends. */
  readonly both: Cost
  readonly env: Cost
  readonly bytes: number
  readonly requests: number
}

async function loads(store: FarStore, directory: string): Promise<void> {
  const done: Round[] = []
  for (let round = 0; round < rounds; round++) {
    const local = await inPlainDirectory(directory, { options: largeTables }, (db) => costOf(() => load(db)))
    const { cost: env, bytes, requests } = await loadOnEnv(store, directory)
    const sdk = await sendWithSdk(store, directory, bytes)
    const both = await inPlainDirectory(directory, { options: largeTables }, (db) =>
      costOf(async () => void (await Promise.all([load(db), sendWithSdk(store, directory, bytes)]))),
    )
    done.push({ local, sdk, both, env, bytes, requests })
    console.error(`round ${round + 1} of ${rounds}`)
  }
  const middle = (value: (round: Round) => number) => median(done.map(value))
  const mbPerS = (bytes: number, { ms }: Cost) => bytes / ms / 1000
  const loaded = records * valueBytes
  console.log('| load and compaction of 1 GiB | |\n|---|---:|')
  const row = (name: string, value: number, digits = 0) =>
    console.log(
      `| ${name} | ${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} |`,
    )
  row(
    'plain RocksDB, MB/s',
    middle(({ local }) => mbPerS(loaded, local)),
  )
  row(
    'here, MB/s',
    middle(({ env }) => mbPerS(loaded, env)),
  )
  row(
    'bytes sent by a byte loaded',
    middle(({ bytes }) => bytes / loaded),
    2,
  )
  row(
    'requests that put',
    middle(({ requests }) => requests),
  )
  row(
    'SDK, the same bytes, MB/s',
    middle(({ sdk, bytes }) => mbPerS(bytes, sdk)),
  )
  row(
    'plain RocksDB while the SDK sends as many bytes, MB/s',
    middle(({ both }) => mbPerS(loaded, both)),
  )
  row(
    'here beside that',
    middle(({ env, both }) => both.ms / env.ms),
    2,
  )
  row(
    'here beside the slower of both alone',
    middle(({ env, local, sdk }) => Math.max(local.ms, sdk.ms) / env.ms),
    2,
  )
  row('CPU of the SDK, s/GB', middle(({ sdk, bytes }) => sdk.cpuMs / bytes) * 1e6, 2)
  row(
    'CPU here beyond that of plain RocksDB, s/GB',
    middle(({ env, local, bytes }) => (env.cpuMs - local.cpuMs) / bytes) * 1e6,
    2,
  )
}

async function load(db: Database): Promise<void> {
  const pool = randomBytes(16 * mib)
  for (let first = 0; first < records; first += batchRecords) {
    const batch = []
    for (let at = first; at < first + batchRecords && at < records; at++) {
      const start = (at * 7919) % (pool.length - valueBytes)
      batch.push({
        type: 'put' as const,
        key: keyOf(inDisorder(at)),
        value: pool.subarray(start, start + valueBytes),
      })
    }
    await db.batch(batch)
  }
  await db.flush()
  await db.compactRange()
}

/** A permutation of the records. */
function inDisorder(at: number): number {
  return Number((BigInt(at) * 7_368_787n) % BigInt(records))
}

async function loadOnEnv(
  store: FarStore,
  directory: string,
): Promise<{ readonly cost: Cost; readonly bytes: number; readonly requests: number }> {
  const place = placeOf(store, store.nearEndpoint)
  return await inEnv(
    place,
    directory,
    `load-${randomBytes(4).toString('hex')}`,
    { options: largeTables },
    async (db, env) => {
      const cost = await costOf(() => load(db))
      const { bytes, requests } = (await env.metrics())!.store.put
      return { cost, bytes, requests }
    },
  )
}

/** Files of 64 MiB, four at a time, in pieces of 1 MiB, without checksums: the least that a client does. */
async function sendWithSdk(store: FarStore, directory: string, bytes: number): Promise<Cost> {
  const size = 64 * mib
  const file = join(directory, 'table')
  await writeFile(file, randomBytes(size))
  const client = bareClient(store.nearEndpoint)
  try {
    return await manyAtOnce(Math.ceil(bytes / size), 4, async (at) => {
      const ContentLength = Math.min(size, bytes - at * size)
      const Body = createReadStream(file, { highWaterMark: mib, end: ContentLength - 1 })
      const Key = `${store.prefix}/sdk-${at % 16}`
      await client.send(new PutObjectCommand({ Bucket: store.bucket, Key, Body, ContentLength }))
    })
  } finally {
    client.destroy()
    await rm(file)
  }
}

/** From the moment that a table is complete until its flush is acknowledged. */
async function commitTimes(store: FarStore, directory: string): Promise<void> {
  console.log(
    '\n| commit of a table | away | table, ms | MANIFEST and CLOUDMANIFEST, ms | from the last byte, ms |\n|---|---:|---:|---:|---:|',
  )
  for (const [what, bytes] of [
    ['64 KiB', 64 * 1024],
    ['64 MiB', 64 * mib],
  ] as const)
    for (const distanceMs of distancesMs)
      await withDistance(store, distanceMs, async (endpoint) => {
        const options = {
          ...largeTables,
          write_buffer_size: 256 * mib,
          disable_auto_compactions: true,
        } as const
        const times = await inEnv(
          placeOf(store, endpoint),
          directory,
          `commit-${bytes}-${distanceMs}`,
          { options },
          async (db, env) => {
            const times = []
            for (let commit = 0; commit <= commits; commit++) times.push(await commitTime(db, env, bytes))
            return times.slice(1)
          },
        )
        const cell = (of: (time: CommitTime) => number) => median(times.map(of)).toFixed(0)
        console.log(
          `| ${what} | ${distanceMs} ms | ${cell(({ tableMs }) => tableMs)} | ${cell(({ restMs }) => restMs)} | ${cell(({ wholeMs }) => wholeMs)} |`,
        )
      })
}

interface CommitTime {
  readonly tableMs: number
  readonly restMs: number
  readonly wholeMs: number
}

async function commitTime(db: Database, env: HostedCloudEnv, bytes: number): Promise<CommitTime> {
  const pool = randomBytes(mib)
  for (let at = 0; at < bytes; at += pool.length)
    await db.put(keyOf(at), pool.subarray(0, Math.min(pool.length, bytes - at)))
  const requests: StoreRequest[] = []
  const stop = env.on('request', (request) => requests.push(request))
  await db.flush()
  const committedMs = Date.now()
  // Events come from another thread, a moment later.
  while (!requests.some(({ operation }) => operation === 'head'))
    await new Promise((resolve) => setTimeout(resolve, 5))
  stop()
  const table = requests.find(({ operation, key }) => operation === 'put' && key.includes('.sst-'))!
  const tableMs = table.milliseconds
  const wholeMs = committedMs - table.startMs
  return { tableMs, restMs: wholeMs - tableMs, wholeMs }
}

function placeOf({ bucket, prefix }: FarStore, endpoint: string) {
  return { store: `s3://${bucket}/${prefix}`, endpoint }
}
