import type { CloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import type { ObjectName } from '../format/file-name.js'

/** Whether the object is a table or blob file to which the mapping from file numbers to epochs leads. */
export function isVisible(
  name: ObjectName | undefined,
  cloudManifest: CloudManifest,
): name is Extract<ObjectName, { readonly kind: 'table' | 'blob' }> {
  return (
    (name?.kind === 'table' || name?.kind === 'blob') && epochOf(cloudManifest, name.number) === name.epoch
  )
}

/** Whether the CLOUDMANIFEST has the epoch, as a past one or the current one. */
export function knowsEpoch(manifest: CloudManifest, epoch: Epoch): boolean {
  return epoch === manifest.current || pastEpochs(manifest).has(epoch)
}

/** Of those that were asked for once: there may be a million epochs, and as many objects to ask for. */
const knownPasts = new WeakMap<CloudManifest, ReadonlySet<Epoch>>()

function pastEpochs(manifest: CloudManifest): ReadonlySet<Epoch> {
  const known = knownPasts.get(manifest) ?? new Set(manifest.past.map(({ epoch }) => epoch))
  knownPasts.set(manifest, known)
  return known
}

/**
 * Whether an epoch of this database wrote the object, and none leads to it any more: the MANIFEST of a past epoch, a table
 * or blob file that a displaced owner never committed. Who opens the database for writing deletes it, unless a
 * CLOUDMANIFEST of another cookie may lead there.
 *
 * Never the object of an epoch that the CLOUDMANIFEST does not have. A claim that came too late may have left it. But it may
 * as well belong to a database over which this one was made, or to a later state than the one that was brought back, and
 * nothing here tells these apart: people decide.
 */
export function isLeftBehind(name: ObjectName | undefined, cloudManifest: CloudManifest): boolean {
  if (!name || !('epoch' in name) || !knowsEpoch(cloudManifest, name.epoch)) return false
  return name.kind === 'manifest' ? name.epoch !== cloudManifest.current : !isVisible(name, cloudManifest)
}
