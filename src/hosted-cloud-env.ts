import { pathSegments } from './cloud/bucket.js'
import { type CloudEnvConfig, type CloudEnvOptions, parseCloudEnvOptions } from './cloud/cloud-env-options.js'
import { type CloudEnvEvents, cloudEnvEvents } from './cloud/env-events.js'
import type { CloudEnvMetrics } from './cloud/env-metrics.js'
import { Root } from './cloud/root.js'
import type { WarmUpOptions, WarmUpResult } from './env/warm-up.js'
import { type EngineOptions, type HostedEnv, hostedEnv } from './host/hosted-env.js'
import { optionsWithin, readMachineLimits } from './host/machine-limits.js'
import { StoredDatabase } from './operations/stored-database.js'
import { printedUrl, urlPath } from './store/store-url.js'

/** A {@link HostedEnv} whose metrics and events are known. */
export interface HostedCloudEnv extends HostedEnv {
  /** Requests, the cache, uploads and more; undefined while nothing runs. See docs/guides/monitoring.md. */
  metrics(): Promise<CloudEnvMetrics | undefined>

  /**
   * Listens to requests, commits, damage that was fetched again, or fences: see {@link CloudEnvEvents} and {@link HostedEnv.on}.
   *
   * @example
   * env.on('request', ({ operation, key, milliseconds, outcome }) => {
   *   if (milliseconds > 1000) console.warn(`${operation} ${key} took ${milliseconds} ms (${outcome})`)
   * })
   */
  on<Name extends keyof CloudEnvEvents>(
    name: Name,
    listener: (event: CloudEnvEvents[Name]) => void,
  ): () => void

  /**
   * Fetches tables and blob files of the database in `directory` into the cache, ahead of reads: those of its present
   * state, or a part of them. The database may be open for writing, read-only, or not at all. Starts the Env.
   *
   * Upper levels come first. Room is made by evicting what was not read since the warm-up began. When that is not enough,
   * the warm-up resolves early, with `end: 'cacheFull'`; nothing that it fetched makes room for the rest. It ends, and
   * rejects, with `signal`, and when the database or the Env is closed. After an error of the store, another call
   * fetches what is still missing.
   *
   * @example
   * const { bytes, end } = await env.warmUp('./data/orders', {
   *   levels: [0, 1],
   *   maxBytesPerSecond: '50 MiB',
   *   onProgress: ({ bytes, totalBytes }) => console.log(`${bytes} of ${totalBytes} bytes`),
   * })
   *
   * @throws TypeError, RangeError an option is unknown or unfit.
   * @throws EnvError NotFound: no database; NotSupported: a range of keys that are not ordered by their bytes.
   */
  warmUp(directory: string, options?: WarmUpOptions): Promise<WarmUpResult>

  /**
   * The database in `directory` as the store has it, to make checkpoints, branches, clones and copies of. Reaches
   * nothing by itself.
   *
   * @example
   * await db.flush()
   * await env.database('./data/orders').checkpoint('before-migration')
   *
   * @throws EnvError InvalidArgument: the directory is not below the root.
   */
  database(directory: string): StoredDatabase
}

/**
 * The Env that keeps tables in an object store behind a local cache, and the write-ahead log on local disk. It starts
 * and reaches nothing before a database is opened on it.
 *
 * Column families are flushed together (RocksDB's option `atomic_flush`). Options that this excludes,
 * `enable_pipelined_write` and `best_efforts_recovery`, require `atomic_flush: false`; batches over several families
 * may then be torn when the machine is lost.
 *
 * @example
 * const env = cloudEnv({ store: 's3://my-bucket/prod', root: './data', cache: { maxBytes: '10 GiB' } })
 * const db = await RocksDB.open('./data/orders', { env })
 *
 * @throws TypeError an option is unknown, or not of the kind expected; the message says which and what was.
 */
export function cloudEnv(options: CloudEnvOptions): HostedCloudEnv {
  const config = parseCloudEnvOptions(options)
  const { root } = config
  const env = hostedEnv({
    module: new URL('./bundle/cloud-env.js', import.meta.url),
    export: 'createCloudEnv',
    options: { ...options, root },
    defaultOptions: { ...cloudEngineOptions, ...optionsWithin(readMachineLimits(root)) },
    refusedOptions: cloudRefusedOptions,
    checkPath: (path) => new Root(root).assertHolds(path),
    flushOnClose: true,
    events: cloudEnvEvents,
  }) as Omit<HostedCloudEnv, 'database'>
  return Object.assign(env, { database: (directory: string) => storedDatabase(config, directory) })
}

function storedDatabase(config: CloudEnvConfig, directory: string): StoredDatabase {
  const root = new Root(config.root)
  root.assertHolds(directory)
  const path = pathSegments(config.root, root.realPath(directory)).map(urlPath)
  const url = [printedUrl(config.store, config.connection), ...path].join('/')
  const { source } = config
  return new StoredDatabase(url, {
    cookie: config.newCookie ?? config.cookie,
    store: config.connection,
    ...(source && { source: source.url }),
    ...(source?.connection && { sourceStore: source.connection }),
  })
}

/** Default options of an engine on a cloud Env. */
const cloudEngineOptions: EngineOptions = {
  // The write-ahead log is lost with the machine. Families that are flushed one by one would then disagree: a batch
  // over two of them would be there in one only.
  atomic_flush: true,
  // RocksDB's own 1000 would pile up: every opening begins a new one.
  keep_log_file_num: 10,
  skip_stats_update_on_db_open: true,
  // The Env has compared the sizes with the MANIFEST. RocksDB would ask for each.
  skip_checking_sst_file_sizes_on_db_open: true,
  // Every version edit puts the whole MANIFEST into the store. 1 MiB is some 7,500 edits. The binding raises it for large
  // databases: see native/binding/manifest_limit.h.
  max_manifest_file_size: 1 << 20,
  // Compaction reads inputs that are not cached in requests of this size.
  compaction_readahead_size: 2 << 20,
  // The newest version that RocksDB 7.8 reads.
  block_based_table_factory: '{format_version=5}',
}

/** Options that would move files out of the database's directory: nobody could tell to which state they belong. */
const cloudRefusedOptions = {
  wal_dir: "the write-ahead log stays in the database's directory, which remembers what it continues",
  db_paths: "tables lie in the store and in the Env's cache",
  cf_paths: "tables lie in the store and in the Env's cache",
}
