import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import { RocksDBError } from '../binding/rocksdb-error.js'
import type { InheritedFamily } from '../catalog/inherited-family.js'
import { bucketDirectory } from '../cloud/bucket-directory.js'
import type { BucketEnvMetrics, BucketEnvOptions } from '../cloud/bucket-env.js'
import type { ColumnFamily } from '../engine/column-family.js'
import { inheritedOptions } from '../engine/inherited-options.js'
import type { RocksDBOptions } from '../engine/options.js'
import type { RocksDB } from '../engine/rocksdb.js'
import { EnvError } from '../env/env-error.js'
import type { StateSelector } from '../env/state-selector.js'
import { bytewiseComparator } from '../format/key-order.js'
import type { HostedEnv } from '../host/hosted-env.js'
import { atOption } from './at-option.js'
import { noColumnFamily } from './no-column-family.js'
import { noDatabase } from './no-database.js'
import { withProgress } from './output/progress.js'
import {
  type ConnectionOptions,
  locationOf,
  type StateOptions,
  withInspectOptions,
  withPlaces,
} from './store-options.js'
import { UsageError } from './usage-error.js'

/** Options of every command that reads keys. */
export type DatabaseOptions = ConnectionOptions &
  StateOptions & {
    readonly columnFamily: string
    readonly mergeOperator?: string
    readonly at?: StateSelector
    readonly json?: true
  }

/** Adds these options to the command's own. */
export function withDatabaseOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & DatabaseOptions> {
  command.addOption(new Option('--column-family <name>', 'whose keys').default('default'))
  command.option(
    '--merge-operator <name>',
    'the operator that merged the values, one that comes with RocksDB',
  )
  command.addOption(atOption)
  return withInspectOptions(command) as unknown as Command<Arguments, Own & DatabaseOptions>
}

/** A database that is open for reading, and the requested column family. */
export interface OpenDatabase {
  readonly db: RocksDB
  readonly columnFamily: ColumnFamily
  /** RocksDB's name for the comparator of the column family. */
  readonly comparator: string
}

/** Parameters of a command that reads. */
export interface ReadingOptions {
  /** True if the command makes an iterator, for which RocksDB opens more tables than for a `get`. */
  readonly iterates: boolean
}

/**
 * Opens the database that a URL names, straight from the bucket and without a file on this machine, uses it, and closes
 * it.
 *
 * @param url as `parseUrl` returns it.
 * @throws UsageError there is no database, or no such column family; RocksDBError, EnvError errors of RocksDB or of the
 * store.
 */
export async function withDatabase<T>(
  url: string,
  options: DatabaseOptions & ReadingOptions,
  work: (opened: OpenDatabase) => Promise<T>,
): Promise<T> {
  const { cookie, at, columnFamily, iterates, mergeOperator } = options
  const { source, store, sourceStore } = await locationOf(url, options)
  const envOptions: BucketEnvOptions = {
    url,
    connection: store,
    ...(sourceStore && { sourceConnection: sourceStore }),
    ...(source !== undefined && { source }),
    ...(cookie !== undefined && { cookie }),
    ...(at !== undefined && { at }),
    ...(iterates && { iterated: columnFamily }),
  }
  // Loaded here, because they load RocksDB and the SDK.
  const [{ RocksDB }, { hostedEnv }] = await Promise.all([
    import('../engine/rocksdb.js'),
    import('../host/hosted-env.js'),
  ])
  const env = hostedEnv({
    module: new URL('../cloud/bucket-env.js', import.meta.url),
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
        .map((family) => [
          family.name,
          {
            ...inheritedOptions(family, url),
            ...(mergeOperator !== undefined && { merge_operator: mergeOperator }),
          },
        ])
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
    // Apparent damage may come from the wrong place being named as the source.
    if (source !== undefined && isCorruption(error)) await withPlaces(url, options, async () => undefined)
    if (!(error instanceof RocksDBError)) throw error
    // If RocksDB failed because the thread that hosts the Env has ended, this call throws that error.
    const { url: databaseUrl } = (await env.metrics()) as BucketEnvMetrics
    throw explained(error, databaseUrl)
  } finally {
    await env.close()
  }
}

/** RocksDB opens tables when it first reads them, and skips work that costs requests for its own sake. */
const engineOptions: RocksDBOptions = {
  // Lowest value that RocksDB allows: open tables hold their indexes in memory.
  max_open_files: 20,
  skip_stats_update_on_db_open: true,
  skip_checking_sst_file_sizes_on_db_open: true,
  // A damaged table matters only to its readers.
  paranoid_checks: false,
}

async function columnFamiliesOf(
  env: HostedEnv,
  url: string,
  options: DatabaseOptions,
): Promise<readonly InheritedFamily[]> {
  await env.start().catch(async (error: unknown) => {
    if (!EnvError.is(error, 'NotFound')) throw error
    if (options.at !== undefined) throw new UsageError(`--at: ${error.message}`)
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

function isCorruption(error: unknown): boolean {
  return (error instanceof RocksDBError || EnvError.is(error)) && error.code === 'Corruption'
}

/** Only RocksDB knows which operators exist. */
function refusedOperator(error: unknown): never {
  if (error instanceof TypeError && error.message.includes('"merge_operator"'))
    throw new UsageError(`--merge-operator: ${error.message}`, { cause: error })
  throw error
}

/** The same error, about the bucket instead of the directory that RocksDB sees. */
function explained(error: RocksDBError, databaseUrl: string): RocksDBError {
  const message = error.message.replaceAll(bucketDirectory, () => databaseUrl)
  const isUnmerged = error.code === 'InvalidArgument' && /merge_operator/i.test(message)
  const advice = isUnmerged ? ' Values were merged: name the operator with --merge-operator' : ''
  return new RocksDBError(error.code, `${message}${advice}`, { cause: error })
}
