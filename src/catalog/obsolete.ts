import type { CloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import type { DatabaseView } from './database-view.js'
import type { Manifest } from './manifest.js'
import { obsoleteReason } from './obsolete-reason.js'
import { obsoleteSince } from './obsolete-since.js'
import { isLive, isVisible } from './visibility.js'

/** An object that the database no longer needs. */
export interface ObsoleteObject {
  readonly name: string
  readonly parsed: Extract<ObjectName, { readonly epoch: Epoch }>
  /**
   * Time, by the store's clock, at which the object was already obsolete. Undefined: only the present claim is known to
   * have made it so.
   */
  readonly since: Date | undefined
}

/**
 * Objects that the inherited state no longer needs, and since when. Pure.
 * @param cloudManifest of the new owner, in which the epoch of the view is a past one.
 */
export function obsoleteObjects(view: DatabaseView, cloudManifest: CloudManifest): ObsoleteObject[] {
  const sinceOf = obsoleteSince(view)
  // The view has nothing of the new epoch: every file that it lacks is settled.
  const state = { cloudManifest, manifest: view.manifest, mentions: () => true }
  const found: ObsoleteObject[] = []
  for (const [name, { parsed, modified }] of view.objects) {
    if (!('epoch' in parsed)) continue
    const reason = obsoleteReason(parsed, state)
    if (reason === undefined || reason === 'unknownEpoch') continue
    found.push({ name, parsed, since: sinceOf({ parsed, modified, reason }) })
  }
  return found
}

/**
 * Past MANIFEST that can date more of these objects: the newest that was not written after `before`. The objects that
 * it lacks were obsolete at that time. Undefined if all files older than it are known to be obsolete since then anyway.
 */
export function findWitness(
  objects: readonly ObsoleteObject[],
  view: DatabaseView,
  cloudManifest: CloudManifest,
  before: Date,
): Witness | undefined {
  const ranks = new Map(cloudManifest.past.map(({ epoch }, rank) => [epoch, rank]))
  for (const { epoch } of cloudManifest.past.toReversed()) {
    const manifest = objectName({ kind: 'manifest', epoch })
    const stored = view.objects.get(manifest)
    if (epoch === cloudManifest.past.at(-1)?.epoch || !stored || stored.modified > before) continue
    const { modified } = stored
    const rank = ranks.get(epoch)!
    const candidates = objects.filter(
      ({ name, parsed, since }) =>
        parsed.kind !== 'manifest' &&
        isVisible(parsed, cloudManifest) &&
        ranks.get(parsed.epoch)! <= rank &&
        view.objects.get(name)!.modified <= modified &&
        (!since || since > modified),
    )
    return candidates.length > 0 ? { name: manifest, modified, candidates } : undefined
  }
  return undefined
}

export interface Witness {
  readonly name: string
  readonly modified: Date
  /** Files that its state may have lacked. */
  readonly candidates: readonly ObsoleteObject[]
}

/** Candidates, dated by the MANIFEST. */
export function testimony({ candidates, modified }: Witness, manifest: Manifest): ObsoleteObject[] {
  return candidates
    .filter(({ parsed }) => !isLive(parsed, manifest))
    .map((object) => ({ ...object, since: modified }))
}
