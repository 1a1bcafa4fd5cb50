import { EnvError } from '../env/env-error.js'

/**
 * What the product needs of an object store, and nothing else.
 *
 * Every method may be called concurrently. A write that resolved is durable and seen by every later
 * read and list (S3 has been strongly consistent since 2020). Failures reject with `EnvError`:
 *
 * - `NotFound`: no such object. Not retryable.
 * - `PathNotFound`: no such bucket. Not retryable.
 * - {@link PreconditionFailed}: a condition did not hold; nothing was written.
 * - `IOError`, `TimedOut`: the store could not be reached or answered 5xx, after the store's own
 *   retries. Retryable. Whether a write took effect is unknown.
 * - `InvalidArgument`, `IOError` not retryable: wrong region, no credentials, access denied, no S3 at the endpoint.
 */
export interface ObjectStore {
  /** How errors and people name the place, e.g. `s3://bucket/prefix` or `file:///dir`. */
  readonly url: string

  /** The whole object, or a range of it. A range past the end is clamped; one that starts there is empty. */
  get(key: ObjectKey, range?: ByteRange): Promise<StoredObject>
  head(key: ObjectKey): Promise<ObjectInfo>
  /** Writes the whole object; atomic: a reader sees the old object or the new one. */
  put(key: ObjectKey, body: PutBody, options?: PutOptions): Promise<PutResult>
  /** Every object whose key starts with `prefix`, in key order, fetched page by page. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>
  /** Deletes all; a key that is not there counts as deleted. */
  deleteMany(keys: readonly ObjectKey[]): Promise<void>
  /** Server-side: no byte passes through here. Overwrites. Never relied upon for exclusion. */
  copy(source: ObjectKey, target: ObjectKey): Promise<PutResult>
  close(): void
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

export interface PutOptions {
  /**
   * `absent`: only where no object is there. Otherwise: only where the object has this ETag. S3 makes
   * ETags of the content: an object that is replaced by the same content keeps its ETag, and who waits for
   * the old one does not notice. Write something new where that matters.
   */
  readonly condition?: 'absent' | { readonly etag: string }
  readonly metadata?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface PutResult {
  readonly etag: string
}

export interface ListOptions {
  /** True: only objects directly below the prefix, those deeper are left out (and cost nothing). */
  readonly shallow?: boolean
  /** Only keys after this one. */
  readonly startAfter?: ObjectKey
  /** Called with the bytes of each object that is left out because its name cannot be an {@link ObjectKey}. */
  readonly onLeftOut?: (bytes: number) => void
}

/** A conditional write found another object than it expected (HTTP 412). Nothing was written. */
export class PreconditionFailed extends EnvError {
  constructor(message: string, cause?: unknown) {
    super('Busy', message, { cause })
  }
}
