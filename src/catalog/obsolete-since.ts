import type { CloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import type { ObsoleteReason } from './obsolete-reason.js'

/** A state of a database with the store's own times, which date the objects that it does not need. */
export interface DatedState {
  readonly cloudManifest: CloudManifest
  readonly cloudManifestModified: Date
  readonly manifestModified: Date
  /** Objects directly at the database's place, by base name. */
  readonly objects: ReadonlyMap<string, { readonly modified: Date }>
}

/** An object that the state does not need. */
export interface UnneededObject {
  readonly parsed: ObjectName
  readonly modified: Date
  readonly reason: ObsoleteReason
}

/**
 * The one rule for how long a state has not needed an object. Its result is the time, by the store's clock, at which
 * the object was already obsolete; undefined if nothing proves that it was. Pure. The store's own times are the only
 * evidence: nobody records when an object becomes obsolete, and the clocks of machines differ.
 */
export function obsoleteSince(state: DatedState): (object: UnneededObject) => Date | undefined {
  const { cloudManifestModified, manifestModified } = state
  let supersededAt: ReadonlyMap<Epoch, Date> | undefined
  return ({ parsed, modified, reason }) => {
    switch (reason) {
      case 'unreferenced':
        return later(modified, manifestModified)
      case 'uncommitted':
        return undefined
      case 'formerManifest':
        // It is written when another one takes its place.
        return modified
      case 'unknownEpoch':
        // An object newer than the CLOUDMANIFEST may belong to an opening that has not replaced it yet.
        return modified > cloudManifestModified ? undefined : cloudManifestModified
      case 'invisible':
      case 'pastManifest': {
        supersededAt ??= supersessions(state)
        const superseded = 'epoch' in parsed ? supersededAt.get(parsed.epoch) : undefined
        return superseded && later(superseded, modified)
      }
    }
  }
}

/**
 * Times by which the store had a later epoch than each of the past ones. The CLOUDMANIFEST tells for the epoch before
 * the current one. For those before, the next MANIFEST does: the claim that ended its epoch wrote it again. An epoch
 * without a MANIFEST has superseded nothing: readers use the one before.
 */
function supersessions({ cloudManifest, cloudManifestModified, objects }: DatedState): Map<Epoch, Date> {
  const times = new Map<Epoch, Date>()
  let next: Date | undefined
  for (const epoch of [cloudManifest.current, ...cloudManifest.past.map((past) => past.epoch).reverse()]) {
    if (next) times.set(epoch, next)
    const written = objects.get(objectName({ kind: 'manifest', epoch }))?.modified
    if (written) next = next ? written : cloudManifestModified
  }
  return times
}

export function later(a: Date, b: Date): Date {
  return a > b ? a : b
}
