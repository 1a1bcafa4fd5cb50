import { objectUrl } from '../catalog/database-place.js'
import type { Problem } from '../catalog/problem.js'
import type { Survey, SurveyedState } from '../catalog/survey.js'
import type { Epoch } from '../format/epoch.js'
import { type JsonBytes, jsonBytes } from './json-bytes.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'
import type { ListedTable } from './table-list.js'

/** Output of `cloudenv tables --json`. */
export interface TableList {
  readonly url: string
  /** Cookie of the state that is shown; empty for the plain CLOUDMANIFEST. */
  readonly cookie: string
  /** Null: unknown, because the CLOUDMANIFEST or the MANIFEST cannot be read. */
  readonly tables: readonly TableInfo[] | null
  /** Problems of the whole state, whichever tables are shown. */
  readonly problems: readonly JsonProblem[]
}

export interface TableInfo {
  readonly number: number
  /** URL with the epoch; if the table is missing, the URL that it should have. */
  readonly object: string
  readonly epoch: Epoch
  readonly columnFamily: string
  readonly level: number
  /** Size in the MANIFEST. */
  readonly sizeBytes: number
  /** Size in the store; null: the table is missing. */
  readonly storedBytes: number | null
  /** User keys, both inclusive. */
  readonly smallestKey: JsonBytes
  readonly largestKey: JsonBytes
  /** Sequence numbers of the oldest and the newest write in it, in decimal; null in tables of the oldest RocksDBs. */
  readonly smallestSequence: bigint | null
  readonly largestSequence: bigint | null
  /** Time of creation in the MANIFEST, else the time when its object was written; null: neither is known. */
  readonly created: Date | null
  /**
   * Number of entries, deletions among them, with `--entries`; null if the table cannot be read or lacks the number.
   */
  readonly entries?: number | null
}

/**
 * Describes these tables of a state.
 * @param entries number in each table, by file number, if they were counted.
 * @param problems of the state, and of the counting.
 */
export function tableInfos(
  { url, places }: Survey,
  { cookie, manifest }: SurveyedState,
  tables: readonly ListedTable[],
  {
    entries,
    problems,
  }: { readonly entries?: ReadonlyMap<number, number> | undefined; readonly problems: readonly Problem[] },
): TableList {
  const infoOf = (listed: ListedTable): TableInfo => {
    const object = objectUrl(listed.stored?.place ?? places[0], listed.objectName)
    return {
      ...tableInfo(listed, object),
      ...(entries && { entries: entries.get(listed.table.number) ?? null }),
    }
  }
  return {
    url,
    cookie,
    tables: manifest ? tables.map(infoOf) : null,
    problems: problems.map(jsonProblem),
  }
}

function tableInfo(listed: ListedTable, object: string): TableInfo {
  const { table, epoch, columnFamily, stored, created } = listed
  return {
    number: table.number,
    object,
    epoch,
    columnFamily,
    level: table.level,
    sizeBytes: table.size,
    storedBytes: stored?.size ?? null,
    smallestKey: jsonBytes(table.smallest.userKey),
    largestKey: jsonBytes(table.largest.userKey),
    smallestSequence: table.smallestSequence ?? null,
    largestSequence: table.largestSequence ?? null,
    created: created ?? null,
  }
}
