import { Command } from '@commander-js/extra-typings'
import type { DatabasePlace } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import type { Epoch } from '../format/epoch.js'
import type { DatabaseUsage } from '../inspect/disk-usage.js'
import type { FoundDatabase } from '../inspect/find-databases.js'
import type { Usage } from '../inspect/usage.js'
import { urlPath } from '../store/store-url.js'
import { exitCode } from './exit-code.js'
import { foundDatabases } from './found-databases.js'
import { bold, dim, yellow } from './output/colour.js'
import { epochText } from './output/epoch.js'
import { type JsonProblem, jsonProblem, problemLine, problemLines } from './output/problem.js'
import { withProgress } from './output/progress.js'
import { type Column, printTable } from './output/table.js'
import { counted, formatBytes, formatCount, printable, shortened } from './output/text.js'
import { printJson } from './output/write-json.js'
import { flatPrice, formatUsd, listPrice, monthlyCost, type StoragePrice } from './storage-price.js'
import { withInspectOptions, withPlaces } from './store-options.js'
import { UsageError } from './usage-error.js'

/** What `du --json` prints. */
export interface DiskUsage {
  readonly url: string
  /** In the order of their paths. */
  readonly databases: readonly DatabaseDiskUsage[]
  /** What lies below the URL and in no database. */
  readonly elsewhere: Usage
  readonly total: Usage
  /** For all of it, at this price: storage and nothing else. */
  readonly monthlyUsd: number
  readonly price: StoragePriceJson
}

export interface StoragePriceJson {
  readonly name: string
  /** Up to so many bytes in all a GB-month costs so much; null: without a limit. */
  readonly tiers: readonly { readonly upToBytes: number | null; readonly usdPerGbMonth: number }[]
}

/** What lies directly at a database's own place: of a clone without what lies at its source. */
export interface DatabaseDiskUsage {
  /** Below the URL that was asked for; empty where the database lies directly there. */
  readonly path: string
  readonly url: string
  readonly total: Usage
  readonly live: Usage
  readonly garbage: Usage
  /** A state that may need it cannot be read. */
  readonly undecided: Usage
  /** Objects that mean nothing here. */
  readonly foreign: Usage
  /** Live tables and blob files; one that several states share counts once. */
  readonly byLevel: readonly LevelDiskUsage[]
  /** Of `live`: CLOUDMANIFESTs, the MANIFESTs that they name, and IDENTITY. */
  readonly metadata: Usage
  /** Everything with an epoch in its name, live or not, oldest epoch first. */
  readonly byEpoch: readonly EpochDiskUsage[]
  /** Its part of all that is below the URL. */
  readonly monthlyUsd: number
  /** Of all states. Of a clone without what is missing, for that may lie at its source. */
  readonly problems: readonly JsonProblem[]
}

export interface LevelDiskUsage extends Usage {
  readonly columnFamily: string
  /** Null for blob files, which have none. */
  readonly level: number | null
}

export interface EpochDiskUsage extends Usage {
  readonly epoch: Epoch
  readonly live: Usage
  readonly garbage: Usage
}

export const duCommand = withInspectOptions(
  new Command('du')
    .description('show what databases store, by level, epoch, live and garbage, and what that costs')
    .argument('<url>', 'of a database, or a prefix: s3://bucket/prefix or file:///directory')
    .option('--price <usd>', 'for a GB-month, instead of the list price of S3 Standard', parsePrice)
    .addHelpText(
      'after',
      `
The cost is that of storage alone: not of requests and transfer, nor of versions and unfinished uploads that the
bucket keeps.

Example:
  cloudenv du s3://bucket/prod`,
    ),
).action(async (url, options) => {
  for (const name of ['cookie', 'source'] as const) {
    if (options[name] !== undefined)
      throw new UsageError(`du takes no --${name}: it counts what lies below the URL, whatever needs it`)
  }
  const price = options.price ?? listPrice
  const usage = await withPlaces(url, options, ([place]) => diskUsage(place, price))
  if (options.json) await printJson<DiskUsage>(usage)
  else print(usage)
  const isDamaged = usage.databases.some(({ problems }) => problems.length > 0)
  process.exitCode = isDamaged ? exitCode.foundWrong : exitCode.good
})

function parsePrice(text: string): StoragePrice {
  const usd = Number(text)
  if (/^\d*\.?\d+$/.test(text) && Number.isFinite(usd)) return flatPrice(usd)
  throw new UsageError(`expected --price to be US dollars such as 0.023, got ${JSON.stringify(text)}`)
}

/** Each may have 500,000 files, and take a gigabyte for them: see src/inspect/read-state.ts. */
const concurrentDatabases = 2

async function diskUsage(place: DatabasePlace, price: StoragePrice): Promise<DiskUsage> {
  const { databaseUrl } = await import('../cloud/database-place.js')
  const { mapLimited } = await import('../inspect/map-limited.js')
  const { databases: found, elsewhere } = await foundDatabases(place)
  const usages = await withProgress('reading', { unit: 'databases', total: found.length }, (progress) =>
    mapLimited(found, concurrentDatabases, async (database) => {
      const usage = await usageOf(database)
      progress.add(1)
      return usage
    }),
  )
  const total = usages.reduce((sum, { usage }) => plus(sum, usage.total), elsewhere)
  const monthlyUsd = monthlyCost(total.bytes, price)
  const share = (bytes: number) => (total.bytes === 0 ? 0 : (bytes / total.bytes) * monthlyUsd)
  return {
    url: databaseUrl(place),
    databases: usages.map(({ database, usage }) => ({
      path: database.path,
      url: databaseUrl(database.place),
      ...usage,
      byLevel: usage.byLevel.map((level) => ({ ...level, level: level.level ?? null })),
      monthlyUsd: share(usage.total.bytes),
      problems: usage.problems.map(jsonProblem),
    })),
    elsewhere,
    total,
    monthlyUsd,
    price: {
      name: price.name,
      tiers: price.tiers.map(({ upToBytes, usdPerGbMonth }) => ({
        upToBytes: Number.isFinite(upToBytes) ? upToBytes : null,
        usdPerGbMonth,
      })),
    },
  }
}

async function usageOf(
  database: FoundDatabase,
): Promise<{ readonly database: FoundDatabase; readonly usage: DatabaseUsage }> {
  const { databaseUrl } = await import('../cloud/database-place.js')
  const { surveyDatabase } = await import('../inspect/survey.js')
  const { usageOfDatabase, usageOfUnknown } = await import('../inspect/disk-usage.js')
  try {
    return { database, usage: usageOfDatabase(await surveyDatabase([database.place])) }
  } catch (error) {
    // It has more objects than can be looked at. That is no reason not to show the others.
    if (!EnvError.is(error, 'NotSupported')) throw error
    const problem = {
      code: 'unsupported',
      object: databaseUrl(database.place),
      message: error.message,
    } as const
    return { database, usage: usageOfUnknown(database, problem) }
  }
}

function plus(a: Usage, b: Usage): Usage {
  return { objects: a.objects + b.objects, bytes: a.bytes + b.bytes }
}

function print(usage: DiskUsage): void {
  const { url, databases, elsewhere, total, monthlyUsd, price } = usage
  if (total.objects === 0) {
    console.log(`Nothing lies at or below ${printable(url)}.`)
    return
  }
  printTable([...databases.map(rowOf), ...(elsewhere.objects > 0 ? [elsewhereRow(usage)] : [])], columns)
  const [only] = databases
  if (databases.length === 1 && only) printParts(only)
  console.log(
    `\n${bold(formatBytes(total.bytes))} in ${counted(total.objects, 'object')}: ${bold(formatUsd(monthlyUsd))} a month`,
  )
  console.log(dim(`Storage alone, at ${price.name}`))
  const problems = databases.flatMap((database) => database.problems)
  if (problems.length > 0) console.log()
  for (const line of problemLines(problems, problemLine)) console.log(line)
}

interface Row {
  readonly name: string
  readonly stored: Usage
  readonly live?: Usage
  readonly garbage?: Usage
  readonly others?: Usage
  readonly monthlyUsd: number
}

function rowOf({ path, total, live, garbage, undecided, foreign, monthlyUsd }: DatabaseDiskUsage): Row {
  const name = path === '' ? '.' : urlPath(path)
  return { name, stored: total, live, garbage, others: plus(undecided, foreign), monthlyUsd }
}

function elsewhereRow({ elsewhere, total, monthlyUsd }: DiskUsage): Row {
  return {
    name: dim('(in no database)'),
    stored: elsewhere,
    monthlyUsd: total.bytes === 0 ? 0 : (elsewhere.bytes / total.bytes) * monthlyUsd,
  }
}

const columns: readonly Column<Row>[] = [
  { title: 'database', cell: ({ name }) => name },
  { title: 'objects', align: 'right', cell: ({ stored }) => formatCount(stored.objects) },
  { title: 'bytes', align: 'right', cell: ({ stored }) => formatBytes(stored.bytes) },
  { title: 'live', align: 'right', cell: ({ live }) => bytesCell(live) },
  {
    title: 'garbage',
    align: 'right',
    cell: ({ garbage }) => (garbage?.bytes ? yellow(bytesCell(garbage)) : bytesCell(garbage)),
  },
  { title: 'other', align: 'right', cell: ({ others }) => bytesCell(others) },
  { title: 'a month', align: 'right', cell: ({ monthlyUsd }) => formatUsd(monthlyUsd) },
]

function bytesCell(usage: Usage | undefined): string {
  return usage ? formatBytes(usage.bytes) : ''
}

function printParts({ byLevel, byEpoch, metadata }: DatabaseDiskUsage): void {
  console.log()
  printTable<{ readonly family: string; readonly level: string; readonly usage: Usage }>(
    [
      ...byLevel.map(({ columnFamily, level, ...usage }) => ({
        family: shortened(printable(columnFamily), maxNameLength),
        level: level === null ? 'blobs' : `L${level}`,
        usage,
      })),
      { family: dim('(metadata)'), level: '', usage: metadata },
    ],
    [
      { title: 'column family', cell: ({ family }) => family },
      { title: 'level', cell: ({ level }) => level },
      { title: 'files', align: 'right', cell: ({ usage }) => formatCount(usage.objects) },
      { title: 'bytes', align: 'right', cell: ({ usage }) => formatBytes(usage.bytes) },
    ],
  )
  console.log()
  printTable(byEpoch, [
    { title: 'epoch', cell: ({ epoch }) => epochText(epoch) },
    { title: 'objects', align: 'right', cell: ({ objects }) => formatCount(objects) },
    { title: 'bytes', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
    { title: 'live', align: 'right', cell: ({ live }) => formatBytes(live.bytes) },
    { title: 'garbage', align: 'right', cell: ({ garbage }) => formatBytes(garbage.bytes) },
  ])
}

const maxNameLength = 40
