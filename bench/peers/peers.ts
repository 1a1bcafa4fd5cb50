/**
 * The cloud Env beside SlateDB, a database that was made for object stores, and beside plain RocksDB whose files rclone
 * copies there: one machine, one MinIO, one run, in turns. Each figure is the median of the rounds. Everything passes a
 * proxy that counts requests, and that can be far away.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newFarStore } from '../far-store.js'
import { ensureProgram } from '../installed.js'
import { cloudEnvPeer } from './cloud-env-peer.js'
import { copiedRocksDBPeer } from './copied-rocksdb-peer.js'
import { type Figure, Figures } from './figures.js'
import type { Peer } from './peer.js'
import { loadSlateDB } from './slatedb-api.js'
import { slateDBPeer } from './slatedb-peer.js'
import {
  type Bench,
  idling,
  ingesting,
  puttingDurably,
  puttingLocally,
  readingCold,
  readingWarm,
} from './workloads.js'

const rounds = 3
const nearMs = 0
/** About the time to the first byte of S3 from within its region. */
const farMs = 20

type Workload = (bench: Bench) => Promise<Figure[]>

export async function peers(): Promise<void> {
  ensureProgram('rclone')
  const all = [cloudEnvPeer, slateDBPeer(await loadSlateDB()), copiedRocksDBPeer]
  const figures = new Figures(all.map(({ name }) => name))
  const directory = await mkdtemp(join(tmpdir(), 'peers-'))
  const { bucket, prefix, nearEndpoint: server } = newFarStore('peers')
  let turns = 0

  /** Everybody in turns, in another order each round; `databaseOf` names the database of that round. */
  const inTurns = async (
    work: Workload,
    distanceMs: number,
    databaseOf: (round: number) => string,
    lastRound = rounds,
  ) => {
    for (let round = 1; round <= lastRound; round++)
      for (const peer of rotated(all, round)) {
        console.error(`${work.name}, ${distanceMs} ms away, round ${round}: ${peer.name}`)
        const local = join(directory, String(turns++))
        await mkdir(local)
        const place = { bucket, prefix: `${prefix}/${all.indexOf(peer)}/${databaseOf(round)}`, local }
        figures.add(peer.name, await work({ peer, place, server, distanceMs }))
        await rm(local, { recursive: true, force: true })
      }
  }

  try {
    await inTurns(puttingLocally, nearMs, (round) => `puts-${round}`)
    await inTurns(puttingDurably, nearMs, (round) => `durable-${round}`)
    await inTurns(puttingDurably, farMs, (round) => `far-${round}`)
    await inTurns(ingesting, nearMs, (round) => `records-${round}`)
    await inTurns(readingWarm, nearMs, (round) => `records-${round}`)
    await inTurns(readingCold, nearMs, (round) => `records-${round}`)
    await inTurns(readingCold, farMs, (round) => `records-${round}`)
    await inTurns(idling, nearMs, () => 'records-1', 1)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  for (const { name, settings } of all) console.log(`* ${name}: ${settings.join('. ')}.`)
  console.log()
  figures.print()
}

function rotated(all: readonly Peer[], by: number): Peer[] {
  return all.map((_, at) => all[(at + by) % all.length]!)
}
