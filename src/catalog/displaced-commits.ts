import type { CloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import type { ListedPlace } from './listed-place.js'
import type { ReadState } from './read-state.js'
import { readStoredManifest } from './state-objects.js'
import { isLive, isVisible, knowsEpoch } from './visibility.js'

/** Each owner that does not learn in time that it was displaced leaves one such epoch. */
const maxEpochs = 10

/**
 * Names of the objects that an owner committed after it was displaced: table and blob files with numbers beyond the end
 * of its epoch, and the MANIFEST of that epoch that has them. No state leads there. Reads a MANIFEST only for epochs
 * that left such files, and only for the first {@link maxEpochs} of those.
 */
export async function displacedCommits(
  { place, named }: ListedPlace,
  states: readonly ReadState[],
): Promise<ReadonlySet<string>> {
  const cloudManifests = states.flatMap(({ cloudManifest }) => cloudManifest ?? [])
  const orphans = new Map<Epoch, Map<string, ObjectName>>()
  for (const [name, { parsed }] of named) {
    if (!isOrphan(parsed, cloudManifests)) continue
    const ofEpoch = orphans.get(parsed.epoch) ?? new Map<string, ObjectName>()
    if (orphans.size < maxEpochs) orphans.set(parsed.epoch, ofEpoch)
    ofEpoch.set(name, parsed)
  }

  const committed = new Set<string>()
  for (const [epoch, files] of orphans) {
    const manifestName = objectName({ kind: 'manifest', epoch })
    const manifest = named.has(manifestName) && (await readStoredManifest([place], manifestName))
    // A MANIFEST that is gone or unreadable leads to nothing.
    if (!manifest || manifest.error) continue
    const live = [...files].filter(([, parsed]) => isLive(parsed, manifest.value)).map(([name]) => name)
    for (const name of live) committed.add(name).add(manifestName)
  }
  return committed
}

type StoredFileName = Extract<ObjectName, { readonly kind: 'table' | 'blob' }>

/** Reports whether a past owner wrote the file although its number belongs to a later epoch. */
function isOrphan(parsed: ObjectName, cloudManifests: readonly CloudManifest[]): parsed is StoredFileName {
  if (parsed.kind !== 'table' && parsed.kind !== 'blob') return false
  const { epoch } = parsed
  return cloudManifests.some(
    (cloudManifest) =>
      epoch !== cloudManifest.current &&
      knowsEpoch(cloudManifest, epoch) &&
      !isVisible(parsed, cloudManifest),
  )
}
