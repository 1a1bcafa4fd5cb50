import { EnvError } from '../env/env-error.js'
import { manifestObjectName } from '../format/cloud-manifest.js'
import { isDestroyed } from '../format/epoch.js'
import { type ObjectName, objectName, parseObjectName } from '../format/file-name.js'
import { type DatabasePlace, databaseUrl } from './database-place.js'
import { isExpired, readPin } from './pin.js'
import { type ReadState, readState } from './read-state.js'
import { listRoots, type Roots } from './roots.js'
import { isLive, isVisible, knowsEpoch } from './visibility.js'

/** When somebody last needed an object. */
export type Need = 'now' | 'never' | FormerNeed

/** A line of history may have needed the object once. */
export interface FormerNeed {
  /** Time since when it certainly does not, by the store's clock. */
  readonly lastAt: Date
  /** Milliseconds for which its owner keeps what it no longer needs: for readers of its past states. */
  readonly keptMs: number
}

/** Lines of history and pins come and go seldom. */
const maxLooks = 5

/**
 * Needs of everybody but the state of one cookie: of the states under other cookies, and of pins. Each object gets the
 * most urgent need of any. Pins and states are listed once more after they were read: whoever is about to need an object
 * has its pin there by then, or finds out that the state which it read is no longer the present one.
 * @param cookie of the state that is left out.
 * @param storeNow by the store's clock.
 * @throws EnvError of the store, and of a pin that cannot be read: nobody knows what it protects. Busy: lines of history
 *   come and go all the time.
 */
export async function needsOfOthers(
  place: DatabasePlace,
  cookie: string,
  names: readonly string[],
  storeNow: Date,
): Promise<ReadonlyMap<string, Need>> {
  let roots = await listRoots(place)
  for (let look = 0; look < maxLooks; look++) {
    const others = roots.objects.filter(
      ({ parsed }) => !(parsed?.kind === 'cloudManifest' && parsed.cookie === cookie),
    )
    const needs = await needsOf(place, others, names, storeNow)
    if (others.length === 0) return needs
    const next = await listRoots(place)
    if (next.version === roots.version) return needs
    roots = next
  }
  throw new EnvError('Busy', `states of ${databaseUrl(place)} come and go all the time`, { retryable: true })
}

async function needsOf(
  place: DatabasePlace,
  others: Roots['objects'],
  names: readonly string[],
  storeNow: Date,
): Promise<ReadonlyMap<string, Need>> {
  const objects = names.map((name) => ({ name, parsed: parseObjectName(name) }))
  const needs = new Map<string, Need>(names.map((name) => [name, 'never']))
  const need = (name: string, found: Need) => needs.set(name, urgent(needs.get(name)!, found))
  // One at a time: a MANIFEST may take hundreds of megabytes.
  for (const { parsed: root, modified } of others) {
    if (root?.kind === 'cloudManifest') {
      const state = await readState([place], root.cookie)
      for (const { name, parsed } of objects) need(name, parsed ? needOf(parsed, state) : 'now')
    } else if (root?.kind === 'pin') {
      const pin = await readPin(place, root.id)
      if (!pin || isExpired(pin, modified, storeNow)) continue
      for (const name of pin.objects) if (needs.has(name)) need(name, 'now')
    }
  }
  return needs
}

/**
 * A line of history refers to an object for as long as one of its states has it, and never takes it up again: what the
 * present state lacks, it dropped before its last commit, if it ever had it. What it writes in its present epoch it may
 * be about to commit. A state that cannot be read may need everything.
 */
function needOf(name: ObjectName, state: ReadState): Need {
  const { cloudManifest, cloudManifestModified, manifest, manifestModified, retentionMs = 0 } = state
  if (cloudManifest && isDestroyed(cloudManifest)) return 'never'
  if (!cloudManifest || !cloudManifestModified || !manifest || !manifestModified) return 'now'
  if (name.kind === 'manifest' || name.kind === 'history') {
    if (objectName(name) === manifestObjectName(cloudManifest)) return 'now'
    if (!knowsEpoch(cloudManifest, name.epoch)) return 'never'
    return { lastAt: manifestModified, keptMs: retentionMs }
  }
  if ('epoch' in name && name.epoch === cloudManifest.current) return 'now'
  if (!isVisible(name, cloudManifest)) return 'never'
  return isLive(name, manifest) ? 'now' : { lastAt: manifestModified, keptMs: retentionMs }
}

function urgent(a: Need, b: Need): Need {
  if (a === 'now' || b === 'never') return a
  if (b === 'now' || a === 'never') return b
  return {
    lastAt: a.lastAt > b.lastAt ? a.lastAt : b.lastAt,
    keptMs: Math.max(a.keptMs, b.keptMs),
  }
}
