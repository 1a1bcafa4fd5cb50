// What the calls of RocksDB take besides keys and values.
import type { HostedEnv } from '../host/hosted-env.js'
import type { Bytes } from './bytes.js'
import type { ColumnFamily } from './column-family.js'
import type { Encoding } from './encoding.js'
import type { KeyRange } from './key-range.js'
import type { RocksDBOptions } from './options.js'
import type { Snapshot } from './snapshot.js'

export interface OpenOptions {
  /** Where the files live. Default: the local file system. */
  readonly env?: HostedEnv
  /**
   * RocksDB's options, those of the database and those of its column families. They apply after the defaults of
   * `env`, so they win.
   */
  readonly options?: RocksDBOptions
  /**
   * The column families besides `default`, each with the options in which it differs from `options`. Those that
   * exist and are not named are opened too; those that don't exist are created with `createIfMissing`.
   */
  readonly columnFamilies?: Readonly<Record<string, RocksDBOptions>>
  /** Changes nothing on disk, and takes no lock. Default false. */
  readonly readOnly?: boolean
  /**
   * With `readOnly`: of the column families that exist, only `default` and those in `columnFamilies` are opened. The
   * others may then be such as this program cannot open, in an order of keys that it does not know. Default false.
   */
  readonly onlyNamedFamilies?: boolean
  /** Whether a database, or a column family named above, is created when there is none. Default true. */
  readonly createIfMissing?: boolean
}

/** What a call works on when it is not the default column family. */
export interface FamilyChoice {
  readonly columnFamily?: ColumnFamily
}

export interface ReadOptions extends FamilyChoice {
  /** Read what was there then. Default: what is there now. */
  readonly snapshot?: Snapshot
  /** Whether blocks that are read stay in the block cache. Default true; false suits large scans. */
  readonly fillCache?: boolean
}

export interface GetOptions extends ReadOptions {
  readonly valueEncoding?: Encoding
}

export interface GetTextOptions extends ReadOptions {
  readonly valueEncoding: 'utf8'
}

export interface WriteOptions {
  /** Resolves only when the write-ahead log is on disk, so that the write survives a power cut. Default false. */
  readonly sync?: boolean
  /** Skips the write-ahead log: the write is lost in a crash before the next flush. Default false. */
  readonly disableWAL?: boolean
}

export interface IteratorOptions<KeyEncoding extends Encoding, ValueEncoding extends Encoding>
  extends KeyRange,
    ReadOptions {
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean
  /** At most so many entries. Default: all. */
  readonly limit?: number
  readonly keyEncoding?: KeyEncoding
  readonly valueEncoding?: ValueEncoding
}

export interface FlushOptions extends FamilyChoice {
  /**
   * Milliseconds to wait for the end of an error that may pass, where the flush meets one: the object store does not
   * answer, or refuses. Default 60,000.
   */
  readonly timeoutMs?: number
}

export interface CompactRangeOptions extends FamilyChoice {
  /** The first key. Default: the first one there is. */
  readonly start?: Bytes
  /** The last key. Default: the last one there is. */
  readonly end?: Bytes
}
