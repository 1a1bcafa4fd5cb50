import { Command } from '@commander-js/extra-typings'
import type { LimitFunction } from 'p-limit'
import type { FoundDatabase } from '../inspect/find-databases.js'
import type { Problem } from '../inspect/problem.js'
import type { ReadState } from '../inspect/read-state.js'
import type { Remains } from '../inspect/remains.js'
import { urlPath } from '../store/store-url.js'
import { exitCode } from './exit-code.js'
import { foundDatabases } from './found-databases.js'
import { red } from './output/colour.js'
import { epochText } from './output/epoch.js'
import { type JsonProblem, jsonProblem, problemLine } from './output/problem.js'
import { withProgress } from './output/progress.js'
import { type Column, printTable } from './output/table.js'
import { formatAge, formatBytes, formatCount, printable } from './output/text.js'
import { printJson } from './output/write-json.js'
import { type InspectOptions, withInspectOptions, withPlaces } from './store-options.js'
import { UsageError } from './usage-error.js'

/** What `ls --json` prints. */
export interface DatabaseList {
  readonly url: string
  /** In the order of their paths. */
  readonly databases: readonly ListedDatabase[]
}

export interface ListedDatabase {
  /** Below the URL that was asked for; empty where the database lies directly there. */
  readonly path: string
  readonly url: string
  /** Everything that lies directly there, garbage included. */
  readonly storedObjects: number
  readonly storedBytes: number
  /** When the newest object of it was written. */
  readonly lastWrite: Date
  /** One for each CLOUDMANIFEST. Where that is missing, and tables and a MANIFEST lie there: one that cannot be read. */
  readonly states: readonly ListedState[]
}

export interface ListedState {
  /** Empty for the plain CLOUDMANIFEST. */
  readonly cookie: string
  /** Null, as what follows, where the CLOUDMANIFEST or the MANIFEST cannot be read. */
  readonly epoch: string | null
  /** Live ones. */
  readonly tables: number | null
  /** Of the live tables, as the MANIFEST counts them. */
  readonly tableBytes: number | null
  /** When the MANIFEST was written: the last commit. */
  readonly lastCommit: Date | null
  /** Of the CLOUDMANIFEST and the MANIFEST; for the tables see `cloudenv verify`. */
  readonly problems: readonly JsonProblem[]
}

export const lsCommand = withInspectOptions(
  new Command('ls')
    .description('list the databases below a prefix')
    .argument('<url>', 's3://bucket/prefix or file:///directory')
    .addHelpText('after', '\nExample:\n  cloudenv ls s3://bucket/prod'),
).action(async (url, options) => {
  if (options.source !== undefined) throw new UsageError('ls takes no --source: it reads no clone of one')
  const list = await listDatabases(url, options)
  if (options.json) await printJson<DatabaseList>(list)
  else print(list, options)
  const isDamaged = list.databases.some(({ states }) => states.some(({ problems }) => problems.length > 0))
  process.exitCode = isDamaged ? exitCode.foundWrong : exitCode.good
})

const concurrentReads = 8

async function listDatabases(url: string, options: InspectOptions): Promise<DatabaseList> {
  const { databaseUrl } = await import('../cloud/database-place.js')
  const { mapLimited } = await import('../inspect/map-limited.js')
  const { default: pLimit } = await import('p-limit')
  const oneAtATime = pLimit(1)
  return await withPlaces(url, options, async ([place]) => {
    const { databases: found } = await foundDatabases(place, { withLost: true })
    const databases = await withProgress('reading', { unit: 'databases', total: found.length }, (progress) =>
      mapLimited(found, concurrentReads, async (database) => {
        const listed = await listedDatabase(database, options, oneAtATime)
        progress.add(1)
        return listed
      }),
    )
    return {
      url: databaseUrl(place),
      databases: databases.filter(({ states }) => states.length > 0),
    }
  })
}

async function listedDatabase(
  { place, path, cookies, remains, objects, bytes, modified }: FoundDatabase,
  { cookie: wanted }: InspectOptions,
  oneAtATime: LimitFunction,
): Promise<ListedDatabase> {
  const { databaseUrl } = await import('../cloud/database-place.js')
  const { maxCookies, tooManyCookies } = await import('../inspect/listed-place.js')
  const { StateReader } = await import('../inspect/read-state.js')
  const chosen = cookies.filter((cookie) => cookie === (wanted ?? cookie))
  const read = async (): Promise<ListedState[]> => {
    if (cookies.length > maxCookies) return [refusedState(databaseUrl(place), tooManyCookies(place))]
    const reader = new StateReader([place])
    const states: ListedState[] = []
    for (const cookie of chosen) states.push(listedState(await reader.read(cookie)))
    return states
  }
  // What several states may share is held until all of them are read.
  const states = await (chosen.length > 1 ? oneAtATime(read) : read())
  if (remains && (wanted ?? '') === '') states.push(await lostState(databaseUrl(place), remains))
  return {
    path,
    url: databaseUrl(place),
    storedObjects: objects,
    storedBytes: bytes,
    lastWrite: modified,
    states,
  }
}

async function lostState(url: string, remains: Remains): Promise<ListedState> {
  const { missingCloudManifest } = await import('../inspect/remains.js')
  return unreadState(missingCloudManifest(url, remains))
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
    tableBytes: tables?.reduce((sum, { size }) => sum + size, 0) ?? null,
    lastCommit: manifestModified ?? null,
    problems: problems.map(jsonProblem),
  }
}

function print({ url, databases }: DatabaseList, { cookie }: InspectOptions): void {
  if (databases.length === 0) {
    const wanted = cookie ? `No database with a CLOUDMANIFEST-${printable(cookie)}` : 'No database'
    console.log(`${wanted} lies at or below ${printable(url)}.`)
    return
  }
  const rows = databases.flatMap((database) => database.states.map((state) => ({ database, state })))
  printTable(rows, [
    { title: 'database', cell: ({ database }) => (database.path === '' ? '.' : urlPath(database.path)) },
    ...(rows.some(({ state }) => state.cookie !== '') ? [cookieColumn] : []),
    { title: 'epoch', cell: ({ state }) => (state.epoch === null ? red('damaged') : epochText(state.epoch)) },
    { title: 'tables', align: 'right', cell: ({ state }) => shown(state.tables, formatCount) },
    { title: 'size', align: 'right', cell: ({ state }) => shown(state.tableBytes, formatBytes) },
    { title: 'stored', align: 'right', cell: ({ database }) => formatBytes(database.storedBytes) },
    { title: 'last write', align: 'right', cell: ({ database }) => `${formatAge(database.lastWrite)} ago` },
  ])
  for (const { state } of rows) for (const problem of state.problems) console.log(`\n${problemLine(problem)}`)
}

const cookieColumn: Column<{ readonly state: ListedState }> = {
  title: 'cookie',
  cell: ({ state }) => (state.cookie === '' ? '-' : printable(state.cookie)),
}

function shown(value: number | null, format: (value: number) => string): string {
  return value === null ? '?' : format(value)
}
