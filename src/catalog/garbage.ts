import { isDestroyed } from '../format/epoch.js'
import type { ObjectName } from '../format/file-name.js'
import { type DecidingState, type ObsoleteReason, obsoleteReason } from './obsolete-reason.js'
import { type DatedState, later, obsoleteSince } from './obsolete-since.js'
import type { ReadState } from './read-state.js'
import { versionEdits } from './version-edits.js'

/** An object that no state of the database leads to. */
export interface Garbage {
  readonly kind: 'garbage'
  readonly reason: GarbageReason
  /** It has been garbage at least since then, and at most since it was written; undefined if that is unknown. */
  readonly since: Date | undefined
  /**
   * `owner`: the owner deletes it by itself, while it has the database open for writing or when it opens it next, after
   * the delay that readers of an older state are given. `people`: nobody deletes it before people decide.
   */
  readonly deletedBy: 'owner' | 'people'
}

export type GarbageReason =
  | ObsoleteReason
  /**
   * Committed by an owner after another one had taken the database over, and in no state: its later tables and blob
   * files, and the MANIFEST of its epoch that has them.
   */
  | 'displaced'
  /** Left by a check of the store's conditional writes that was interrupted. */
  | 'probe'
  /** Protected objects for an operation that must have ended long ago. */
  | 'expiredPin'
  /**
   * Part of a database without a CLOUDMANIFEST: it was lost, or the database was destroyed, never completed, or is
   * being created.
   */
  | 'noDatabase'

/** An object that no state references. */
export interface Unneeded {
  /** Undefined for a probe. */
  readonly parsed: ObjectName | undefined
  readonly modified: Date
  /** True if `displacedCommits` names it. */
  readonly isDisplaced: boolean
}

/** Facts about the database as a whole. */
export interface Circumstances {
  /** Objects directly at its place, by base name. */
  readonly objects: DatedState['objects']
  readonly isSound: boolean
}

/**
 * Judges objects that no state references. Pure.
 * @param all states of the database.
 */
export function garbageJudge(
  all: readonly ReadState[],
  { objects, isSound }: Circumstances,
): (object: Unneeded) => Garbage | { readonly kind: 'undecided' } {
  // A state that is being destroyed needs nothing.
  const states = all.filter(({ cloudManifest }) => !cloudManifest || !isDestroyed(cloudManifest))
  const readable = states.map((state) => readableState(state, objects)).filter((state) => state !== undefined)
  // An owner deletes by the same rule. It opens no damaged database.
  const deletedBy = isSound ? 'owner' : 'people'
  return ({ parsed, modified, isDisplaced }) => {
    const garbage = (reason: GarbageReason, since?: Date) =>
      ({ kind: 'garbage', reason, since, deletedBy }) as const
    if (!parsed) return { ...garbage('probe', modified), deletedBy: 'people' }
    if (parsed.kind === 'pin') return { ...garbage('expiredPin', modified), deletedBy: 'people' }
    if (states.length === 0) return { ...garbage('noDatabase'), deletedBy: 'people' }
    if (readable.length < states.length) return { kind: 'undecided' }

    const verdicts = readable.map(({ deciding, sinceOf }): Verdict => {
      // An object with neither an epoch nor a use belongs to a state that is gone.
      const reason = obsoleteReason(parsed, deciding) ?? 'unknownEpoch'
      return { reason, since: sinceOf({ parsed, modified, reason }) }
    })
    const reason = reasonOrder.find((wanted) => verdicts.some((found) => found.reason === wanted))!
    // It became garbage when the last of the states that know its epoch stopped needing it.
    const knowing = verdicts.filter((found) => found.reason !== 'unknownEpoch')
    const since = (knowing.length > 0 ? knowing : verdicts)
      .map((found) => found.since)
      .reduce((a, b) => a && b && later(a, b))
    const found = garbage(isDisplaced ? 'displaced' : reason, since)
    return reason === 'unknownEpoch' ? { ...found, deletedBy: 'people' } : found
  }
}

/** Most telling reason first, for objects that states judge differently. */
const reasonOrder: readonly ObsoleteReason[] = [
  'uncommitted',
  'unreferenced',
  'invisible',
  'pastManifest',
  'formerManifest',
  'unknownEpoch',
]

interface Verdict {
  readonly reason: ObsoleteReason
  readonly since: Date | undefined
}

interface ReadableState {
  readonly deciding: DecidingState
  readonly sinceOf: ReturnType<typeof obsoleteSince>
}

function readableState(state: ReadState, objects: DatedState['objects']): ReadableState | undefined {
  const { cloudManifest, cloudManifestModified, manifest, manifestBytes, manifestModified } = state
  if (!cloudManifest || !cloudManifestModified || !manifest || !manifestBytes || !manifestModified)
    return undefined
  let mentioned: ReadonlySet<number> | undefined
  const mentions = (number: number) => {
    mentioned ??= mentionedFiles(manifestBytes)
    return mentioned.has(number)
  }
  return {
    deciding: { cloudManifest, manifest, mentions },
    sinceOf: obsoleteSince({ cloudManifest, cloudManifestModified, manifestModified, objects }),
  }
}

/** V8 rejects a set of more than 2^24 entries; these take 300 MB. */
const maxMentioned = 8_000_000

function mentionedFiles(manifest: Uint8Array): Set<number> {
  const mentioned = new Set<number>()
  for (const { edit } of versionEdits(manifest)) {
    const { newTables, deletedTables, newBlobFiles } = edit
    for (const { number } of [...newTables, ...deletedTables, ...newBlobFiles]) mentioned.add(number)
    // A file left out here counts as one on its way: it is known to be garbage only later.
    if (mentioned.size > maxMentioned) break
  }
  return mentioned
}
