// Arguments of RocksDB's calls besides keys and values.

import type { Bytes } from '../binding/bytes.js'
import type { StateSelector } from '../env/state-selector.js'
import type { HostedEnv } from '../host/hosted-env.js'
import type { ColumnFamily } from './column-family.js'
import type { Encoding } from './encoding.js'
import type { KeyRange } from './key-range.js'
import type { RocksDBOptions } from './options.js'
import type { Snapshot } from './snapshot.js'

export interface OpenOptions {
  /** Where the files live. Default: the local file system. */
  readonly env?: HostedEnv
  /**
   * RocksDB's options, for the database and for its column families. They apply after the defaults of `env`, so they
   * win.
   */
  readonly options?: RocksDBOptions
  /**
   * The column families besides `default`, each with the options in which it differs from `options`. Existing ones that
   * are not named are opened too; missing ones are created with `createIfMissing`.
   */
  readonly columnFamilies?: Readonly<Record<string, RocksDBOptions>>
  /** Changes nothing on disk, and takes no lock. Default false. */
  readonly readOnly?: boolean
  /**
   * Opens a state that the database had, read-only: the latest that is not later than a time, the latest without writes
   * beyond a sequence number (`cloudenv history` lists both), or that of a checkpoint, by its name. With a cloud Env.
   * Nothing is held back for it: its tables stay as long as the owner keeps them (`retentionDays`, `deletionDelayMs`),
   * those of a checkpoint for good. See docs/guides/point-in-time.md.
   */
  readonly at?: StateSelector
  /**
   * With `readOnly`: opens only `default` and the column families in `columnFamilies`. The others may then be ones that
   * this program cannot open, with an order of keys that it does not know. Default false.
   */
  readonly onlyNamedFamilies?: boolean
  /** True to create the database, or a column family named above, if there is none. Default true. */
  readonly createIfMissing?: boolean
  /**
   * Milliseconds after which the opening no longer waits for the object store. Default: no limit except those of the
   * single requests.
   */
  readonly timeoutMs?: number
}

export interface ListOptions {
  /** Where the files live. Default: the local file system. */
  readonly env?: HostedEnv
}

/** The column family that a call works on. Default: the default column family. */
export interface FamilyChoice {
  readonly columnFamily?: ColumnFamily
}

export interface ReadOptions extends FamilyChoice {
  /** Reads the state of that moment. Default: the current state. */
  readonly snapshot?: Snapshot
  /** True to keep the blocks that are read in the block cache. Default true; false suits large scans. */
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
  /** Maximum number of entries. Default: all. */
  readonly limit?: number
  readonly keyEncoding?: KeyEncoding
  readonly valueEncoding?: ValueEncoding
}

export interface FlushOptions extends FamilyChoice {
  /** Milliseconds to wait, including errors that may pass. Default 60,000. */
  readonly timeoutMs?: number
}

export interface CloseOptions {
  /**
   * True to put everything that is only in memory and the write-ahead log into the store first. Default: true with a
   * cloud Env. Otherwise only writes with `disableWAL` are flushed.
   */
  readonly flush?: boolean
  /** Milliseconds to wait for the object store in total. Default 45,000. */
  readonly timeoutMs?: number
}

export interface CompactRangeOptions extends FamilyChoice {
  /** First key. Default: the first one there is. */
  readonly start?: Bytes
  /** Last key. Default: the last one there is. */
  readonly end?: Bytes
  /**
   * True to write every table of the range anew, also in the last level where nothing is to be merged: the present
   * options, such as `compression`, then hold for all of them. Default false.
   */
  readonly rewrite?: boolean
}
