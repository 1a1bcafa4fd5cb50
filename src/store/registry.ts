/** The kinds of stores, one for each scheme: which options each takes, and how it is opened. */
import type { Clock } from '../env/clock.js'
import { describe } from '../options/describe.js'
import { moduleUrl } from '../options/module-url.js'
import { type Check, type Checks, checkOptions, flag, isRecord, timerMs } from '../options/shape.js'
import { attempting } from './attempting.js'
import { CheckedStore } from './checked-store.js'
import type { ConcurrencyLimit } from './concurrency-limit.js'
import { DirectoryStore } from './directory-store.js'
import { openModuleStore } from './module-store.js'
import type { ObjectStore } from './object-store.js'
import { RequestingStore } from './requesting-store.js'
import { retrying } from './retry.js'
import { type S3Connection, s3ConnectionChecks } from './s3-connection.js'
import { checkEncryption, type S3Encryption } from './s3-encryption.js'
import { unlimited } from './send.js'
import { observing, type RequestListener } from './store-request.js'
import { parseStoreUrl, type StoreUrl } from './store-url.js'

/** Options of all kinds of stores. One that no store of a call takes is refused. */
export interface StoreOptions extends S3Connection {
  /** How S3 encrypts what is written. Default: as the bucket does. */
  readonly encryption?: S3Encryption
  /**
   * True to create the bucket, in the region of the connection, when a request finds that it is missing. Default false:
   * the request fails with PathNotFound.
   */
  readonly createBucketIfMissing?: boolean
  /**
   * A module of yours that opens the URLs of schemes other than `s3` and `file`: an absolute path, a URL or a package's
   * name. It exports `openStore`, see {@link StoreModule}.
   */
  readonly storeModule?: string
  /** Second argument of that function. Copied to another thread. Default: an empty object. */
  readonly storeOptions?: Readonly<Record<string, unknown>>
}

/** Parts of the program that a store depends on. */
export interface StoreSeams {
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  /** Called after each request; each attempt counts. */
  readonly onRequest: RequestListener | undefined
  /** Called once, with the limit that the store has while it throttles; not for a directory. */
  readonly onLimit?: ((limit: ConcurrencyLimit) => void) | undefined
}

interface StoreKind<Url extends StoreUrl, Options> {
  /** As errors name such a store. */
  readonly name: string
  readonly checks: Checks<Options>
  open(url: Url, options: Options, seams: StoreSeams): Promise<ObjectStore>
}

type DirectoryUrl = Extract<StoreUrl, { kind: 'directory' }>
type S3Url = Extract<StoreUrl, { kind: 's3' }>
type ModuleUrl = Extract<StoreUrl, { kind: 'module' }>

/** A local disk needs neither another attempt nor a time-out: it fails for good, or hangs the process. */
const directory: StoreKind<DirectoryUrl, object> = {
  name: 'a store in a directory',
  checks: {},
  async open({ directory }, _options, seams) {
    const store = new DirectoryStore({ directory, clock: seams.clock })
    return new RequestingStore(store, observing(seams, unlimited))
  },
}

/** A call may take several requests, so the wrappers go around each of these: see `S3Requests`. */
const s3: StoreKind<S3Url, S3Connection & Pick<StoreOptions, 'encryption' | 'createBucketIfMissing'>> = {
  name: 'a store in S3',
  checks: { ...s3ConnectionChecks, encryption: checkEncryption, createBucketIfMissing: flag },
  async open({ bucket, prefix }, options, { clock, random, onRequest, onLimit }) {
    // Loaded here, since it pulls in the SDK: half of a program's start-up time.
    const { S3Store } = await import('./s3-store.js')
    const listeners = { ...(onRequest && { onRequest }), ...(onLimit && { onLimit }) }
    return new S3Store({ ...options, bucket, prefix, clock, random, ...listeners })
  },
}

const plainObject: Check = (value, name) => {
  if (!isRecord(value)) throw new TypeError(`expected "${name}" to be an object, got ${describe(value)}`)
}

const module: StoreKind<
  ModuleUrl,
  Pick<StoreOptions, 'storeModule' | 'storeOptions' | 'requestTimeoutMs' | 'hedgeAfterMs'>
> = {
  name: 'a store of a scheme of your own',
  checks: {
    storeModule: moduleUrl,
    storeOptions: plainObject,
    requestTimeoutMs: timerMs,
    hedgeAfterMs: timerMs,
  },
  async open({ url }, { storeModule, storeOptions = {}, requestTimeoutMs, hedgeAfterMs }, seams) {
    const limits = { clock: seams.clock, timeoutMs: requestTimeoutMs }
    const store = await openModuleStore(storeModule!, url, storeOptions, limits)
    const once = attempting({ ...seams, ...limits, hedgeAfterMs })
    return new RequestingStore(new CheckedStore(store, limits), retrying(seams, once))
  },
}

const kinds = { s3, directory, module }

/** A check for every option of any store. */
export const storeOptionChecks: Checks<StoreOptions> = { ...s3.checks, ...module.checks }

/**
 * Refuses options that no store at these URLs takes: they would be ignored.
 * @throws TypeError
 */
export function checkUsed(options: StoreOptions, urls: readonly string[]): void {
  const used = kindsOf(options, urls)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || used.some(({ checks }) => Object.hasOwn(checks, name))) continue
    const takers = Object.values(kinds).filter(({ checks }) => Object.hasOwn(checks, name))
    if (takers.length === 0) continue
    const expected = takers.map((kind) => kind.name).join(' or ')
    throw new TypeError(`expected "${name}" with ${expected} only, got it with ${describe(urls[0])}`)
  }
}

/**
 * Checks the options of the stores at these URLs.
 * @throws TypeError
 */
export function checkStoreOptions(options: StoreOptions, urls: readonly string[], call: string): void {
  checkUsed(options, urls)
  const checks = kindsOf(options, urls).map((kind) => kind.checks)
  checkOptions(call, options, Object.assign({}, ...checks))
}

/** Opens the store at a URL, with those of the options that it takes. */
export async function openUnchecked(
  url: string,
  options: StoreOptions,
  seams: StoreSeams,
): Promise<ObjectStore> {
  const parsed = parseStoreUrl(url, options)
  const kind: StoreKind<never, object> = kinds[parsed.kind]
  return await kind.open(parsed as never, optionsAt(url, options), seams)
}

/** Those of the options that the store at a URL takes. */
export function optionsAt(url: string, options: StoreOptions): StoreOptions {
  const [{ checks }] = kindsOf(options, [url]) as [StoreKind<never, object>]
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(checks, name)))
}

function kindsOf(options: StoreOptions, urls: readonly string[]) {
  return urls.map((url): StoreKind<never, object> => kinds[parseStoreUrl(url, options).kind])
}
