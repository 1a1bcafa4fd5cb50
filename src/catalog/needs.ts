import { manifestObjectName } from '../format/cloud-manifest.js'
import { type ObjectName, objectName, parseObjectName } from '../format/file-name.js'
import type { DatabasePlace } from './database-place.js'
import { listing } from './listing.js'
import { isExpired, readPin } from './pin.js'
import { type ReadState, readState } from './read-state.js'
import { isLive, isVisible } from './visibility.js'

/** When somebody last needed an object, by the store's clock: now, at the given time at the latest, or never. */
export type Need = 'now' | 'never' | Date

/**
 * Needs of everybody but the state of one cookie: of the states under other cookies, and of pins. Each object gets the
 * most urgent need of any.
 * @param cookie of the state that is left out.
 * @param storeNow by the store's clock.
 * @throws EnvError of the store, and of a pin that cannot be read: nobody knows what it protects.
 */
export async function needsOfOthers(
  place: DatabasePlace,
  cookie: string,
  names: readonly string[],
  storeNow: Date,
): Promise<ReadonlyMap<string, Need>> {
  const objects = names.map((name) => ({ name, parsed: parseObjectName(name) }))
  const needs = new Map<string, Need>(names.map((name) => [name, 'never']))
  const need = (name: string, found: Need) => needs.set(name, urgent(needs.get(name)!, found))
  // One at a time: a MANIFEST may take hundreds of megabytes.
  for await (const { parsed: root, modified } of listing(place, { startsWith: 'CLOUD' })) {
    if (root?.kind === 'cloudManifest' && root.cookie !== cookie) {
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
 * present state lacks, it dropped before its last commit, if it ever had it. A state that cannot be read may need
 * everything.
 */
function needOf(name: ObjectName, { cloudManifest, manifest, manifestModified }: ReadState): Need {
  if (!cloudManifest || !manifest || !manifestModified) return 'now'
  if (name.kind === 'manifest')
    return objectName(name) === manifestObjectName(cloudManifest) ? 'now' : 'never'
  if (!isVisible(name, cloudManifest)) return 'never'
  return isLive(name, manifest) ? 'now' : manifestModified
}

function urgent(a: Need, b: Need): Need {
  if (a === 'now' || b === 'never') return a
  if (b === 'now' || a === 'never') return b
  return a > b ? a : b
}
