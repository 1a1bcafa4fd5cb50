import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { costOf, manyAtOnce } from '../cost.js'
import {
  type CountedStore,
  costUsd,
  difference,
  requestCount,
  type Traffic,
  withCountedStore,
} from '../counted-store.js'
import { keyOf } from '../database.js'
import { type Figure, timeAndCpu } from './figures.js'
import type { Entry, OpenPeer, Peer, PeerPlace } from './peer.js'

/** A database of one peer, on a store that may be far away. */
export interface Bench {
  readonly peer: Peer
  readonly place: Omit<PeerPlace, 'endpoint'>
  /** Endpoint of MinIO. */
  readonly server: string
  readonly distanceMs: number
}

/** Records of the database that is read, of 16 + 100 bytes. */
const records = 200_000
const recordBytes = 116
const batchRecords = 1000
const puts = 5000
const scanned = 20_000
const gb = 1e9

/** Puts that need not be durable, one after another and many at once, into an empty database. */
async function puttingLocally(bench: Bench): Promise<Figure[]> {
  return await opened(bench, async (db) => {
    const putAll = (first: number, atOnce: number, put: (entry: Entry) => Promise<void>) =>
      manyAtOnce(puts, atOnce, (at) => put(entryOf(first + at)))
    await putAll(0, 1, (entry) => db.put(entry)) // Compiles what is called.
    const figures = [
      ...timeAndCpu('put', puts, await putAll(0, 1, (entry) => db.put(entry))),
      ...timeAndCpu('put, 64 at once', puts, await putAll(puts, 64, (entry) => db.put(entry))),
    ]
    const { putSynced } = db
    if (putSynced) {
      figures.push(
        ...timeAndCpu(
          'put, synced to the local disk',
          500,
          await manyAtOnce(500, 1, (at) => putSynced(entryOf(at))),
        ),
      )
    }
    return figures
  })
}

/** Puts of one writer, and of 64 at the same time, that are in the store when they resolve. */
async function puttingDurably(bench: Bench): Promise<Figure[]> {
  return await opened(bench, async (db) => {
    await db.putDurably([entryOf(0)])
    const [one, many] = [10, 5]
    const single = await manyAtOnce(one, 1, (at) => db.putDurably([entryOf(at)]))
    const group = await manyAtOnce(many, 1, (at) => db.putDurably(entriesOf(at * 64, 64)))
    return [
      ...timeAndCpu(`${far(bench)}put, in the store`, one, single),
      ...timeAndCpu(`${far(bench)}64 puts at once, in the store`, many, group),
    ]
  })
}

/** Fills the database in batches, in no order of the keys, until all of it is in the store. */
async function ingesting(bench: Bench): Promise<Figure[]> {
  return await opened(bench, async (db, store) => {
    const entries = Array.from({ length: records }, (_, at) => entryOf(inDisorder(at, 104_729)))
    const before = await store.traffic()
    const batched = await manyAtOnce(records / batchRecords, 1, (at) =>
      db.batch(entries.slice(at * batchRecords, (at + 1) * batchRecords)),
    )
    const flushed = await costOf(() => db.flush())
    const total = { ms: batched.ms + flushed.ms, cpuMs: batched.cpuMs + flushed.cpuMs }
    const traffic = difference(await settledTraffic(store), before)
    const perGb = gb / (records * recordBytes)
    return [
      ...timeAndCpu('batch of 1,000 puts, for each record', records, batched),
      ...timeAndCpu('ingest until it is in the store, for each record', records, total),
      { work: 'ingest: requests', unit: 'per GB', value: requestCount(traffic) * perGb },
      { work: 'ingest: sent to the store', unit: 'GB per GB', value: (traffic.sentBytes / gb) * perGb },
      {
        work: 'ingest: fetched from the store',
        unit: 'GB per GB',
        value: (traffic.receivedBytes / gb) * perGb,
      },
      { work: 'ingest: requests, list price', unit: '$ per GB', value: costUsd(traffic) * perGb },
    ]
  })
}

/** Reads a database of which nothing is here. */
async function readingCold(bench: Bench): Promise<Figure[]> {
  const [single, group] = bench.distanceMs === 0 ? [200, 640] : [50, 640]
  const figures: Figure[] = []
  await withCountedStore(bench.server, bench.distanceMs, async (store) => {
    let db: OpenPeer | undefined
    const opening = await costOf(async () => {
      db = await bench.peer.open({ ...bench.place, endpoint: store.endpoint })
      await read(db, 0)
    })
    const toOpen = await store.traffic()
    figures.push(
      { work: `${far(bench)}cold open and first get`, unit: 'ms', value: opening.ms },
      { work: `${far(bench)}cold open and first get: requests`, unit: '', value: requestCount(toOpen) },
      {
        work: `${far(bench)}cold open and first get: fetched`,
        unit: 'MB',
        value: toOpen.receivedBytes / 1e6,
      },
    )
    const gets = await manyAtOnce(single, 1, (at) => read(db!, at + 1))
    const traffic = difference(await store.traffic(), toOpen)
    const many = await manyAtOnce(group, 64, (at) => read(db!, at + 1 + single))
    figures.push(
      ...timeAndCpu(`${far(bench)}cold get`, single, gets),
      { work: `${far(bench)}cold get: requests`, unit: '', value: requestCount(traffic) / single },
      ...timeAndCpu(`${far(bench)}cold get, 64 at once`, group, many),
    )
    await db!.close()
  })
  await rm(bench.place.local, { recursive: true })
  return [
    ...figures,
    ...(await opened(bench, async (db) =>
      timeAndCpu(`${far(bench)}cold scan, for each record`, scanned, await costOf(() => scan(db, 0))),
    )),
  ]
}

/** Reads a database all of which is here, in memory and, after it was opened again, on the local disk. */
async function readingWarm(bench: Bench): Promise<Figure[]> {
  const count = 5000
  const inMemory = await opened(bench, async (db) => {
    await scan(db, 0)
    const warm = await costOf(() => scan(db, 0))
    const getAll = (atOnce: number) => manyAtOnce(count, atOnce, (at) => read(db, at))
    // Fetches everything, then compiles what is called.
    for (const atOnce of [64, 1, 1]) await getAll(atOnce)
    return [
      ...timeAndCpu('warm get', count, await getAll(1)),
      ...timeAndCpu('warm get, 64 at once', count, await getAll(64)),
      ...timeAndCpu('warm scan, for each record', scanned, warm),
    ]
  })
  if (!bench.peer.keepsOnDisk) return inMemory
  const onDisk = await withCountedStore(bench.server, 0, async (store) => {
    let db: OpenPeer | undefined
    const opening = await costOf(async () => {
      db = await bench.peer.open({ ...bench.place, endpoint: store.endpoint })
      await read(db, 0)
    })
    const gets = await manyAtOnce(count, 1, (at) => read(db!, at))
    await db!.close()
    return [
      { work: 'open and first get, cached on disk', unit: 'ms', value: opening.ms },
      ...timeAndCpu('get, cached on disk', count, gets),
    ]
  })
  return [...inMemory, ...onDisk]
}

/** Requests of a database that is open for writing, and that nobody uses. */
async function idling(bench: Bench): Promise<Figure[]> {
  const minutes = 1
  return await opened(bench, async (_, store) => {
    const before = await store.traffic()
    await delay(minutes * 60_000)
    const traffic = difference(await store.traffic(), before)
    return [
      { work: 'idle: requests', unit: 'per hour', value: (requestCount(traffic) * 60) / minutes },
      {
        work: 'idle: requests, list price',
        unit: '$ per month',
        value: (costUsd(traffic) * 60 * 730) / minutes,
      },
    ]
  })
}

export const workloads = { puttingLocally, puttingDurably, ingesting, readingCold, readingWarm, idling }

async function opened<T>(
  { peer, place, server, distanceMs }: Bench,
  work: (db: OpenPeer, store: CountedStore) => Promise<T>,
): Promise<T> {
  return await withCountedStore(server, distanceMs, async (store) => {
    const db = await peer.open({ ...place, endpoint: store.endpoint })
    try {
      return await work(db, store)
    } finally {
      await db.close()
    }
  })
}

/** Traffic up to the last write of the compactions that follow, which are over when none came for a while. */
async function settledTraffic(store: CountedStore): Promise<Traffic> {
  const quietMs = 7000 // SlateDB looks every 5 s for something to compact.
  let last = await store.traffic()
  let since = performance.now()
  while (performance.now() - since < quietMs) {
    await delay(250)
    const now = await store.traffic()
    if (now.sentBytes - last.sentBytes < 65_536) continue
    last = now
    since = performance.now()
  }
  return last
}

/** A permutation of the records, one for each prime other than 2 and 5. */
function inDisorder(at: number, prime: number): number {
  return (at * prime + 50_021) % records
}

async function read(db: OpenPeer, at: number): Promise<void> {
  const number = inDisorder(at, 7919)
  if ((await db.get(Buffer.from(keyOf(number)))) === undefined) throw new Error(`no record ${number}`)
}

async function scan(db: OpenPeer, first: number): Promise<void> {
  const found = await db.scan(Buffer.from(keyOf(first)), scanned)
  if (found !== scanned) throw new Error(`${found} records instead of ${scanned}`)
}

/** Nothing that compresses. */
const noise = randomBytes(1 << 20)

function entryOf(number: number): Entry {
  const start = (number * 97) % (noise.length - 100)
  return { key: Buffer.from(keyOf(number)), value: noise.subarray(start, start + 100) }
}

function entriesOf(first: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, at) => entryOf(first + at))
}

function far({ distanceMs }: Bench): string {
  return distanceMs === 0 ? '' : `${distanceMs} ms away: `
}
