import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import type { ColumnFamily } from '../engine/column-family.js'
import type { RocksDBOptions } from '../engine/options.js'
import type { RocksDB } from '../engine/rocksdb.js'
import { RocksDBError } from '../engine/rocksdb-error.js'
import { EnvError } from '../env/env-error.js'
import type { HostedEnv } from '../host/hosted-env.js'
import { bucketDirectory } from '../inspect/bucket-directory.js'
import type { BucketColumnFamily, BucketEnvMetrics, BucketEnvOptions } from '../inspect/bucket-env.js'
import { bytewiseComparator, keyOrder } from '../inspect/key-order.js'
import { quoted } from '../inspect/quoted.js'
import { noColumnFamily } from './no-column-family.js'
import { noDatabase } from './no-database.js'
import { withProgress } from './output/progress.js'
import {
  type ConnectionOptions,
  connectionOf,
  parseUrl,
  type StateOptions,
  withInspectOptions,
  withPlaces,
} from './store-options.js'
import { UsageError } from './usage-error.js'

/** What every command takes that reads keys. */
export type DatabaseOptions = ConnectionOptions &
  StateOptions & {
    readonly columnFamily: string
    readonly mergeOperator?: string
    readonly json?: true
  }

/** The command with them added to its own options. */
export function withDatabaseOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & DatabaseOptions> {
  command.addOption(new Option('--column-family <name>', 'whose keys').default('default'))
  command.option(
    '--merge-operator <name>',
    'with which values were merged, one of those that RocksDB brings along',
  )
  return withInspectOptions(command) as unknown as Command<Arguments, Own & DatabaseOptions>
}

/** A database that is open for reading, and the column family that was asked for. */
export interface OpenDatabase {
  readonly db: RocksDB
  readonly columnFamily: ColumnFamily
  /** Of the column family, by RocksDB's name. */
  readonly comparator: string
}

/** How a command reads. */
export interface ReadingOptions {
  /** Whether it makes an iterator, before which RocksDB opens more tables than before a `get`. */
  readonly iterates: boolean
}

/**
 * Opens the database that a URL names, straight from the bucket and without a file on this machine, does something with
 * it, and closes it.
 *
 * @param url as {@link parseUrl} has it.
 * @throws UsageError there is no database, or no such column family; RocksDBError, EnvError what it or the store is
 *   wrong with.
 */
export async function withDatabase<T>(
  url: string,
  options: DatabaseOptions & ReadingOptions,
  work: (opened: OpenDatabase) => Promise<T>,
): Promise<T> {
  const { source, cookie, columnFamily, iterates } = options
  if (source !== undefined) parseUrl(source)
  const envOptions: BucketEnvOptions = {
    url,
    connection: connectionOf(options, url, source),
    ...(source !== undefined && { source }),
    ...(cookie !== undefined && { cookie }),
    ...(iterates && { iterated: columnFamily }),
  }
  // Loaded here, for they bring RocksDB and the SDK along.
  const [{ RocksDB }, { hostedEnv }] = await Promise.all([
    import('../engine/rocksdb.js'),
    import('../host/hosted-env.js'),
  ])
  const env = hostedEnv({
    module: new URL('../inspect/bucket-env.js', import.meta.url),
    export: 'createBucketEnv',
    options: envOptions,
  })
  try {
    const { db, comparator } = await withProgress('opening', {}, async () => {
      const columnFamilies = await columnFamiliesOf(env, url, options)
      const asked = columnFamilies.find(({ name }) => name === options.columnFamily)!
      // RocksDB opens nothing without `default`, and the others may be in orders that it does not know.
      const families = columnFamilies
        .filter((family) => family === asked || family.name === 'default')
        .map((family) => [family.name, familyOptions(family, url, options)])
      const openOptions = {
        env,
        readOnly: true,
        onlyNamedFamilies: true,
        options: engineOptions,
        columnFamilies: Object.fromEntries(families),
      }
      return {
        db: await RocksDB.open(bucketDirectory, openOptions).catch(refusedOperator),
        comparator: asked.comparator ?? bytewiseComparator,
      }
    })
    try {
      return await work({ db, columnFamily: db.columnFamily(columnFamily), comparator })
    } finally {
      await db.close()
    }
  } catch (error) {
    // What seems damaged may lie at the source, and another place be named as that.
    if (source !== undefined && isCorruption(error)) await withPlaces(url, options, async () => undefined)
    if (!(error instanceof RocksDBError)) throw error
    // Where RocksDB failed because the thread that hosts the Env is no more, this tells of that.
    const { url: databaseUrl } = (await env.metrics()) as BucketEnvMetrics
    throw explained(error, databaseUrl)
  } finally {
    await env.close()
  }
}

/** Tables are opened when they are first read, and whatever costs requests for its own sake is left out. */
const engineOptions: RocksDBOptions = {
  // As few as RocksDB allows: opened tables hold their index in memory.
  max_open_files: 20,
  skip_stats_update_on_db_open: true,
  skip_checking_sst_file_sizes_on_db_open: true,
  // A damaged table is of interest only to who reads it.
  paranoid_checks: false,
}

async function columnFamiliesOf(
  env: HostedEnv,
  url: string,
  options: DatabaseOptions,
): Promise<readonly BucketColumnFamily[]> {
  await env.start().catch(async (error: unknown) => {
    if (!EnvError.is(error, 'NotFound')) throw error
    throw await withPlaces(url, options, ([place]) => noDatabase(place, options.cookie ?? ''))
  })
  const { columnFamilies } = (await env.metrics()) as BucketEnvMetrics
  if (columnFamilies.some(({ name }) => name === options.columnFamily)) return columnFamilies
  throw noColumnFamily(
    options.columnFamily,
    url,
    columnFamilies.map(({ name }) => name),
  )
}

const defaultLevels = 7
/** Far more than anybody has. RocksDB takes memory for each. */
const maxLevels = 100

function familyOptions(
  { name, comparator = bytewiseComparator, levels }: BucketColumnFamily,
  url: string,
  { mergeOperator }: DatabaseOptions,
): RocksDBOptions {
  if (!keyOrder(comparator)) {
    throw new EnvError(
      'NotSupported',
      `${url}: column family ${quoted(name)} is in the order of ${quoted(comparator)}, which RocksDB does not know by name. ` +
        'Only a program that has this comparator can read it',
    )
  }
  return {
    num_levels: Math.min(Math.max(levels, defaultLevels), maxLevels),
    ...(comparator !== bytewiseComparator && { comparator }),
    ...(mergeOperator !== undefined && { merge_operator: mergeOperator }),
  }
}

function isCorruption(error: unknown): boolean {
  return (error instanceof RocksDBError || EnvError.is(error)) && error.code === 'Corruption'
}

/** Which operators there are, only RocksDB knows. */
function refusedOperator(error: unknown): never {
  if (error instanceof TypeError && error.message.includes('"merge_operator"'))
    throw new UsageError(`--merge-operator: ${error.message}`, { cause: error })
  throw error
}

/** The same error, said about the bucket instead of the directory that RocksDB sees. */
function explained(error: RocksDBError, databaseUrl: string): RocksDBError {
  const message = error.message.replaceAll(bucketDirectory, () => databaseUrl)
  const isUnmerged = error.code === 'InvalidArgument' && /merge_operator/i.test(message)
  const advice = isUnmerged ? ' Values were merged: name the operator with --merge-operator' : ''
  return new RocksDBError(error.code, `${message}${advice}`, { cause: error })
}
