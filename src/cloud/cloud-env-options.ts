import { resolve } from 'node:path'
import type { S3Connection } from '../store/s3-client.js'
import type { S3Encryption } from '../store/s3-encryption.js'
import { checkEndpoint, parseStoreUrl } from '../store/store-url.js'

export interface CloudEnvOptions extends S3Connection {
  /**
   * Where the tables live: `s3://bucket/prefix`, or `file:///directory` for a store in a directory.
   * A database in `root/a/b` has its objects below `prefix/a/b`.
   */
  readonly store: string
  /** The local directory below which every database of this Env lies. */
  readonly root: string
  /** How S3 encrypts what is written. Default: as the bucket does. */
  readonly encryption?: S3Encryption
  readonly cache?: {
    /**
     * How much disk the local copies of tables may take, in bytes or as a size such as `"10 GiB"`. Tables
     * that are not in the store yet come on top, and for moments a table that is on its way out. 0 keeps nothing. Default `"10 GiB"`.
     */
    readonly maxBytes?: number | string
  }
  /**
   * The URL of the database that this one was cloned from (`s3://bucket/path/of/database`): what is
   * not found in `store` is read there. Such a database opens read-only.
   */
  readonly source?: string
  /** Names the `CLOUDMANIFEST-<cookie>` to open. Default: the plain `CLOUDMANIFEST`. */
  readonly cookie?: string
  /** How long an obsolete object stays in the store for readers that still use it. Default one hour. */
  readonly deletionDelayMs?: number
  /** How often an owner looks whether it was displaced, besides at each commit. Default 10 s. */
  readonly ownershipCheckMs?: number
}

/** The options with every default in place. */
export interface CloudEnvConfig {
  readonly store: string
  readonly root: string
  readonly cacheMaxBytes: number
  readonly source: string | undefined
  readonly cookie: string
  readonly deletionDelayMs: number
  readonly ownershipCheckMs: number
  /** How to reach the store, and how it encrypts. */
  readonly connection: S3Connection & { readonly encryption?: S3Encryption }
}

const knownOptions = new Set([
  'store',
  'root',
  'cache',
  'source',
  'cookie',
  'deletionDelayMs',
  'ownershipCheckMs',
  'region',
  'endpoint',
  'forcePathStyle',
  'credentials',
  'profile',
  'connectTimeoutMs',
  'idleTimeoutMs',
  'encryption',
])

/**
 * Checks the options once, at the border.
 * @throws TypeError, RangeError: which option, what was expected, what was given.
 */
export function parseCloudEnvOptions(options: CloudEnvOptions): CloudEnvConfig {
  assertObject('the options of cloudEnv', options)
  for (const name of Object.keys(options)) {
    if (!knownOptions.has(name)) {
      throw new TypeError(`unknown option "${name}" of cloudEnv; it takes ${[...knownOptions].join(', ')}`)
    }
  }
  const { store, root, cache, source, cookie, deletionDelayMs, ownershipCheckMs, ...connection } = options
  if (cache !== undefined) assertObject('"cache"', cache)
  for (const name of Object.keys(cache ?? {})) {
    if (name !== 'maxBytes')
      throw new TypeError(`unknown option "cache.${name}" of cloudEnv; it takes maxBytes`)
  }
  if (connection.endpoint !== undefined) checkEndpoint(connection.endpoint)
  return {
    store: storeUrl('store', store),
    root: resolve(text('root', root)),
    cacheMaxBytes: parseBytes('cache.maxBytes', cache?.maxBytes ?? '10 GiB'),
    source: source === undefined ? undefined : storeUrl('source', source),
    cookie: cookieName(cookie ?? ''),
    deletionDelayMs: milliseconds('deletionDelayMs', deletionDelayMs ?? 3_600_000),
    ownershipCheckMs: milliseconds('ownershipCheckMs', ownershipCheckMs ?? 10_000),
    connection,
  }
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}

/** A number of bytes, or a size such as `"10 GiB"` or `"500 MB"`. */
export function parseBytes(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  if (typeof value === 'string') {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value)
    const unit = match && unitBytes[match[2]!.toLowerCase()]
    if (match && unit !== undefined && unit !== null) return Math.floor(Number(match[1]) * unit)
  }
  throw new TypeError(
    `expected "${name}" to be a number of bytes, zero or more, or a size such as "10 GiB", got ${JSON.stringify(value)}`,
  )
}

function assertObject(what: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new TypeError(`expected ${what} to be an object, got ${JSON.stringify(value)}`)
}

function storeUrl(name: string, value: unknown): string {
  const url = text(name, value)
  parseStoreUrl(url)
  return url
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`expected "${name}" to be a non-empty string, got ${JSON.stringify(value)}`)
}

function milliseconds(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new TypeError(
    `expected "${name}" to be a number of milliseconds, zero or more, got ${JSON.stringify(value)}`,
  )
}

function cookieName(value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z0-9_.-]{0,200}$/.test(value)) return value
  throw new TypeError(
    `expected "cookie" to be letters, digits, "-", "_" or ".", at most 200 of them, got ${JSON.stringify(value)}`,
  )
}
