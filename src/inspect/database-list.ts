import pLimit, { type LimitFunction } from 'p-limit'
import { maxCookies, tooManyCookies } from '../catalog/cookies.js'
import { databaseUrl } from '../catalog/database-place.js'
import type { FoundDatabase } from '../catalog/find-databases.js'
import { mapLimited } from '../catalog/map-limited.js'
import type { Problem } from '../catalog/problem.js'
import { type ReadState, StateReader } from '../catalog/read-state.js'
import { missingCloudManifest } from '../catalog/remains.js'
import { totalSize } from '../catalog/total-size.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'

/** Output of `cloudenv ls --json`. */
export interface DatabaseList {
  readonly url: string
  /** Databases in the order of their paths. */
  readonly databases: readonly ListedDatabase[]
}

export interface ListedDatabase {
  /** Path below the requested URL; empty if the database lies directly there. */
  readonly path: string
  readonly url: string
  /** Number of all objects directly there, garbage included. */
  readonly storedObjects: number
  readonly storedBytes: number
  /** Time when its newest object was written. */
  readonly lastWrite: Date
  /** One state per CLOUDMANIFEST. If that is missing, but tables and a MANIFEST are there: one that cannot be read. */
  readonly states: readonly ListedState[]
}

export interface ListedState {
  /** Empty for the plain CLOUDMANIFEST. */
  readonly cookie: string
  /** Null, like the fields after it, if the CLOUDMANIFEST or the MANIFEST cannot be read. */
  readonly epoch: string | null
  /** Number of live tables. */
  readonly tables: number | null
  /** Size of the live tables, as the MANIFEST counts it. */
  readonly tableBytes: number | null
  /** Time when the MANIFEST was written: the last commit. */
  readonly lastCommit: Date | null
  /** Problems of the CLOUDMANIFEST and the MANIFEST; for the tables see `cloudenv verify`. */
  readonly problems: readonly JsonProblem[]
}

const concurrentReads = 8

/**
 * States of these databases.
 * @param cookie of the states to read. Default: all.
 * @param onDatabase called after each.
 */
export async function listedDatabases(
  found: readonly FoundDatabase[],
  { cookie, onDatabase }: { readonly cookie?: string | undefined; readonly onDatabase?: () => void } = {},
): Promise<ListedDatabase[]> {
  const oneAtATime = pLimit(1)
  const databases = await mapLimited(found, concurrentReads, async (database) => {
    const listed = await listedDatabase(database, cookie, oneAtATime)
    onDatabase?.()
    return listed
  })
  return databases.filter(({ states }) => states.length > 0)
}

async function listedDatabase(
  { place, path, cookies, remains, objects, bytes, modified }: FoundDatabase,
  wanted: string | undefined,
  oneAtATime: LimitFunction,
): Promise<ListedDatabase> {
  const chosen = cookies.filter((cookie) => cookie === (wanted ?? cookie))
  const read = async (): Promise<ListedState[]> => {
    if (cookies.length > maxCookies) return [refusedState(databaseUrl(place), tooManyCookies(place))]
    const reader = new StateReader([place])
    const states: ListedState[] = []
    for (const cookie of chosen) states.push(listedState(await reader.read(cookie)))
    return states
  }
  // MANIFESTs that several states may share are held until all states are read.
  const states = await (chosen.length > 1 ? oneAtATime(read) : read())
  if (remains && (wanted ?? '') === '')
    states.push(unreadState(missingCloudManifest(databaseUrl(place), remains)))
  return {
    path,
    url: databaseUrl(place),
    storedObjects: objects,
    storedBytes: bytes,
    lastWrite: modified,
    states,
  }
}

function refusedState(object: string, { message }: Error): ListedState {
  return unreadState({ code: 'unsupported', object, message })
}

function unreadState(problem: Problem): ListedState {
  const problems = [jsonProblem(problem)]
  return { cookie: '', epoch: null, tables: null, tableBytes: null, lastCommit: null, problems }
}

function listedState(state: ReadState): ListedState {
  const { cookie, cloudManifest, manifest, manifestModified, problems } = state
  const tables = manifest && [...manifest.liveTables.values()]
  return {
    cookie,
    epoch: cloudManifest?.current ?? null,
    tables: tables?.length ?? null,
    tableBytes: tables ? totalSize(tables) : null,
    lastCommit: manifestModified ?? null,
    problems: problems.map(jsonProblem),
  }
}
