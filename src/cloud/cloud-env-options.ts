import { sep } from 'node:path'
import { overlap, realPath } from '../env/real-path.js'
import { describe } from '../options/describe.js'
import { type Check, type Checks, checkOptions, durationMs, group, text, timerMs } from '../options/shape.js'
import { parseSize } from '../options/size.js'
import { checkUsed, type StoreOptions, storeOptionChecks } from '../store/registry.js'
import { parseStoreUrl } from '../store/store-url.js'
import { type LevelRange, readLevelRange } from './level-range.js'

export interface CloudEnvOptions extends StoreOptions {
  /**
   * Where the tables live: `s3://bucket/prefix`, `file:///directory` for a store in a directory, or a URL of another
   * scheme that `storeModule` opens. A database in `root/a/b` has its objects below `prefix/a/b`.
   */
  readonly store: string
  /** The local directory below which every database of this Env lies. */
  readonly root: string
  readonly cache?: {
    /**
     * How much disk the local copies of tables may take, in bytes or as a size such as `"10 GiB"`. Tables that are not
     * in the store yet take extra space, and so does, for a moment, a table that is being evicted. A disk with less room
     * lowers the limit, see `reserveBytes`. 0 keeps nothing. Default `"10 GiB"`.
     */
    readonly maxBytes?: number | string
    /**
     * How much free space on its disk the cache leaves to everything else, such as the write-ahead log, in bytes or as a
     * size. It gives way when others take it. Default: 5 % of the disk and at least 1 GiB, but never more than a tenth of
     * the disk.
     */
    readonly reserveBytes?: number | string
    /**
     * How much of a table is fetched, held and evicted at once, in bytes or as a size: a power of two from 4 KiB to 4 MiB.
     * Smaller chunks hold less that nobody reads, if the keys that are read lie all over the database; larger ones take
     * fewer requests. Who reads in order gets more at once in any case. A cache with chunks of another size is given up
     * when it is opened. Default `"16 KiB"`.
     */
    readonly chunkBytes?: number | string
    /**
     * Levels whose tables stay, such as `"L0"` or `"L0-L2"`: they are fetched in the background
     * when a database is opened and with each commit, and leave only with their level, or for a
     * full disk. They take half of the cache at most, upper levels first; the rest is cached like
     * any other table. Default: none.
     */
    readonly pin?: string
  }
  /**
   * The database to clone (`s3://bucket/path/of/database`), with the options of its store if they differ from those of
   * `store`. What is not in `store` is read there, and never written. Opened for writing, the clone becomes a database
   * of its own, which remembers its source: later openings need this option only for the options of that store. With a
   * directory as `store` the clone is an ephemeral one: everything new stays on this machine.
   */
  readonly source?: string | CloneSourceOptions
  /** Names the `CLOUDMANIFEST-<cookie>` to open. Default: the plain `CLOUDMANIFEST`. */
  readonly cookie?: string
  /**
   * Begins a new line of history at the same place: an opening for writing reads the state of `cookie`, and makes a
   * `CLOUDMANIFEST-<newCookie>`. The state of `cookie` stays as it is, and its owner goes on. Later openings name the
   * new one as `cookie`; one that exists is refused here.
   */
  readonly newCookie?: string
  /**
   * Takes databases that lie in directories below `root`, as RocksDB itself left them: each opens at once, and its files
   * follow into the store in the background. Until all of them are there, the directory remains the whole database, and
   * the store has none. See docs/guides/moving.md.
   */
  readonly migrate?: MigrateOptions
  /** How long an obsolete object stays in the store for readers that still use it. Default one hour. */
  readonly deletionDelayMs?: number
  /**
   * How many days an obsolete object stays at least, so that any state since then can be opened: see `at` of
   * `RocksDB.open`. Fractions are fine. The bucket keeps, and you pay for, everything that was replaced meanwhile. Default
   * 0: `deletionDelayMs` alone decides.
   */
  readonly retentionDays?: number
  /**
   * How often an owner collects garbage that no owner deletes by itself, as `cloudenv gc --delete` does: a listing each
   * time. Default 0: never.
   */
  readonly collectionIntervalMs?: number
  /** How often an owner looks whether it was displaced, besides at each commit. Default 10 s. */
  readonly ownershipCheckMs?: number
}

export interface MigrateOptions {
  /**
   * Rate at which the files follow, in bytes or as a size such as `"20 MB"`; tables that RocksDB writes meanwhile are
   * sent at once, and not counted. Default: as fast as they can.
   */
  readonly bytesPerSecond?: number | string
}

export interface CloneSourceOptions extends StoreOptions {
  /** URL of the database. */
  readonly url: string
}

/** A database to clone. */
export interface CloneSource {
  readonly url: string
  /** How to reach its store; undefined: as the store of the clone. */
  readonly connection: StoreOptions | undefined
}

/** The directory below the root that is the Env's own. */
export const cacheName = '.cloudenv'

/** The options with every default in place. */
export interface CloudEnvConfig {
  readonly store: string
  /** Without symbolic links. */
  readonly root: string
  readonly cacheMaxBytes: number
  /** Undefined: as much as suits the disk. */
  readonly cacheReserveBytes: number | undefined
  /** Undefined: as the cache chooses. */
  readonly cacheChunkBytes: number | undefined
  /** Undefined: none. */
  readonly cachePin: LevelRange | undefined
  readonly source: CloneSource | undefined
  readonly cookie: string
  /** Undefined: the same. */
  readonly newCookie: string | undefined
  /** Undefined: a database in a directory that the store does not have is refused. */
  readonly migrate: { readonly bytesPerSecond: number | undefined } | undefined
  /** The longer of `deletionDelayMs` and `retentionDays`. */
  readonly deletionDelayMs: number
  readonly ownershipCheckMs: number
  readonly collectionIntervalMs: number
  /** How to reach the store, and how it encrypts. */
  readonly connection: StoreOptions
}

const cookieName: Check = (value, name) => {
  if (typeof value === 'string' && /^[A-Za-z0-9_.-]{0,200}$/.test(value)) return
  throw new TypeError(
    `expected "${name}" to be letters, digits, "-", "_" or ".", at most 200 of them, got ${describe(value)}`,
  )
}

const maxRetentionDays = 36_500
const dayMs = 86_400_000

const retention: Check = (value, name) => {
  if (typeof value === 'number' && value >= 0 && value <= maxRetentionDays) return
  throw new TypeError(
    `expected "${name}" to be a number of days from 0 to ${maxRetentionDays}, got ${describe(value)}`,
  )
}

/** Less is not freed by most file systems. */
const minChunkBytes = 4 << 10
/** As much as one request fetches. */
const maxChunkBytes = 4 << 20

const call = 'cloudEnv'

const sourceGroup = group<CloneSourceOptions>(
  { url: text, ...storeOptionChecks },
  { of: call, example: "{ url: 's3://bucket/path', region: 'eu-west-1' }", required: ['url'] },
)

const sourceCheck: Check = (value, name) => {
  if (typeof value === 'string') text(value, name)
  else sourceGroup(value, name)
}

const rate: Check = (value, name) => {
  if (parseSize(value, name) === 0) throw new RangeError(`expected "${name}" to be at least 1, got 0`)
}

const chunkSize: Check = (value, name) => {
  const bytes = parseSize(value, name)
  if (bytes >= minChunkBytes && bytes <= maxChunkBytes && Number.isInteger(Math.log2(bytes))) return
  throw new TypeError(`expected "${name}" to be a power of two from 4 KiB to 4 MiB, got ${describe(value)}`)
}

const levelRange: Check = (value, name) => {
  if (typeof value === 'string' && readLevelRange(value)) return
  throw new TypeError(
    `expected "${name}" to be a level such as "L0", or levels such as "L0-L2", got ${describe(value)}`,
  )
}

const checks: Checks<CloudEnvOptions> = {
  store: text,
  root: text,
  cache: group<Required<CloudEnvOptions>['cache']>(
    { maxBytes: parseSize, reserveBytes: parseSize, chunkBytes: chunkSize, pin: levelRange },
    { of: call, example: "{ maxBytes: '10 GiB' }" },
  ),
  source: sourceCheck,
  cookie: cookieName,
  newCookie: cookieName,
  migrate: group<MigrateOptions>(
    { bytesPerSecond: rate },
    { of: call, example: "{ bytesPerSecond: '20 MB' }" },
  ),
  deletionDelayMs: durationMs,
  retentionDays: retention,
  ownershipCheckMs: timerMs,
  collectionIntervalMs: timerMs,
  ...storeOptionChecks,
}

/**
 * Checks the options once, at the border.
 * @throws TypeError, RangeError: which option, what was expected, what was given.
 */
export function parseCloudEnvOptions(options: CloudEnvOptions): CloudEnvConfig {
  checkOptions(call, options, checks)
  const { store, root, cache, cookie, newCookie, deletionDelayMs = 3_600_000, ...others } = options
  const { retentionDays = 0, ownershipCheckMs, collectionIntervalMs, ...furthers } = others
  const { source: sourceOption, migrate, ...connection } = furthers
  text(store, 'store')
  text(root, 'root')
  const source = parseSource(sourceOption)
  checkUsed(connection, [store, ...(source && !source.connection ? [source.url] : [])])
  if (source?.connection) checkUsed(source.connection, [source.url])
  checkApart(root, 'store', store, connection)
  if (migrate && (source || newCookie !== undefined))
    throw new TypeError(
      `expected no "${source ? 'source' : 'newCookie'}" with "migrate": a database comes from one place`,
    )
  if (source) checkApart(root, 'source', source.url, source.connection ?? connection)
  return {
    store,
    root: realPath(root),
    cacheMaxBytes: parseSize(cache?.maxBytes ?? '10 GiB', 'cache.maxBytes'),
    cacheReserveBytes: optionalSize(cache?.reserveBytes, 'cache.reserveBytes'),
    cacheChunkBytes: optionalSize(cache?.chunkBytes, 'cache.chunkBytes'),
    cachePin: cache?.pin === undefined ? undefined : readLevelRange(cache.pin),
    source,
    cookie: cookie ?? '',
    newCookie: newCookie === (cookie ?? '') ? undefined : newCookie,
    migrate: migrate && { bytesPerSecond: optionalSize(migrate.bytesPerSecond, 'migrate.bytesPerSecond') },
    deletionDelayMs: Math.max(deletionDelayMs, retentionDays * dayMs),
    ownershipCheckMs: ownershipCheckMs ?? 10_000,
    collectionIntervalMs: collectionIntervalMs ?? 0,
    connection,
  }
}

function optionalSize(size: number | string | undefined, name: string): number | undefined {
  return size === undefined ? undefined : parseSize(size, name)
}

function parseSource(source: string | CloneSourceOptions | undefined): CloneSource | undefined {
  if (source === undefined) return undefined
  if (typeof source === 'string') return { url: source, connection: undefined }
  const { url, ...connection } = source
  return { url, connection: Object.keys(connection).length === 0 ? undefined : connection }
}

/**
 * Refuses a root that overlaps a store. A name would stand for a local file and for an object at once, and each would
 * overwrite the other.
 */
function checkApart(root: string, name: 'store' | 'source', url: string, options: StoreOptions): void {
  if (realPath(root).split(sep).includes(cacheName))
    throw new RangeError(
      `expected "root" outside of "${cacheName}", got ${describe(root)}: an Env deletes what it does not know there`,
    )
  const parsed = parseStoreUrl(url, options)
  if (parsed.kind !== 'directory' || !overlap(parsed.directory, root)) return
  throw new RangeError(
    `expected "root" and "${name}" to be directories apart, got ${describe(root)} and ${describe(url)}: ` +
      'they are the same, or one lies inside the other. Choose another directory for one of them',
  )
}
