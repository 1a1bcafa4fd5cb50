import { type DatabasePlace, objectUrl } from '../catalog/database-place.js'
import type { History } from '../catalog/history.js'
import type { HistoryState } from '../catalog/history-states.js'
import type { Epoch } from '../format/epoch.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'

/** Output of `cloudenv history --json`. */
export interface HistoryReport {
  readonly url: string
  /** States that the MANIFESTs tell of, present and past ones, newest first. */
  readonly states: readonly PastStateInfo[]
  /** True if there are older ones beyond the limit. */
  readonly hasMore: boolean
  /**
   * Milliseconds for which the owner keeps the objects of past states, as the CLOUDMANIFEST says; null: unknown. The next
   * owner may keep them for a shorter time.
   */
  readonly retentionMs: number | null
  /** Problems of MANIFESTs: states after the first edit that cannot be read are left out. */
  readonly problems: readonly JsonProblem[]
}

export interface PastStateInfo {
  /**
   * Time of the commit as well as the store's times tell. For a state that adds files, the time when the newest of them
   * was written: the commit came after it, as a rule within moments. For one that adds none, or whose files are gone, the
   * latest time at which it can have been committed. Null: nothing that is left tells.
   */
  readonly time: Date | null
  readonly epoch: Epoch
  /** No write in it has a higher sequence number. */
  readonly sequence: number
  readonly tables: number
  /** Size of the tables, as the MANIFEST counts it. */
  readonly tableBytes: number
  readonly columnFamilies: number
  /** Number of tables that are gone, or have another size than they had. */
  readonly missingTables: number
  /** True if everything that it needs is still there. */
  readonly isOpenable: boolean
  /** URL of the object that begins with its MANIFEST, and how many bytes of it are the MANIFEST. */
  readonly manifest: string
  readonly manifestBytes: number
  readonly change: PastStateChange
}

/** Changes since the state before. */
export interface PastStateChange {
  /**
   * True for the first state of a MANIFEST: the database was opened, or its MANIFEST had grown too large. What else
   * changed is unknown then.
   */
  readonly isBeginning: boolean
  readonly addedTables: number
  readonly removedTables: number
  /** Levels that got tables, or that lost some if none got any. */
  readonly levels: readonly number[]
  readonly addedBlobFiles: number
  /** Names of column families. */
  readonly addedFamilies: readonly string[]
  readonly droppedFamilies: readonly string[]
}

export function historyReport(
  place: DatabasePlace,
  { url, states, hasMore, retentionMs, problems }: History,
): HistoryReport {
  return {
    url,
    states: states.map((state) => stateInfo(place, state)),
    hasMore,
    retentionMs: retentionMs ?? null,
    problems: problems.map(jsonProblem),
  }
}

function stateInfo(place: DatabasePlace, state: HistoryState): PastStateInfo {
  const { time, epoch, sequence, tables, bytes, columnFamilies, missingTables, isOpenable } = state
  return {
    time: time ?? null,
    epoch,
    sequence,
    tables,
    tableBytes: bytes,
    columnFamilies,
    missingTables,
    isOpenable,
    manifest: objectUrl(place, state.manifestObject),
    manifestBytes: state.manifestLength,
    change: state.change,
  }
}
