import { objectUrl } from '../catalog/database-place.js'
import type { GarbageReason } from '../catalog/garbage.js'
import type { Problem } from '../catalog/problem.js'
import { isGarbage, type Survey } from '../catalog/survey.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'
import type { UploadUsage } from './unfinished-uploads.js'
import { type JsonUploads, jsonUploads } from './uploads-json.js'
import { type Usage, usageOf } from './usage.js'

/** Output of `cloudenv gc --json`. */
export interface GarbageReport {
  readonly url: string
  /** Cookies of all CLOUDMANIFESTs there: objects that any of their states needs are not garbage. */
  readonly cookies: readonly string[]
  /** Garbage in the order of the objects' names. */
  readonly garbage: readonly GarbageObject[]
  readonly total: Usage
  /**
   * Milliseconds for which the owner keeps garbage before it deletes it, as the CLOUDMANIFEST says; of several cookies the
   * longest. Null: unknown.
   */
  readonly retentionMs: number | null
  /** The part of it that the owner of the database deletes by itself, now or when it opens the database next. */
  readonly deletedByOwner: Usage
  /** Objects that could be garbage: a state that might need them cannot be read. */
  readonly undecided: Usage
  /** Objects that mean nothing here. Nothing here says that they are garbage. */
  readonly foreign: Usage
  /** Uploads of objects of this database. They hold no object yet, and cost as much. */
  readonly unfinishedUploads: JsonUploads
  /** Problems of all states, or that there is none: why something is undecided, or why the owner deletes nothing. */
  readonly problems: readonly JsonProblem[]
}

export interface GarbageObject {
  /** URL of the object. */
  readonly object: string
  readonly sizeBytes: number
  readonly reason: GarbageReason
  /** Time when it was written: it has been garbage at most since then. */
  readonly written: Date
  /** It has been garbage at least since then; null if that is unknown. */
  readonly garbageSince: Date | null
  /**
   * `owner`: the process that has the database open for writing, or opens it next, deletes it after a delay. `people`:
   * nobody deletes it before people decide.
   */
  readonly deletedBy: 'owner' | 'people'
}

/** @param problems of all states, or that there is none. */
export function garbageReport(
  { url, states, objects, foreign }: Survey,
  problems: readonly Problem[],
  uploads: UploadUsage,
): GarbageReport {
  const garbage = objects.filter(isGarbage)
  return {
    url,
    cookies: [...states.keys()],
    garbage: garbage.map((object) => ({
      object: objectUrl(object.place, object.name),
      sizeBytes: object.size,
      reason: object.role.reason,
      written: object.modified,
      garbageSince: object.role.since ?? null,
      deletedBy: object.role.deletedBy,
    })),
    total: usageOf(garbage),
    retentionMs: longestRetention([...states.values()]),
    deletedByOwner: usageOf(garbage.filter(({ role }) => role.deletedBy === 'owner')),
    undecided: usageOf(objects.filter(({ role }) => role.kind === 'undecided')),
    foreign,
    unfinishedUploads: jsonUploads(uploads),
    problems: problems.map(jsonProblem),
  }
}

function longestRetention(states: readonly { readonly retentionMs: number | undefined }[]): number | null {
  const known = states.flatMap(({ retentionMs }) => retentionMs ?? [])
  return known.length === 0 ? null : Math.max(...known)
}
