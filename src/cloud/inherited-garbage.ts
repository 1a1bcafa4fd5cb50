import { type DatabasePlace, objectKey } from '../catalog/database-place.js'
import type { DatabaseView } from '../catalog/database-view.js'
import { findWitness, type ObsoleteObject, obsoleteObjects, testimony } from '../catalog/obsolete.js'
import { readStoredManifest } from '../catalog/state-objects.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { parseObjectName } from '../format/file-name.js'
import { writeMark } from '../store/cas-object.js'
import type { ObjectKey } from '../store/object-store.js'
import type { DatedGarbage } from './deletions.js'

/**
 * Objects that earlier owners left undeleted, found in the view that the claim began with. No session has to last as
 * long as the deletion delay: the store's own times tell how long an object has been obsolete.
 * @param withdrawn epochs of openings that never owned the database: no reader ever had a state that names their objects.
 */
export function inheritedGarbage(
  place: DatabasePlace,
  view: DatabaseView,
  cloudManifest: CloudManifest,
  withdrawn: readonly Epoch[],
): DatedGarbage {
  const objects = [...obsoleteObjects(view, cloudManifest), ...withdrawnObjects(view, withdrawn)]
  const keyOf = ({ name }: ObsoleteObject) => objectKey(place, name)
  return {
    keys: objects.map(keyOf),
    mayBeDue: objects.some(({ since }) => since !== undefined),
    async obsoleteSince(dueBefore) {
      const dates = new Map<ObjectKey, Date>()
      for (const object of objects) if (object.since) dates.set(keyOf(object), object.since)
      for (const object of await dateMore(place, objects, view, cloudManifest, dueBefore))
        if (object.since) dates.set(keyOf(object), object.since)
      return dates
    },
  }
}

function* withdrawnObjects(view: DatabaseView, withdrawn: readonly Epoch[]): Generator<ObsoleteObject> {
  for (const name of view.objects.keys()) {
    const parsed = parseObjectName(name)
    if (parsed && 'epoch' in parsed && withdrawn.includes(parsed.epoch))
      yield { name, parsed, since: new Date(0) }
  }
}

/**
 * If sessions follow each other sooner than the delay, the inherited MANIFEST is always too young to prove anything. A
 * past one that is old enough lacks the objects that were obsolete at its time. Each session reads one, and deletes it
 * with the objects that it proved obsolete.
 */
async function dateMore(
  place: DatabasePlace,
  objects: readonly ObsoleteObject[],
  view: DatabaseView,
  cloudManifest: CloudManifest,
  dueBefore: Date,
): Promise<readonly ObsoleteObject[]> {
  const undue = objects.filter(({ since }) => !since || since > dueBefore)
  const witness = findWitness(undue, view, cloudManifest, dueBefore)
  if (!witness) return []
  const found = await readStoredManifest([place], witness.name)
  // A program without fencing may have gone on to write its MANIFEST after it was displaced: that one proves nothing.
  if (!found || found.error || found.object.metadata[writeMark] === undefined) return []
  return testimony(witness, found.value)
}
