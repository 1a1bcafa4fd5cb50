import { EnvError } from '#src/env/env-error.js'
import { isRefusal, isTooLate } from './errors.js'
import type { Line } from './line.js'
import type { OpeningOptions } from './machine.js'
import type { Player } from './player.js'
import type { Life, Random } from './scheduler.js'
import type { SimulatedRocksDB } from './simulated-rocksdb.js'
import type { World } from './world.js'

/** A process that opens a line of history for writing, and works. */
export async function write(world: World, player: Player, life: Life): Promise<void> {
  const { random } = world
  const line = lineFor(world, player)
  if (!line) return
  if (line !== player.line) player.moveTo(line)
  // It may be there when the process has started: an earlier one began it, and never heard of it.
  const begunWith = line.stage === 'expected' ? line.parent : undefined
  const isPatient = () => world.isCalm || random.chance(0.9)
  const { db, cache } = await player.start(life, isPatient, openingOf(line, random))
  if (!world.isCalm && line.stage === 'present' && random.chance(0.05)) await destroy(world, line, db)
  else await writeTo(world, player, line, db, begunWith)
  await cache.close()
}

/** The line that it writes, or another one once that is gone; undefined if there is none to begin with. */
function lineFor({ lines, players, random }: World, { role, line }: Player): Line | undefined {
  const { main } = lines
  const isOver = line?.stage === 'gone' || (line?.stage === 'expected' && line.parent?.stage === 'gone')
  if (role === 'writer') return isOver || !line ? main : line
  // It branches off with its log.
  const leaves = role === 'brancher' && line === main && main.stage === 'present' && random.chance(0.3)
  if (line && !isOver && !leaves) return line
  if (role === 'brancher' && !line) return main
  const isTaken = (other: Line) => players.some((player) => player.line === other)
  const isClone = ({ cookie, parent, path }: Line) =>
    cookie === '' && parent !== undefined && parent.path !== path
  const isBranch = ({ cookie }: Line) => cookie.startsWith('branch')
  const left = lines.present.filter(
    (other) => !isTaken(other) && (role === 'cloner' ? isClone : isBranch)(other),
  )
  if (left.length > 0 && !leaves && random.chance(0.5)) return random.pick(left)
  const parents = lines.present.filter(({ cookie }) => role === 'brancher' || cookie === '')
  const parent = leaves ? main : parents.length > 0 ? random.pick(parents) : undefined
  if (!parent) return undefined
  if (role === 'cloner') return lines.add(lines.newName('clone'), '', parent)
  return lines.add(parent.path, lines.newName('branch'), parent)
}

function openingOf({ path, cookie, parent, stage }: Line, random: Random): OpeningOptions {
  if (!parent) return { path, cookie }
  if (parent.path !== path) {
    const isNamed = stage === 'expected' || random.chance(0.3)
    return { path, cookie, ...(isNamed && { source: parent.path }) }
  }
  return stage === 'expected' ? { path, cookie: parent.cookie, newCookie: cookie } : { path, cookie }
}

async function writeTo(
  world: World,
  player: Player,
  line: Line,
  db: SimulatedRocksDB,
  parent: Line | undefined,
): Promise<void> {
  const startMs = world.nowMs
  const isTooLateNow = (error: unknown) => isTooLate(error, line, world.nowMs - startMs)
  const inherited = parent?.expectation()
  try {
    await db.open()
  } catch (error) {
    if (isRefusal(error, line, parent) || isTooLateNow(error)) return
    if (parent && line.stage === 'present' && EnvError.is(error, 'InvalidArgument')) return
    throw error
  }
  world.count('openings')
  const { owner } = line
  if (owner === player && !line.isDoomed) {
    world.expect(line.expectation().lackOf(db.keys), `${player.name}, opened,`)
    world.expect(inherited?.lackOf(db.keys), `${player.name}, which began ${line.rootKey},`)
    const lost = [...player.logged.keys()].filter((key) => !db.keys.has(key))
    if (lost.length > 0) world.fail(`${player.name}, opened, lacks ${lost.join(' ')} of its log`)
  }
  // The entries of the log are in tables now, and committed.
  for (const key of db.keys) acknowledge(world, player, line, key)
  try {
    for (let left = world.random.below(world.isCalm ? 2 : 20); left > 0; left--)
      await operate(world, player, line, db)
    // In the end no line needs the tables that its forks began with.
    if (world.isCalm) await db.compact()
  } catch (error) {
    const isDisplaced = line.owner !== player
    if (!isRefusal(error, line) && !(isDisplaced && isTooLateNow(error))) throw error
  }
  await db.close().catch((error: unknown) => {
    if (!isRefusal(error, line)) throw error
  })
}

async function operate(world: World, player: Player, line: Line, db: SimulatedRocksDB): Promise<void> {
  const { random } = world
  if (random.chance(0.4)) {
    const key = world.newKey()
    const sync = random.chance(0.3)
    const { begun } = line.owner === player ? player : { begun: line.setAside }
    begun.add(key)
    line.putAtMs.set(key, world.nowMs)
    await db.put(key, { sync })
    if (line.owner !== player) return
    player.logged.set(key, 'written')
    if (sync) for (const other of player.logged.keys()) player.logged.set(other, 'synced')
  } else if (db.tables < 2 || random.chance(0.4)) {
    const keys = await db.flush()
    world.count('flushes')
    for (const key of keys) acknowledge(world, player, line, key)
    world.note(`${player.name} has flushed ${[...keys].join(' ')}`)
    world.lines.check(`${player.name} has flushed`)
  } else if (random.chance(0.8)) await db.compact()
  else await db.beginManifest()
}

/** The key is in a table that the state names. */
function acknowledge(world: World, player: Player, line: Line, key: string): void {
  player.logged.delete(key)
  player.begun.delete(key)
  line.flushed(key, world.nowMs)
}

async function destroy(world: World, line: Line, db: SimulatedRocksDB): Promise<void> {
  line.isDoomed = true
  world.note(`${line.rootKey} is to be destroyed`)
  for (let left = 5; left > 0; left--) {
    try {
      await db.destroy()
      return world.count('destructions')
    } catch (error) {
      if (!isRefusal(error, line)) throw error
    }
  }
}
