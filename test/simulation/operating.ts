import { checkpointCookie } from '#src/catalog/checkpoint.js'
import { collectGarbage } from '#src/cloud/collection.js'
import { fork } from '#src/cloud/fork.js'
import { EnvError } from '#src/env/env-error.js'
import { objectName } from '#src/format/file-name.js'
import { removeBranchAt } from '#src/operations/branches.js'
import { standAloneAt } from '#src/operations/stand-alone.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { isRefusal, isTooLate } from './errors.js'
import type { Line } from './line.js'
import { placeOpener } from './machine.js'
import type { Player } from './player.js'
import type { Life } from './scheduler.js'
import type { World } from './world.js'

/** More lines of history get in each other's way. */
const maxLines = 5

/** A process that begins or removes a line of history, or lets a clone stand alone. */
export async function operate(world: World, player: Player, life: Life): Promise<void> {
  const { lines, random } = world
  const store = player.storeFor(life)
  const { present } = lines
  const clones = present.filter(({ parent, path }) => parent !== undefined && parent.path !== path)
  const branches = present.filter(({ cookie }) => cookie !== '')
  if (clones.length > 0 && random.chance(0.25)) await separate(world, random.pick(clones), store)
  else if (branches.length > 0 && random.chance(present.length > maxLines ? 0.8 : 0.2))
    await remove(world, random.pick(branches), store)
  else if (present.length > 0) await begin(world, random.pick(present), store, life)
}

async function begin(world: World, parent: Line, store: ObjectStore, life: Life): Promise<void> {
  const { lines, random, scheduler, nowMs } = world
  const line = random.chance(0.5)
    ? lines.add(lines.newName('clone'), '', parent)
    : lines.add(parent.path, branchCookie(world), parent)
  const isPast = random.chance(0.4)
  const agoMs = random.below(2 * Math.min(parent.keptMs, 3_600_000))
  const atMs = isPast ? Math.max(parent.beganAtMs, nowMs - agoMs) : nowMs
  const expected = parent.expectation(atMs)
  const place = { store, path: parent.path }
  const target = { store, path: line.path }
  const request = { places: [place] as const, cookie: parent.cookie, target, newCookie: line.cookie }
  const system = { clock: scheduler.clock(life), random }
  try {
    const deps = { ...system, openPlace: placeOpener(store) }
    await fork({ ...request, ...(isPast && { at: new Date(atMs) }) }, deps)
    world.count(isPast ? 'pastForks' : 'forks')
    if (line.stage !== 'present' || line.isDoomed) return
    const keys = world.states.keysOf(line.rootKey)
    world.expect(isPast ? expected.flawOf(keys) : expected.lackOf(keys), `${line.rootKey}, forked,`)
  } catch (error) {
    // The time of a past state may be up.
    if (!isRefusal(error, parent, line) && !(isPast && EnvError.is(error, 'NotFound'))) throw error
  }
}

function branchCookie({ lines, random }: World): string {
  return random.chance(0.6) ? lines.newName('branch') : checkpointCookie(lines.newName('c'))
}

async function separate(world: World, line: Line, store: ObjectStore): Promise<void> {
  const places = [{ store, path: line.path }] as const
  const startMs = world.nowMs
  try {
    const rooted = { places, openPlace: placeOpener(store) }
    await standAloneAt(rooted, { cookie: line.cookie })
    world.count('savepoints')
    if (line.stage === 'present' && !world.states.standsAlone(line.rootKey))
      world.fail(`${line.rootKey} does not stand alone after a savepoint`)
  } catch (error) {
    if (!isRefusal(error, line) && !isTooLate(error, line, world.nowMs - startMs)) throw error
  }
}

async function remove(world: World, line: Line, store: ObjectStore): Promise<void> {
  line.isDoomed = true
  world.note(`${line.rootKey} is to be removed`)
  const pins = world.states.pinsOf(line.rootKey)
  try {
    const { leftPins } = await removeBranchAt({ store, path: line.path }, line.cookie, placeOpener(store))
    world.count('removals')
    const isTold = (key: string) =>
      leftPins.some(({ pin }) => key.endsWith(objectName({ kind: 'pin', id: pin })))
    const left = pins.filter((pin) => world.states.isLasting(pin) && !isTold(pin))
    if (left.length > 0) world.fail(`${left.join(' ')} outlasts ${line.rootKey}`)
  } catch (error) {
    if (!isRefusal(error, line)) throw error
  }
}

/** A process that collects garbage. */
export async function collect(world: World, player: Player, life: Life): Promise<void> {
  const { lines, random } = world
  try {
    await collectAt(world, random.pick(lines.paths), player.storeFor(life))
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
}

/** After days in which nobody did anything, a collector leaves nothing that nobody needs. */
export async function tidy(world: World, player: Player, life: Life): Promise<void> {
  // Whoever is told that such a branch keeps the collector from its work removes it again.
  for (const line of world.lines.incomplete)
    if (line.cookie !== '') await remove(world, line, player.storeFor(life))
  for (const path of new Set(world.lines.present.map((line) => line.path))) {
    const kept = await collectAt(world, path, player.storeFor(life))
    if (kept.length > 0) world.fail(`${path} keeps ${kept.join(' ')} for ever`)
  }
}

/** @returns names of the objects that stay, though nobody is known to need them. */
async function collectAt(world: World, path: string, store: ObjectStore): Promise<string[]> {
  const options = { random: world.random, openPlace: placeOpener(store), warn: () => {} }
  const { deleted, kept } = await collectGarbage({ store, path }, options)
  world.count('collected', deleted.length)
  return kept.map(({ name }) => name)
}
