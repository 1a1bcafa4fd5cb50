import { checkpointCookie } from '../catalog/checkpoint.js'
import { type DatabasePlace, databaseUrl } from '../catalog/database-place.js'
import { totalSize } from '../catalog/total-size.js'
import { type Fork, fork } from '../cloud/fork.js'
import type { StateSelector } from '../env/state-selector.js'
import { realSystem } from '../env/system.js'
import type { StoreOptions } from '../store/registry.js'
import { checkBranchName, checkCheckpointName } from './branch-name.js'
import type { SourceOptions } from './source-options.js'
import { withTarget } from './with-target.js'

export interface ForkOptions extends SourceOptions {
  /** Cookie of the line of history that goes on. Default: the plain CLOUDMANIFEST. */
  readonly cookie?: string
  /** A past state to begin with, by its time or sequence number, or the name of a checkpoint. Default: the last commit. */
  readonly at?: StateSelector
  /** How to reach the store of the database. */
  readonly store?: StoreOptions
}

export interface CloneOptions extends ForkOptions {
  /** How to reach the store of the clone. Default: as that of the database. */
  readonly newStore?: StoreOptions
}

/** Output of `cloudenv branch create --json`, and of `checkpoint create` and `clone`. */
export interface DatabaseFork {
  /** URL of the place where it is. */
  readonly url: string
  readonly cookie: string
  /** Epoch with which it begins. */
  readonly epoch: string
  /** Number of tables and blob files that it shares with the database, and their bytes. None was copied. */
  readonly files: number
  readonly bytes: number
  /** Places that refused to note that their tables are needed: their owners may delete these. */
  readonly unprotected: readonly UnprotectedPlace[]
}

export interface UnprotectedPlace {
  readonly url: string
  readonly reason: string
}

/**
 * Begins a line of history at the same place, under another cookie, with a state of the database. The database goes on
 * as if nothing had happened, and so may its owner. Opened with that `cookie`, the branch is a database of its own.
 * Copies no table. Objects that the branch needs stay until it is removed.
 *
 * @throws EnvError NotFound: there is no such state. InvalidArgument: there is a branch of that name. TypeError: it can be
 *   none.
 *
 * @example
 * ```ts
 * await branchDatabase('s3://my-bucket/prod/orders', 'experiment')
 * ```
 */
export async function branchDatabase(
  url: string,
  newCookie: string,
  options: ForkOptions = {},
): Promise<DatabaseFork> {
  checkBranchName(newCookie)
  return await forkAt(url, url, newCookie, options)
}

/**
 * Keeps a state of the database under a name, until {@link removeBranch} removes it: a branch that nobody writes to.
 * `RocksDB.open(…, { at: name })` opens it.
 *
 * @example
 * ```ts
 * await checkpointDatabase('s3://my-bucket/prod/orders', 'before-migration')
 * ```
 */
export async function checkpointDatabase(
  url: string,
  name: string,
  options: ForkOptions = {},
): Promise<DatabaseFork> {
  checkCheckpointName(name)
  return await forkAt(url, url, checkpointCookie(name), options)
}

/**
 * Makes a database of its own at another place, with a state of this one, without copying a table: what it did not write
 * itself it reads where it lies. {@link standAlone} copies that later. The new place may be in another bucket or store.
 *
 * @throws EnvError NotFound: there is no such state. InvalidArgument, Corruption: something lies at the new place.
 *
 * @example
 * ```ts
 * await cloneDatabase('s3://my-bucket/prod/orders', 's3://my-bucket/test/orders', { at: new Date(Date.now() - 600_000) })
 * ```
 */
export async function cloneDatabase(
  url: string,
  newUrl: string,
  options: CloneOptions = {},
): Promise<DatabaseFork> {
  return await forkAt(url, newUrl, '', options)
}

async function forkAt(
  url: string,
  newUrl: string,
  newCookie: string,
  { cookie = '', at, ...stores }: CloneOptions,
): Promise<DatabaseFork> {
  return await withTarget(url, newUrl, stores, async ({ places, target, openPlace }) => {
    const request = { places, cookie, target, newCookie, ...(at !== undefined && { at }) }
    return reportOf(await fork(request, { ...realSystem, openPlace }), target, newCookie)
  })
}

function reportOf({ epoch, files, unpinned }: Fork, target: DatabasePlace, cookie: string): DatabaseFork {
  return {
    url: databaseUrl(target),
    cookie,
    epoch,
    files: files.size,
    bytes: totalSize(files.values()),
    unprotected: unpinned.map(({ place, reason }) => ({ url: databaseUrl(place), reason: reason.message })),
  }
}
