import type { CloudManifest } from '../format/cloud-manifest.js'
import type { ObjectName } from '../format/file-name.js'
import { isLive, isVisible, knowsEpoch, type LiveNumbers } from './visibility.js'

/** Reason why a state has no use for an object. */
export type ObsoleteReason =
  /** A table or blob file that the MANIFEST dropped, or one of a past epoch that is not in the MANIFEST. */
  | 'unreferenced'
  /** A table or blob file of the current epoch that is not in the MANIFEST: on its way there, or left by a failure. */
  | 'uncommitted'
  /**
   * A table or blob file of a known epoch that no file number leads to: written by a displaced owner, never committed.
   */
  | 'invisible'
  /** The MANIFEST of a past epoch. */
  | 'pastManifest'
  /** A MANIFEST that RocksDB began anew within an epoch: kept for those who want one of its states. */
  | 'formerManifest'
  /**
   * An object of an epoch that no CLOUDMANIFEST has: of an opening that failed or is under way, or of a state that was
   * deleted or lost, whose CLOUDMANIFEST may come back. The owner leaves it to people.
   */
  | 'unknownEpoch'

/** The part of a state that decides which objects it needs. */
export interface DecidingState {
  readonly cloudManifest: CloudManifest
  readonly manifest: LiveNumbers
  /**
   * Reports whether an edit of the MANIFEST mentions the file. If so and it is not live, it was dropped and never comes
   * back.
   */
  mentions(number: number): boolean
}

/**
 * The one rule for the objects that a state no longer needs: for the owner, who deletes them, and for reports. Pure.
 * Undefined: the object is needed.
 *
 * The owner never deletes an object of an epoch that the CLOUDMANIFEST does not have. A claim that came too late may
 * have left it. But it may as well belong to a database over which this one was made, or to a later state than the one
 * that was brought back, and nothing here tells these apart: people decide.
 */
export function obsoleteReason(name: ObjectName, state: DecidingState): ObsoleteReason | undefined {
  const { cloudManifest, manifest } = state
  if (isVisible(name, cloudManifest)) {
    if (isLive(name, manifest)) return undefined
    // Only the owner of an epoch commits the files written in it.
    const isSettled = name.epoch !== cloudManifest.current || state.mentions(name.number)
    return isSettled ? 'unreferenced' : 'uncommitted'
  }
  if (!('epoch' in name)) return undefined
  if (!knowsEpoch(cloudManifest, name.epoch)) return 'unknownEpoch'
  if (name.kind === 'history') return 'formerManifest'
  if (name.kind !== 'manifest') return 'invisible'
  return name.epoch === cloudManifest.current ? undefined : 'pastManifest'
}
