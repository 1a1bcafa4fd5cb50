import { EnvError } from '#src/env/env-error.js'
import { isRefusal, isTooLate } from './errors.js'
import type { Line } from './line.js'
import type { Player } from './player.js'
import type { Life } from './scheduler.js'
import type { SimulatedRocksDB } from './simulated-rocksdb.js'
import type { World } from './world.js'

/** A process that reads a line of history. */
export async function read(world: World, player: Player, life: Life): Promise<void> {
  const { lines, random } = world
  const line = random.pick([lines.main, ...lines.present])
  const { db, cache } = await player.start(life, () => false, line)
  if (random.chance(0.4)) await readPast(world, line, db)
  else await readPresent(world, line, db)
  await cache.close()
}

async function readPresent(world: World, line: Line, db: SimulatedRocksDB): Promise<void> {
  const expected = line.expectation()
  const startMs = world.nowMs
  try {
    const keys = await db.read()
    world.count('reads')
    world.expect(expected.lackOf(keys), `a reader of ${line.rootKey}`)
  } catch (error) {
    if (isRefusal(error, line) || isTooLate(error, line, world.nowMs - startMs)) return
    // There is no database yet.
    if (EnvError.is(error, 'NotFound') && expected.isEmpty) return
    throw error
  }
}

/** As the database was at a time within the delay: whatever was flushed by then is there, and nothing put later. */
async function readPast(world: World, line: Line, db: SimulatedRocksDB): Promise<void> {
  const startMs = world.nowMs
  // The rest of the delay is for reading.
  const agoMs = world.random.below(Math.max(1, line.keptMs / 2))
  const atMs = line.parent ? Math.max(line.beganAtMs, startMs - agoMs) : startMs - agoMs
  const expected = line.expectation(atMs)
  try {
    const keys = await db.readAt(new Date(atMs))
    world.count('pastReads')
    // A table that was dated anew makes its state a later one.
    if (!world.store.redated.has(line.path))
      world.expect(expected.flawOf(keys), `the state of ${line.rootKey} at ${atMs}`)
  } catch (error) {
    // The next owner may keep less.
    const isOver = Math.max(startMs - atMs, world.nowMs - startMs) >= line.keptMs / 2
    if (isRefusal(error, line) || isOver) return
    const mayLack = expected.isEmpty || world.store.redated.has(line.path)
    if (EnvError.is(error, 'NotFound') && mayLack) return
    throw error
  }
}
