import type { CloudEnvMetrics } from '../cloud/cloud-env.js'
import { type CloudEnvOptions, parseCloudEnvOptions } from '../cloud/cloud-env-options.js'
import { type EngineOptions, type HostedEnv, hostedEnv } from './hosted-env.js'

/** A {@link HostedEnv} whose metrics are known. */
export interface HostedCloudEnv extends HostedEnv {
  /** Requests made, bytes moved, the cache; undefined while nothing runs. */
  metrics(): Promise<CloudEnvMetrics | undefined>
}

/**
 * The Env that keeps tables in an object store behind a local cache, and the write-ahead log on local disk.
 * Nothing is started or reached before a database is opened on it.
 *
 * Column families are flushed together (RocksDB's option `atomic_flush`). What that excludes, `enable_pipelined_write` and
 * `best_efforts_recovery`, takes `atomic_flush: false`; batches over several of them may be torn then when the machine is lost.
 *
 * @example
 * const env = cloudEnv({ store: 's3://my-bucket/prod', root: './data', cache: { maxBytes: '10 GiB' } })
 * const db = await RocksDB.open('./data/orders', { env })
 *
 * @throws TypeError an option is unknown, or not of the kind expected; the message says which and what was.
 */
export function cloudEnv(options: CloudEnvOptions): HostedCloudEnv {
  const { root } = parseCloudEnvOptions(options)
  return hostedEnv({
    module: new URL('../cloud/cloud-env.js', import.meta.url),
    export: 'createCloudEnv',
    options: { ...options, root },
    defaultOptions: cloudEngineOptions,
    refusedOptions: cloudRefusedOptions,
  }) as HostedCloudEnv
}

/** What an engine on a cloud Env starts from. */
const cloudEngineOptions: EngineOptions = {
  // The write-ahead log is lost with the machine. Families that are flushed one by one would then not agree: a batch
  // over two of them would be there in one only.
  atomic_flush: true,
  // Tables are opened when they are first read: opening all of them costs a request each.
  max_open_files: 5000,
  skip_stats_update_on_db_open: true,
  // Every version edit puts the whole MANIFEST into the store. 1 MiB is some 10,000 edits.
  max_manifest_file_size: 1 << 20,
  // Compaction inputs that are not cached come in requests of this size.
  compaction_readahead_size: 2 << 20,
  // The newest that RocksDB 7.8 reads.
  block_based_table_factory: '{format_version=5}',
}

/** What would take files out of the database's directory, where nobody could tell to which state they belong. */
const cloudRefusedOptions = {
  wal_dir: "the write-ahead log stays in the database's directory, which remembers what it continues",
  db_paths: "tables lie in the store and in the Env's cache",
  cf_paths: "tables lie in the store and in the Env's cache",
}
