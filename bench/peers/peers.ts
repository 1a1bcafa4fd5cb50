/**
 * The cloud Env beside SlateDB, a database that was made for object stores, and beside plain RocksDB whose files rclone
 * copies there: one machine, one MinIO, one run, in turns. Each figure is the median of the rounds. Everything passes a
 * proxy that counts requests, and that can be far away.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newFarStore } from '../far-store.js'
import { ensureProgram } from '../installed.js'
import { type PeerName, peerNamed } from './all-peers.js'
import { type Figure, Figures } from './figures.js'
import type { Turn } from './turn.js'

const rounds = 3
const nearMs = 0
/** About the time to the first byte of S3 from within its region. */
const farMs = 20
/** The Node package of SlateDB 0.12 may deadlock when many gets at once wait for the store. */
const turnLimitMs = 300_000
const names: readonly PeerName[] = ['cloudEnv', 'slateDB', 'copiedRocksDB']

export async function peers(): Promise<void> {
  ensureProgram('rclone')
  const all = await Promise.all(names.map(peerNamed))
  const figures = new Figures(all.map(({ name }) => name))
  const directory = await mkdtemp(join(tmpdir(), 'peers-'))
  const { bucket, prefix, nearEndpoint: server } = newFarStore('peers')
  let turns = 0

  /** Everybody in turns, in another order each round, each with a database of the round. */
  const inTurns = async (
    workload: Turn['workload'],
    database: string,
    distanceMs: number,
    lastRound = rounds,
  ) => {
    for (let round = 1; round <= lastRound; round++)
      for (const at of [0, 1, 2].map((place) => (place + round) % all.length)) {
        console.error(`${workload}, ${distanceMs} ms away, round ${round}: ${all[at]!.name}`)
        const local = join(directory, String(turns++))
        await mkdir(local)
        const place = { bucket, prefix: `${prefix}/${names[at]}/${database}-${round}`, local }
        figures.add(all[at]!.name, await figuresOf({ peer: names[at]!, workload, place, server, distanceMs }))
        await rm(local, { recursive: true, force: true })
      }
  }

  try {
    await inTurns('puttingLocally', 'puts', nearMs)
    await inTurns('puttingDurably', 'durable', nearMs)
    await inTurns('puttingDurably', 'durable-far', farMs)
    await inTurns('ingesting', 'records', nearMs)
    await inTurns('readingWarm', 'records', nearMs)
    await inTurns('readingCold', 'records', nearMs)
    await inTurns('readingCold', 'records', farMs)
    await inTurns('idling', 'records', nearMs, 1)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  for (const { name, settings } of all) console.log(`* ${name}: ${settings.join('. ')}.`)
  console.log()
  figures.print()
}

/** Figures of one turn; none if it took too long and was ended. */
async function figuresOf(turn: Turn): Promise<readonly Figure[]> {
  const script = fileURLToPath(new URL('turn.js', import.meta.url))
  const child = fork(script, [JSON.stringify(turn)])
  let figures: readonly Figure[] | undefined
  child.on('message', (message: readonly Figure[]) => {
    figures = message
  })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, turnLimitMs)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  if (isLate) console.error(`${turn.peer} hung, and was ended: ${turn.workload} has no figures of this turn`)
  else if (code !== 0 || !figures) throw new Error(`${turn.workload} of ${turn.peer} failed, see above`)
  return figures ?? []
}
