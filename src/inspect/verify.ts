/** Checks that a database in a bucket is sound: the objects that it references exist, fit together, and can be read. */

import { objectUrl, type Places } from '../catalog/database-place.js'
import { readView } from '../catalog/database-view.js'
import { familyName } from '../catalog/family-name.js'
import { identityProblems, identityUrl } from '../catalog/identity.js'
import { mapLimited } from '../catalog/map-limited.js'
import { bringBack, type Problem, type UserKeyRange } from '../catalog/problem.js'
import { rootProblems } from '../catalog/remains.js'
import type { OpenPlace } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { type Survey, type SurveyedState, surveyDatabase } from '../catalog/survey.js'
import { tableRange } from '../catalog/table-range.js'
import { totalSize } from '../catalog/total-size.js'
import { EnvError } from '../env/env-error.js'
import { blobFileSize } from '../format/blob-file-size.js'
import type { TableUniqueId } from '../format/table-unique-id.js'
import { BlobTarget } from '../table/blob-target.js'
import { type RangedSource, rangedObject } from '../table/ranged-source.js'
import { verifyBlobFile } from '../table/verify-blob-file.js'
import { type ExpectedTable, verifyTable } from '../table/verify-table.js'
import { verifyState } from './verify-state.js'

export interface VerifyOptions {
  /** Cookie of the only state to check. Default: all. */
  readonly cookie?: string
  /** True to read every block of every table, and every blob, as well. */
  readonly isDeep: boolean
  /** Opens the sources that a clone's CLOUDMANIFEST records. Default: what lies there counts as missing. */
  readonly openPlace?: OpenPlace
  /** Called for each object that is listed. */
  readonly onObject?: () => void
  /** Called before tables and blob files are read, with their bytes; again if some are to be read again. */
  readonly onStart?: (bytes: number) => void
  /** Called with each piece that was read. */
  readonly onRead?: (bytes: number) => void
}

export interface Verification {
  readonly survey: Survey
  readonly problems: readonly Problem[]
  /** Extent of the check. Blobs, blocks and entries are 0 unless it went deep. */
  readonly checked: {
    readonly states: number
    readonly tables: number
    readonly tableBytes: number
    readonly blobFiles: number
    readonly blobs: number
    readonly blocks: number
    readonly entries: number
  }
}

/** Each file has 3 MiB of a table in memory, or one larger block, of 64 MiB at most, as stored and decompressed. */
const concurrentFiles = 4

/** @throws EnvError only errors of the store. */
export async function verifyDatabase(places: Places, options: VerifyOptions): Promise<Verification> {
  const first = await verifyOnce(places, options, () => true)
  if (first.suspects.size === 0) return first
  // An owner may have deleted a file while it was read. A file that is still live, and still seems damaged, is damaged.
  const second = await verifyOnce(places, options, (url) => first.suspects.has(url))
  return { ...second, checked: first.checked }
}

interface OneVerification extends Verification {
  /** URLs of the files in which reading found something. */
  readonly suspects: ReadonlySet<string>
}

async function verifyOnce(
  places: Places,
  { cookie, isDeep, openPlace, onObject, onStart, onRead }: VerifyOptions,
  isWanted: (url: string) => boolean,
): Promise<OneVerification> {
  const survey = await surveyDatabase(places, {
    ...(cookie !== undefined && { cookie }),
    ...(openPlace && { openPlace }),
    ...(onObject && { onObject }),
  })
  const states = [...survey.states.values()].filter(
    (state) => cookie === undefined || state.cookie === cookie,
  )
  const tables = presentTables(states)

  let found: readonly FileVerification[] = []
  const wanted = isDeep ? [...tables, ...presentBlobFiles(states)].filter(({ url }) => isWanted(url)) : []
  if (wanted.length > 0) {
    onStart?.(sumBytes(wanted))
    found = await mapLimited(wanted, concurrentFiles, (file) => verifyStored(file, onRead))
  }

  const deepProblems = withoutEchoes(found)
  const problems = [
    ...rootProblems(survey),
    ...(
      await Promise.all(states.map((state) => withRemedy(problemsOf(state, survey), state, places)))
    ).flat(),
    ...identityProblems(survey),
    ...deepProblems,
  ]
  return {
    survey,
    problems: distinct(problems),
    checked: {
      states: states.length,
      tables: tables.length,
      tableBytes: sumBytes(tables),
      blobFiles: states.reduce((sum, state) => sum + state.blobFiles.length, 0),
      blobs: found.reduce((sum, { blobs = 0 }) => sum + blobs, 0),
      blocks: found.reduce((sum, { blocks = 0 }) => sum + blocks, 0),
      entries: found.reduce((sum, { entries = 0 }) => sum + entries, 0),
    },
    suspects: new Set(
      found.flatMap(({ url, problems }) => [
        ...problems.map(({ object }) => object),
        ...(problems.length > 0 ? [url] : []),
      ]),
    ),
  }
}

/** Problems without those that another file reports about a file known to be damaged. */
function withoutEchoes(found: readonly FileVerification[]): Problem[] {
  const damaged = new Set(
    found.flatMap(({ url, problems }) => problems.filter(({ object }) => object === url).map(() => url)),
  )
  return found.flatMap(({ url, problems }) =>
    problems.filter(({ object }) => object === url || !damaged.has(object)),
  )
}

/** Adds to a problem that the next opening for writing repairs it. */
async function withRemedy(
  problems: readonly Problem[],
  { cookie, manifestObject }: SurveyedState,
  places: Places,
): Promise<readonly Problem[]> {
  if (!problems.some(({ code, object }) => code === 'missing' && object === manifestObject)) return problems
  const view = await readView(places, cookie).catch((error: unknown) => {
    if (EnvError.is(error, 'Corruption')) return undefined
    throw error
  })
  if (!view?.isSealed) return problems
  return problems.map((problem) => {
    if (problem.object !== manifestObject) return problem
    const message =
      `${manifestObject} is missing, and ${objectUrl(places[0], view.manifestName)} has the same state. ` +
      'Open the database for writing once, which mends it; read-only it can be opened as it is'
    return { ...problem, message }
  })
}

function problemsOf(state: SurveyedState, survey: Survey): Problem[] {
  const misplaced = misplacedTables(state, survey)
  const found = state.problems.map((problem) =>
    problem.code === 'missing' ? (misplaced.get(problem.object) ?? problem) : problem,
  )
  return [...found, ...blobFileProblems(state), ...verifyState(state, survey.identity, identityUrl(survey))]
}

function blobFileProblems({ blobFiles }: SurveyedState): Problem[] {
  return blobFiles.flatMap(({ blobFile, stored }) => {
    const expected = blobFileSize(blobFile)
    if (!stored || stored.size === expected) return []
    const object = urlOf(stored)
    const message = `${object} has ${stored.size} bytes, and by the MANIFEST it is ${expected}. ${bringBack}`
    return [{ code: 'wrongSize', object, message }]
  })
}

/** Missing tables that exist under the name of another epoch, by URL. */
function misplacedTables({ tables, manifest }: SurveyedState, survey: Survey): Map<string, Problem> {
  const misplaced = new Map<string, Problem>()
  const missing = new Map(
    tables.flatMap((surveyed) => (surveyed.stored ? [] : [[surveyed.table.number, surveyed]])),
  )
  if (!manifest || missing.size === 0) return misplaced
  for (const { parsed, size, place, name } of survey.objects) {
    const wanted = parsed?.kind === 'table' ? missing.get(parsed.number) : undefined
    if (size !== wanted?.table.size) continue
    const object = objectUrl(survey.places[0], wanted.objectName)
    const message =
      `${object} is missing, and ${objectUrl(place, name)} has its number and size: it is there under the name of ` +
      'another epoch. Copy it to the name that it should have, or bring back the CLOUDMANIFEST that fits'
    misplaced.set(object, { code: 'wrongEpoch', object, message, range: tableRange(manifest, wanted.table) })
  }
  return misplaced
}

type OnRead = VerifyOptions['onRead']

/** Verification of a table or a blob file. */
interface FileVerification {
  readonly url: string
  /** Problems of the file, or of a blob file that it refers to. */
  readonly problems: readonly Problem[]
  readonly blobs?: number
  readonly blocks?: number
  readonly entries?: number
}

interface FileToRead {
  readonly url: string
  readonly stored: StoredFile
  /** Keys of the file, if the MANIFEST has them. */
  readonly range: UserKeyRange | undefined
  verify(source: RangedSource, onRead: OnRead): Promise<Omit<FileVerification, 'url'>>
}

/**
 * Tables to read, each object once, also if several states have it. One of the wrong size is known to be damaged
 * without being read.
 */
function presentTables(states: readonly SurveyedState[]): FileToRead[] {
  const byUrl = new Map<string, FileToRead>()
  const names = tableNames(states)
  const nameOf = ([first, second]: TableUniqueId) => names.get(`${first} ${second}`)
  const targets = new Map<string, BlobTarget>()
  for (const state of states) {
    const { manifest, tables } = state
    if (!manifest) continue
    const blobFile = blobFileOf(state, targets)
    for (const { table, stored } of tables) {
      if (stored?.size !== table.size) continue
      const { comparator } = manifest.columnFamilies.get(table.columnFamily) ?? {}
      const expected = { table, range: tableRange(manifest, table), comparator, nameOf, blobFile }
      const verify: FileToRead['verify'] = (source, onRead) => verifyTable(source, expected, onRead)
      const url = urlOf(stored)
      byUrl.set(url, { url, stored, range: expected.range, verify })
    }
  }
  return [...byUrl.values()]
}

/** Blob files to read, chosen as in {@link presentTables}. */
function presentBlobFiles(states: readonly SurveyedState[]): FileToRead[] {
  const byUrl = new Map<string, FileToRead>()
  for (const { manifest, blobFiles } of states) {
    if (!manifest) continue
    for (const { blobFile, stored } of blobFiles) {
      if (stored?.size !== blobFileSize(blobFile)) continue
      const expected = { blobFile, columnFamily: familyName(manifest, blobFile.columnFamily) }
      const verify: FileToRead['verify'] = (source, onRead) => verifyBlobFile(source, expected, onRead)
      const url = urlOf(stored)
      byUrl.set(url, { url, stored, range: undefined, verify })
    }
  }
  return [...byUrl.values()]
}

/** @param targets of all states, by URL; this adds to it. */
function blobFileOf(
  { tables, blobFiles }: SurveyedState,
  targets: Map<string, BlobTarget>,
): ExpectedTable['blobFile'] {
  const byNumber = new Map(blobFiles.map((file) => [file.blobFile.number, file]))
  const promised = new Set(tables.map(({ table }) => table.oldestBlobFile))
  return (number) => {
    const { blobFile, stored } = byNumber.get(number) ?? {}
    // If the MANIFEST itself says that tables need it, the MANIFEST lost it, which verifyState reports.
    if (!blobFile) return promised.has(number) ? 'missing' : undefined
    if (stored?.size !== blobFileSize(blobFile)) return 'missing'
    const url = urlOf(stored)
    const target = targets.get(url) ?? new BlobTarget(stored)
    targets.set(url, target)
    return target
  }
}

/** Names of the live tables, by the two numbers of their ids. */
function tableNames(states: readonly SurveyedState[]): ReadonlyMap<string, string> {
  const tables = states.flatMap((state) => state.tables)
  return new Map(
    tables.flatMap(({ table: { uniqueId }, objectName }) =>
      uniqueId ? [[uniqueId.join(' '), objectName] as const] : [],
    ),
  )
}

async function verifyStored(
  { url, stored, range, verify }: FileToRead,
  onRead: OnRead,
): Promise<FileVerification> {
  try {
    return { url, ...(await verify(rangedObject(stored.place, stored.objectName, stored.size), onRead)) }
  } catch (error) {
    if (!EnvError.is(error, 'NotFound')) throw error
    const message = `${url} is gone since it was listed. ${bringBack}`
    return { url, problems: [{ code: 'missing', object: url, message, ...(range && { range }) }] }
  }
}

function urlOf({ place, objectName }: StoredFile): string {
  return objectUrl(place, objectName)
}

function sumBytes(files: readonly FileToRead[]): number {
  return totalSize(files.map(({ stored }) => stored))
}

/** Removes duplicates, because two states may share a problem. */
function distinct(problems: readonly Problem[]): Problem[] {
  const byContent = new Map(problems.map((problem) => [`${problem.code} ${problem.message}`, problem]))
  return [...byContent.values()]
}
