import { EnvError } from '../env/env-error.js'
import type { DatabasePlace, Places } from './database-place.js'
import type { NamedObject } from './listed-place.js'
import { readPin } from './pin.js'
import { isSameSource, type RecordedSource, sourceAt } from './sources.js'

/**
 * Places of objects that lie at several sources of a clone: those where its pins protect them. A source that was a
 * clone itself has copies since its savepoint, which its owner deletes once its own states need them no more.
 * @param listings of the places, in the same order.
 * @param isNeeded selects the objects that matter.
 */
export async function pinnedPlaces(
  [own, ...others]: Places,
  [ownObjects, ...listings]: readonly (ReadonlyMap<string, NamedObject> | undefined)[],
  sources: readonly RecordedSource[],
  isNeeded: (object: NamedObject) => boolean,
): Promise<ReadonlyMap<string, DatabasePlace>> {
  const [seen, ambiguous] = [new Set<string>(), new Set<string>()]
  for (const listed of listings)
    for (const [name, object] of listed ?? []) {
      if (ownObjects?.has(name) || !isNeeded(object)) continue
      if (seen.has(name)) ambiguous.add(name)
      seen.add(name)
    }
  const pinned = new Map<string, DatabasePlace>()
  if (ambiguous.size === 0) return pinned
  for (const source of sources) {
    const at = others.findIndex((place) => isSameSource(sourceAt(place, own), source))
    const place = others[at]
    if (source.pin === undefined || !place || !listings[at]) continue
    for (const name of await namesIn(place, source.pin))
      if (ambiguous.has(name) && listings[at].has(name) && !pinned.has(name)) pinned.set(name, place)
  }
  return pinned
}

async function namesIn(place: DatabasePlace, pin: string): Promise<readonly string[]> {
  try {
    return (await readPin(place, pin))?.objects ?? []
  } catch (error) {
    if (EnvError.is(error, 'Corruption') || EnvError.is(error, 'NotSupported')) return []
    throw error
  }
}
