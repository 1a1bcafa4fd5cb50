import { type History, readHistory } from '../catalog/history.js'
import { locationsOf, withRooted } from '../catalog/rooted-places.js'
import type { StoreOptions } from '../store/registry.js'
import { type Branch, listBranches, type RemovedBranch, removeBranch, removeCheckpoint } from './branches.js'
import { type CollectedGarbage, type CollectOptions, collect } from './collect.js'
import { type CopyOptions, copyDatabase, type DatabaseCopy } from './copy-database.js'
import { type DatabaseExport, type ExportOptions, exportDatabase } from './export-database.js'
import {
  branchDatabase,
  type CloneOptions,
  checkpointDatabase,
  cloneDatabase,
  type DatabaseFork,
  type ForkOptions,
} from './fork-database.js'
import type { SourceOptions } from './source-options.js'
import { type Savepoint, type StandAloneOptions, standAlone } from './stand-alone.js'

/** Line of history of a database, and how to reach its store and that of its source. */
export interface StoredLine extends SourceOptions {
  readonly cookie: string
  readonly store: StoreOptions
}

type Own<Options> = Omit<Options, keyof StoredLine>

/**
 * A database in the store of an Env, from `env.database(directory)`. Each method is the function that it names, for
 * this database and by the options of the Env. The database may be open or not, here or elsewhere: only what a flush
 * has put into a table is in the store.
 */
export class StoredDatabase {
  /** Place of its objects, for example `s3://my-bucket/prod/orders`. */
  readonly url: string
  readonly #line: StoredLine
  /** How to reach its store and that of its source, whatever the line of history. */
  readonly #stores: StoreOptions & SourceOptions

  constructor(url: string, line: StoredLine) {
    const { cookie: _, store, ...source } = line
    this.url = url
    this.#line = line
    this.#stores = { ...store, ...source }
  }

  /** Keeps a state under a name: {@link checkpointDatabase}. */
  checkpoint(name: string, options: Own<ForkOptions> = {}): Promise<DatabaseFork> {
    return checkpointDatabase(this.url, name, { ...options, ...this.#line })
  }

  /** {@link removeCheckpoint} */
  removeCheckpoint(name: string): Promise<RemovedBranch> {
    return removeCheckpoint(this.url, name, this.#stores)
  }

  /** Begins a line of history at the same place: {@link branchDatabase}. */
  branch(newCookie: string, options: Own<ForkOptions> = {}): Promise<DatabaseFork> {
    return branchDatabase(this.url, newCookie, { ...options, ...this.#line })
  }

  /** {@link removeBranch} */
  removeBranch(cookie: string): Promise<RemovedBranch> {
    return removeBranch(this.url, cookie, this.#stores)
  }

  /** All lines of history, checkpoints too: {@link listBranches}. */
  branches(): Promise<readonly Branch[]> {
    return listBranches(this.url, this.#line.store)
  }

  /** Newest states that were committed, as the option `at` of `RocksDB.open` opens them; undefined: no database. */
  history({ limit }: { readonly limit?: number } = {}): Promise<History | undefined> {
    const { cookie, source, store, sourceStore } = this.#line
    const options = limit === undefined ? {} : { limit }
    return withRooted(locationsOf(this.url, source, store, sourceStore), ({ places, openPlace }) =>
      readHistory(places, cookie, { ...options, openPlace }),
    )
  }

  /** Makes a database at another place that shares the tables: {@link cloneDatabase}. */
  clone(newUrl: string, options: Own<CloneOptions> = {}): Promise<DatabaseFork> {
    return cloneDatabase(this.url, newUrl, { ...options, ...this.#line })
  }

  /** Copies what it still reads at its source: {@link standAlone}. */
  standAlone(options: Own<StandAloneOptions> = {}): Promise<Savepoint> {
    return standAlone(this.url, { ...options, ...this.#line })
  }

  /** Copies it to another place, tables and all: {@link copyDatabase}. */
  copy(newUrl: string, options: Own<CopyOptions> = {}): Promise<DatabaseCopy> {
    return copyDatabase(this.url, newUrl, { ...options, ...this.#line })
  }

  /** Writes it to a local directory that RocksDB itself opens: {@link exportDatabase}. */
  export(directory: string, options: Own<ExportOptions> = {}): Promise<DatabaseExport> {
    return exportDatabase(this.url, directory, { ...options, ...this.#line })
  }

  /** Deletes garbage of all its lines of history: {@link collect}. */
  collect(options: Own<CollectOptions> = {}): Promise<CollectedGarbage> {
    const { cookie: _, ...stores } = this.#line
    return collect(this.url, { ...options, ...stores })
  }
}
