/**
 * Random reads of blocks of all sizes, as RocksDB makes them through the bridge: each block of a table is one value, and
 * without a block cache each get() is one pread of one block. On plain files, on the Env with everything cached, and on
 * the Env with nothing here. fio does the same to a plain file.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RocksDB as Database, RocksDBOptions } from '../../dist/index.js'
import { type Cost, costOf, medianCost } from '../cost.js'
import { inEnv, keyOf, RocksDB } from '../database.js'
import { type FarStore, withDistance } from '../far-store.js'
import { median } from '../statistics.js'
import { fio } from './fio.js'

const kib = 1024
const mib = 1024 * kib
export const blockSizes = [4, 8, 16, 32, 64, 128, 256, 512, 1024].map((size) => size * kib)
const farMs = 20
const databaseBytes = 64 * mib
const rounds = 5
const coldRounds = 3
/** At least 1 MiB apart, so that none finds what another fetched. */
const coldReads = databaseBytes / mib

export interface Reads {
  readonly blockBytes: number
  /** ms of one read. */
  readonly fioMs: number
  readonly local: Cost
  readonly cached: Cost
  readonly cold: Cost
  readonly far: Cost
}

/** Costs of one read, by block size. */
export async function randomReads(store: FarStore, directory: string): Promise<Reads[]> {
  const file = join(directory, 'file')
  await writeFile(file, randomBytes(databaseBytes))
  const results: Reads[] = []
  for (const blockBytes of blockSizes) {
    console.error(`reads of ${blockBytes / kib} KiB`)
    results.push(await readsOf(blockBytes, store, directory, file))
  }
  return results
}

async function readsOf(blockBytes: number, store: FarStore, directory: string, file: string): Promise<Reads> {
  const blocks = databaseBytes / blockBytes
  const count = Math.max(256, Math.min(20_000, (256 * mib) / blockBytes))
  const options = optionsOf(blockBytes)
  const name = `blocks-${blockBytes}`
  const place = { store: `s3://${store.bucket}/${store.prefix}`, endpoint: store.nearEndpoint }
  const plainPath = join(directory, 'plain')
  const plain = await RocksDB.open(plainPath, { options })
  await fill(plain, blocks, blockBytes)
  const warm = await inEnv(place, directory, name, { options }, async (db) => {
    await fill(db, blocks, blockBytes)
    const local: Cost[] = []
    const cached: Cost[] = []
    const raw: number[] = []
    for (let round = 0; round <= rounds; round++) {
      local.push(await reading(plain, count, (at) => (at * 7919) % blocks))
      cached.push(await reading(db, count, (at) => (at * 7919) % blocks))
      raw.push((blockBytes / (await rawReads(file, blockBytes))) * 1000)
    }
    // The first round does not count.
    return {
      local: medianCost(local.slice(1)),
      cached: medianCost(cached.slice(1)),
      fioMs: median(raw.slice(1)),
    }
  })
  await plain.close()
  await rm(plainPath, { recursive: true })
  const cold = (distanceMs: number) =>
    withDistance(store, distanceMs, async (endpoint) => {
      const costs: Cost[] = []
      for (let round = 0; round < coldRounds; round++)
        costs.push(
          await inEnv({ ...place, endpoint }, directory, name, { options, readOnly: true }, (db) =>
            reading(db, coldReads, (at) => Math.floor((((at * 37 + 11) % coldReads) * blocks) / coldReads)),
          ),
        )
      return medianCost(costs)
    })
  return { blockBytes, ...warm, cold: await cold(0), far: await cold(farMs) }
}

function optionsOf(blockBytes: number): RocksDBOptions {
  return {
    compression: 'kNoCompression',
    write_buffer_size: 2 * databaseBytes,
    block_based_table_factory: { block_size: blockBytes, no_block_cache: true },
  }
}

/** Writes one table in which each block has one value. */
async function fill(db: Database, blocks: number, blockBytes: number): Promise<void> {
  // Room for the key, the lengths and the trailer of the block.
  const noise = randomBytes(blockBytes - 64)
  for (let at = 0; at < blocks; at++) await db.put(keyOf(at), noise)
  await db.flush()
}

/** Cost of one of `count` reads, one after another on this thread. */
async function reading(db: Database, count: number, blockOf: (at: number) => number): Promise<Cost> {
  const { ms, cpuMs } = await costOf(async () => {
    for (let at = 0; at < count; at++)
      if (db.getSync(keyOf(blockOf(at))) === undefined) throw new Error(`no block ${blockOf(at)}`)
  })
  return { ms: ms / count, cpuMs: cpuMs / count }
}

/** Bytes per second of fio on a file that is in the page cache. */
async function rawReads(file: string, blockBytes: number): Promise<number> {
  await readFile(file)
  return await fio('randread', [
    `--filename=${file}`,
    `--bs=${blockBytes}`,
    `--size=${databaseBytes}`,
    '--invalidate=0',
    '--norandommap',
    '--time_based',
    '--runtime=1',
  ])
}
