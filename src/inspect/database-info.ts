import type { Problem } from '../catalog/problem.js'
import type { ObjectRole, Survey, SurveyedState } from '../catalog/survey.js'
import type { Epoch } from '../format/epoch.js'
import { type JsonBytes, jsonBytes } from './json-bytes.js'
import type { LsmTree } from './lsm-tree.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'
import { type Usage, usageOf } from './usage.js'

/**
 * Output of `cloudenv info --json`. A null value is unknown, because the CLOUDMANIFEST or the MANIFEST cannot be read.
 */
export interface DatabaseInfo {
  readonly url: string
  /** Contents of IDENTITY; null: it is missing. */
  readonly identity: string | null
  /** Cookie of the state that is shown; empty for the plain CLOUDMANIFEST. */
  readonly cookie: string
  /** Cookies of all CLOUDMANIFESTs of the database. */
  readonly cookies: readonly string[]
  readonly epoch: Epoch | null
  /**
   * Earlier epochs, oldest first: each wrote the files with numbers below `endFileNumber`, from the end of the one
   * before.
   */
  readonly pastEpochs: readonly { readonly epoch: Epoch; readonly endFileNumber: number }[] | null
  /** Time when the MANIFEST was written. */
  readonly lastCommit: Date | null
  readonly lastSequence: number | null
  readonly nextFileNumber: number | null
  readonly columnFamilies: readonly ColumnFamilyInfo[] | null
  /** Objects at the URL, by what becomes of them. */
  readonly objects: {
    /** Objects that a state of the database needs, this or another; objects at the source count too. */
    readonly live: Usage
    /** Objects that `cloudenv gc` lists. */
    readonly garbage: Usage
    /** Objects that an unreadable state might need. */
    readonly undecided: Usage
    /** Objects at the source, which may need them. */
    readonly source: Usage
    /** Objects that mean nothing here. */
    readonly foreign: Usage
  }
  /**
   * Number of missing objects of the state that is shown, and IDENTITY if it is missing. If the MANIFEST cannot be
   * read, the number of known ones; null if none is known.
   */
  readonly missing: number | null
  readonly problems: readonly JsonProblem[]
}

export interface ColumnFamilyInfo {
  readonly id: number
  readonly name: string
  readonly comparator: string | null
  readonly tables: number
  readonly tableBytes: number
  readonly blobFiles: number
  readonly blobBytes: number
  readonly levels: readonly LevelInfo[]
}

export interface LevelInfo {
  readonly level: number
  readonly tables: number
  readonly tableBytes: number
  /** User keys; null if the order of the comparator is unknown here. */
  readonly smallestKey: JsonBytes | null
  readonly largestKey: JsonBytes | null
}

/** Describes a database by the state that is shown. @param problems of the state, and of IDENTITY. */
export function databaseInfo(
  survey: Survey,
  state: SurveyedState,
  trees: readonly LsmTree[] | undefined,
  problems: readonly Problem[],
): DatabaseInfo {
  const { cookie, cloudManifest, manifest, manifestModified } = state
  return {
    url: survey.url,
    identity: survey.identity ?? null,
    cookie,
    cookies: [...survey.states.keys()],
    epoch: cloudManifest?.current ?? null,
    pastEpochs: cloudManifest?.past.map(({ epoch, end }) => ({ epoch, endFileNumber: end })) ?? null,
    lastCommit: manifestModified ?? null,
    lastSequence: manifest?.lastSequence ?? null,
    nextFileNumber: manifest?.lastNextFileNumber ?? null,
    columnFamilies: trees?.map(columnFamilyInfo) ?? null,
    objects: usageByRole(survey),
    missing: problems.filter(({ code }) => code === 'missing').length || (manifest ? 0 : null),
    problems: problems.map(jsonProblem),
  }
}

function columnFamilyInfo({
  columnFamily: { id, name, comparator },
  levels,
  tables,
  bytes,
  blobFiles,
  blobBytes,
}: LsmTree): ColumnFamilyInfo {
  return {
    id,
    name,
    comparator: comparator ?? null,
    tables,
    tableBytes: bytes,
    blobFiles,
    blobBytes,
    levels: levels.map((level) => ({
      level: level.level,
      tables: level.tables,
      tableBytes: level.bytes,
      smallestKey: level.range ? jsonBytes(level.range.smallest) : null,
      largestKey: level.range ? jsonBytes(level.range.largest) : null,
    })),
  }
}

function usageByRole({ objects, foreign }: Survey): DatabaseInfo['objects'] {
  const of = (kind: ObjectRole['kind']) => usageOf(objects.filter(({ role }) => role.kind === kind))
  return {
    live: of('live'),
    garbage: of('garbage'),
    undecided: of('undecided'),
    source: of('source'),
    foreign,
  }
}
