/**
 * The data plane beside what the store can do: MinIO on loopback, and the same behind a proxy that adds latency. Each
 * row has both sides in one run, in turns, and the ratio of their medians.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { RocksDB as Database } from '../dist/index.js'
import { bareClient } from './bare-client.js'
import { type Cost, costOf, manyAtOnce, medianCost } from './cost.js'
import { fill, inEnv, keyOf, largeTables, recordBytes, records } from './database.js'
import { type FarStore, newFarStore, withDistance } from './far-store.js'

// Seen from build/bench, where this runs.
const built = new URL('../../dist/store/s3-store.js', import.meta.url).href
const { S3Store } = (await import(built)) as typeof import('../dist/store/s3-store.js')

const rounds = 5
const distancesMs = [0, 1, 20, 50] as const
const kib = 1024
const mib = 1024 * kib

interface Row {
  readonly work: string
  readonly unit: string
  readonly peer: number
  readonly ours: number
}

export async function cloud(): Promise<void> {
  const store = newFarStore('bench')
  const directory = await mkdtemp(join(tmpdir(), 'cloud-'))
  try {
    const table = await fillDatabase(store, directory)
    console.log('| work | unit | SDK | here | ratio |\n|---|---|---:|---:|---:|')
    for (const distanceMs of distancesMs)
      await withDistance(store, distanceMs, async (endpoint) => {
        const place = { store, endpoint, directory, distanceMs, table }
        for (const measure of [rangedGets, coldReads, coldScan]) (await measure(place)).forEach(print)
      })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Place {
  readonly store: FarStore
  readonly endpoint: string
  readonly directory: string
  readonly distanceMs: number
  /** Key of a table in the store. */
  readonly table: string
}

async function fillDatabase(store: FarStore, directory: string): Promise<string> {
  console.error('filling a database of 480 MB')
  return await inDatabase({ store, endpoint: store.nearEndpoint, directory }, {}, async (db) => {
    await fill(db)
    const s3 = storeAt(store, store.nearEndpoint)
    let largest = { key: '', size: 0 }
    for await (const object of s3.list('db/')) if (object.size > largest.size) largest = object
    await s3.close()
    return largest.key
  })
}

/** Ranged GETs of our store beside those of the SDK. */
async function rangedGets({ store, endpoint, table, distanceMs }: Place): Promise<Row[]> {
  const sdk = new SdkReader(store, endpoint, table)
  const s3 = storeAt(store, endpoint)
  const rows: Row[] = []
  for (const length of [4 * kib, 64 * kib]) {
    for (const atOnce of [1, 16]) {
      const count = distanceMs < 20 ? 1000 : 200
      const [peer, ours] = await inTurns(
        () => manyAtOnce(count, atOnce, (at) => sdk.read(offsetOf(at), length)),
        () =>
          manyAtOnce(
            count,
            atOnce,
            async (at) => void (await s3.get(table, { offset: offsetOf(at), length })),
          ),
      )
      const work = `${far(distanceMs)}GET of ${length / kib} KiB, ${atOnce} at once`
      rows.push(...timeAndCpu(work, count, peer, ours))
    }
  }
  sdk.close()
  await s3.close()
  return rows
}

/** Reads of keys all over a database of which nothing is here, beside as many ranged GETs of the SDK. */
async function coldReads(place: Place): Promise<Row[]> {
  const { store, endpoint, table, distanceMs } = place
  const sdk = new SdkReader(store, endpoint, table)
  const count = 300
  const rows: Row[] = []
  for (const atOnce of [1, 64]) {
    const [peer, ours] = await inTurns(
      () => manyAtOnce(count, atOnce, (at) => sdk.read(offsetOf(at), 16 * kib)),
      () =>
        inDatabase(place, { readOnly: true }, async (db) => {
          // Opens the tables, whose index and filter then are in memory.
          for (let at = 0; at < 64; at++) await db.get(keyOf(Math.floor((at * records) / 64)))
          return await manyAtOnce(count, atOnce, async (at) => {
            const number = (at * 104_729 + 50_021) % records
            if ((await db.get(keyOf(number))) === undefined) throw new Error(`no key ${number}`)
          })
        }),
    )
    rows.push(...timeAndCpu(`${far(distanceMs)}cold read, ${atOnce} at once`, count, peer, ours))
  }
  sdk.close()
  return rows
}

/** A scan of all records beside a download of as many bytes with the SDK, four ranges of 8 MiB at once. */
async function coldScan(place: Place): Promise<Row[]> {
  const { store, endpoint, table, distanceMs } = place
  const sdk = new SdkReader(store, endpoint, table)
  const bytes = records * recordBytes
  const rangeBytes = 8 * mib
  const [peer, ours] = await inTurns(
    () => manyAtOnce(Math.ceil(bytes / rangeBytes), 4, (at) => sdk.read((at % 6) * rangeBytes, rangeBytes)),
    () =>
      inDatabase(place, { readOnly: true }, (db) =>
        costOf(async () => {
          let count = 0
          for await (const _ of db.iterator()) count += 1
          if (count !== records) throw new Error(`${count} records instead of ${records}`)
        }),
      ),
  )
  sdk.close()
  const work = `${far(distanceMs)}cold scan`
  return [
    { work, unit: 'MB/s', peer: bytes / peer.ms / 1000, ours: bytes / ours.ms / 1000 },
    {
      work: `${work}: CPU`,
      unit: 'ms/GB',
      peer: (peer.cpuMs / bytes) * 1e9,
      ours: (ours.cpuMs / bytes) * 1e9,
    },
  ]
}

function timeAndCpu(work: string, count: number, peer: Cost, ours: Cost): Row[] {
  return [
    { work, unit: 'µs', peer: (peer.ms * 1000) / count, ours: (ours.ms * 1000) / count },
    {
      work: `${work}: CPU`,
      unit: 'µs',
      peer: (peer.cpuMs * 1000) / count,
      ours: (ours.cpuMs * 1000) / count,
    },
  ]
}

/** Reads a table with the SDK alone. */
class SdkReader {
  readonly #client: S3Client
  readonly #object: { readonly Bucket: string; readonly Key: string }

  constructor({ bucket, prefix }: FarStore, endpoint: string, table: string) {
    this.#object = { Bucket: bucket, Key: `${prefix}/${table}` }
    this.#client = bareClient(endpoint)
  }

  async read(offset: number, length: number): Promise<void> {
    const Range = `bytes=${offset}-${offset + length - 1}`
    const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#object, Range }))
    await Body!.transformToByteArray()
  }

  close(): void {
    this.#client.destroy()
  }
}

/** Somewhere in the first 48 MiB of the table, where no two are the same. */
function offsetOf(at: number): number {
  return (at * 131_071) % (48 * mib)
}

function storeAt({ bucket, prefix }: FarStore, endpoint: string): InstanceType<typeof S3Store> {
  return new S3Store({ bucket, prefix, endpoint })
}

async function inDatabase<T>(
  { store: { bucket, prefix }, endpoint, directory }: Pick<Place, 'store' | 'endpoint' | 'directory'>,
  open: { readonly readOnly?: true },
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const options = {
    ...largeTables,
    block_based_table_factory: { filter_policy: 'bloomfilter:10:false' },
  } as const
  const place = { store: `s3://${bucket}/${prefix}`, endpoint }
  return await inEnv(place, directory, 'db', { options, ...open }, work)
}

/** Medians of both, after one round that does not count. */
async function inTurns(peer: () => Promise<Cost>, ours: () => Promise<Cost>): Promise<[Cost, Cost]> {
  const costs: [Cost, Cost][] = []
  for (let round = 0; round <= rounds; round++) {
    if (round % 2 === 0) costs.push([await peer(), await ours()])
    else {
      const own = await ours()
      costs.push([await peer(), own])
    }
  }
  const counted = costs.slice(1)
  return [medianCost(counted.map(([theirs]) => theirs)), medianCost(counted.map(([, own]) => own))]
}

function far(distanceMs: number): string {
  return distanceMs === 0 ? '' : `${distanceMs} ms away: `
}

function print({ work, unit, peer, ours }: Row): void {
  const shown = (value: number) => Math.round(value).toLocaleString('en')
  console.log(`| ${work} | ${unit} | ${shown(peer)} | ${shown(ours)} | ${(ours / peer).toFixed(2)} |`)
}
