import { EnvError } from '../env/env-error.js'
import type { UnfinishedUploads } from './unfinished-uploads.js'

/**
 * An object store, reduced to what this product needs. `objectStoreContract` of `rocksdb-cloud-env/testing` tries each
 * of these promises.
 *
 * Every method may be called concurrently. A write that resolved is durable and seen by every later
 * read and list (S3 has been strongly consistent since 2020). Failures reject with `EnvError`:
 *
 * - `NotFound`: no such object. Not retryable.
 * - `PathNotFound`: no such bucket. Not retryable.
 * - {@link PreconditionFailed}: a condition did not hold. An earlier delivery of the same write may have broken it:
 *   `CasObject` looks.
 * - `IOError`, `TimedOut`: the store could not be reached or answered 5xx. Retryable, and repeated before anybody hears
 *   of it: see docs/architecture.md, "Around a store". Whether a write took effect is unknown.
 * - {@link Throttled}: the store asks for fewer requests. Retryable, as above.
 * - `InvalidArgument`, `IOError` not retryable: wrong region, no credentials, access denied, no S3 at the endpoint.
 */
export interface ObjectStore {
  /** Name of the place for errors and people, e.g. `s3://bucket/prefix` or `file:///dir`. */
  readonly url: string

  /**
   * A range of the object. A range past the end is clamped; one that starts there is empty. Without a range, the whole
   * object, which must be known to be small: objects above 80 MiB are refused.
   */
  get(key: ObjectKey, range?: ByteRange, options?: RequestOptions): Promise<StoredObject>
  head(key: ObjectKey, options?: RequestOptions): Promise<ObjectInfo>
  /** Writes the whole object; atomic: a reader sees the old object or the new one. */
  put(key: ObjectKey, body: PutBody, options?: PutOptions): Promise<PutResult>
  /** Every object whose key starts with `prefix`, in key order, fetched page by page. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>
  /** Deletes all; a missing key counts as deleted. */
  deleteMany(keys: readonly ObjectKey[], options?: RequestOptions): Promise<void>
  /** Server-side: no byte passes through here. Overwrites. Never relied upon for exclusion. */
  copy(source: ObjectKey, target: ObjectKey, options?: CopyOptions): Promise<PutResult>
  /** Reports whether {@link copy} takes objects of another store; undefined for a store that takes none. */
  copiesFrom?(other: ObjectStore): boolean
  /** Server on which the store lies; undefined if its URL says where it is. */
  readonly server?: string | undefined
  /** Uploads in parts; undefined for a store that takes every object in one piece. */
  readonly unfinishedUploads?: UnfinishedUploads
  /** Ends the calls under way, and waits for the cleanup after them: at most a few seconds. */
  close(): Promise<void>
}

/**
 * Relative to the store's prefix: non-empty segments joined with `/`, none of them `.` or `..`, without
 * control characters. Every method rejects another key with a TypeError, and no listing has one.
 */
export type ObjectKey = string

/** Bytes `[offset, offset + length)`. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

export interface ObjectInfo {
  readonly key: ObjectKey
  readonly size: number
  readonly etag: string
  readonly lastModified: Date
  /** User metadata, lower-case names. Given by `head` and `get`, empty in a listing. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface StoredObject extends ObjectInfo {
  readonly body: Uint8Array
}

/** Bytes, or a local file to stream from. */
export type PutBody = Uint8Array | { readonly file: string; readonly size: number }

export interface RequestOptions {
  /** Ends the request with an error when it aborts; a request already sent may still take effect. */
  readonly signal?: AbortSignal | undefined
}

export interface CopyOptions extends RequestOptions {
  /** Size of the source. S3 copies an object of more than 5 GiB only if it is given. */
  readonly size?: number
  /** Store of the source: only one that {@link ObjectStore.copiesFrom} accepts. Default: this one. */
  readonly from?: ObjectStore
}

export interface PutOptions extends RequestOptions {
  /**
   * `absent`: only if there is no object. Otherwise: only if the object has this ETag. S3 makes ETags from the content:
   * an object that is replaced by the same content keeps its ETag, and a writer that waits for the old one does not
   * notice. Write something new where that matters.
   */
  readonly condition?: 'absent' | { readonly etag: string }
  readonly metadata?: Readonly<Record<string, string>>
}

export interface PutResult {
  readonly etag: string
}

export interface ListOptions extends RequestOptions {
  /** True: only objects directly below the prefix; deeper ones are left out (and cost nothing). */
  readonly shallow?: boolean
  /** Only keys after this one. */
  readonly startAfter?: ObjectKey
  /** Called with the bytes of each object that is left out because its name cannot be an {@link ObjectKey}. */
  readonly onLeftOut?: (bytes: number) => void
}

/** A conditional write found another object than it expected (HTTP 412). This delivery of it wrote nothing. */
export class PreconditionFailed extends EnvError {
  constructor(message: string, cause?: unknown) {
    super('Busy', message, { cause })
  }
}

/**
 * The store asks for fewer requests (HTTP 429, or 503 SlowDown). The request is repeated after a longer pause than
 * other failures get, and fewer are sent at a time.
 */
export class Throttled extends EnvError {
  /** Wait that the store asks for; undefined if it names none. */
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    options: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super('IOError', message, { retryable: true, cause: options.cause })
    this.retryAfterMs = options.retryAfterMs
  }
}
