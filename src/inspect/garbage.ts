import { isVisible, knowsEpoch } from '../cloud/visibility.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import type { ObjectName } from '../format/file-name.js'
import { readLog } from '../format/log-record.js'
import { decodeVersionEdit } from '../format/version-edit.js'
import type { ReadState } from './read-state.js'

/** What no state of the database leads to. */
export interface Garbage {
  readonly kind: 'garbage'
  readonly reason: GarbageReason
  /** It has been garbage at least since then, and at most since it was written; undefined where that cannot be told. */
  readonly since: Date | undefined
  /**
   * Who deletes it: `owner`, by itself, while it has the database open for writing or when it opens it next, after
   * the delay that readers of an older state are given; or nobody before `people` decide.
   */
  readonly deletedBy: 'owner' | 'people'
}

export type GarbageReason =
  /** A table or blob file that the MANIFEST dropped, or that a past epoch wrote and that is not in it. */
  | 'unreferenced'
  /** A table or blob file of the present epoch that is not in the MANIFEST: on its way there, or left by a failure. */
  | 'uncommitted'
  /** A table or blob file of a known epoch to which no file number leads: written by a displaced owner, never committed. */
  | 'invisible'
  /** The MANIFEST of a past epoch. */
  | 'pastManifest'
  /**
   * Of an epoch that no CLOUDMANIFEST has: of an opening that failed or is under way, or of a state that was deleted or
   * lost, whose CLOUDMANIFEST may come back. The owner leaves it to people.
   */
  | 'unknownEpoch'
  /** Left by a check of the store's conditional writes that was interrupted. */
  | 'probe'
  /** Of a database without a CLOUDMANIFEST: it was lost, or the database was destroyed, never completed, or is being created. */
  | 'noDatabase'

/** An object that no state references. */
export interface Unneeded {
  /** Undefined: a probe. */
  readonly parsed: ObjectName | undefined
  readonly modified: Date
}

/**
 * What becomes of objects that no state references. Pure.
 * @param states all of the database.
 */
export function garbageJudge(
  states: readonly ReadState[],
  { hasSource, isSound }: { readonly hasSource: boolean; readonly isSound: boolean },
): (object: Unneeded) => Garbage | { readonly kind: 'undecided' } {
  const readable = states.map(readableState).filter((state) => state !== undefined)
  // The owner's own rules: src/cloud/visibility.ts. It opens no damaged database, and none that has a source; and it leaves
  // everything to people where a CLOUDMANIFEST of another cookie may lead to it.
  const deletedBy = states.length === 1 && isSound && !hasSource ? 'owner' : 'people'
  return ({ parsed, modified }) => {
    const garbage = (reason: GarbageReason, since?: Date) =>
      ({ kind: 'garbage', reason, since, deletedBy }) as const
    if (!parsed) return { ...garbage('probe', modified), deletedBy: 'people' }
    if (states.length === 0) return { ...garbage('noDatabase'), deletedBy: 'people' }
    if (readable.length < states.length) return { kind: 'undecided' }

    const verdicts = readable.map((state) => verdict(parsed, modified, state))
    const reason = reasonOrder.find((wanted) => verdicts.some((found) => found.reason === wanted))!
    // It was garbage once the last of the states had no use for it.
    const since = verdicts.map((found) => found.since).reduce((a, b) => a && b && later(a, b))
    const found = garbage(reason, since)
    return reason === 'unknownEpoch' ? { ...found, deletedBy: 'people' } : found
  }
}

/** What says most, where states see it differently. */
const reasonOrder = ['uncommitted', 'unreferenced', 'invisible', 'pastManifest', 'unknownEpoch'] as const

interface Verdict {
  readonly reason: (typeof reasonOrder)[number]
  readonly since: Date | undefined
}

interface ReadableState {
  readonly cloudManifest: CloudManifest
  readonly cloudManifestModified: Date
  readonly manifestModified: Date
  /** Whether an edit of the MANIFEST speaks of the file. One that is not live then was dropped, and never comes back. */
  mentions(number: number): boolean
}

function readableState(state: ReadState): ReadableState | undefined {
  const { cloudManifest, cloudManifestModified, manifestBytes, manifestModified } = state
  if (!cloudManifest || !cloudManifestModified || !manifestBytes || !manifestModified) return undefined
  let mentioned: ReadonlySet<number> | undefined
  return {
    cloudManifest,
    cloudManifestModified,
    manifestModified,
    mentions(number) {
      mentioned ??= mentionedFiles(manifestBytes)
      return mentioned.has(number)
    },
  }
}

function verdict(name: ObjectName, modified: Date, state: ReadableState): Verdict {
  const { cloudManifest, cloudManifestModified, manifestModified } = state
  // Since they were written, the CLOUDMANIFEST and the MANIFEST have not led there.
  const sinceMapped = later(modified, cloudManifestModified)
  const sinceCommitted = later(modified, manifestModified)
  if (isVisible(name, cloudManifest)) {
    // Only the owner of an epoch commits what was written in it.
    const isSettled = name.epoch !== cloudManifest.current || state.mentions(name.number)
    return isSettled
      ? { reason: 'unreferenced', since: sinceCommitted }
      : { reason: 'uncommitted', since: undefined }
  }
  if ('epoch' in name && knowsEpoch(cloudManifest, name.epoch))
    return { reason: name.kind === 'manifest' ? 'pastManifest' : 'invisible', since: sinceMapped }
  // What is newer than the CLOUDMANIFEST may belong to an opening that has not replaced it yet.
  return { reason: 'unknownEpoch', since: modified > cloudManifestModified ? undefined : sinceMapped }
}

/** A set of more than 2^24 is an error in V8; these take 300 MB. */
const maxMentioned = 8_000_000

function mentionedFiles(manifest: Uint8Array): Set<number> {
  const mentioned = new Set<number>()
  for (const { payload, start } of readLog(manifest, { name: 'MANIFEST', tail: 'recover' })) {
    const { newTables, deletedTables, newBlobFiles } = decodeVersionEdit(payload, start, 'MANIFEST')
    for (const { number } of [...newTables, ...deletedTables, ...newBlobFiles]) mentioned.add(number)
    // A file of which nothing is known then is taken for one on its way: it is garbage for sure only later.
    if (mentioned.size > maxMentioned) break
  }
  return mentioned
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b
}
