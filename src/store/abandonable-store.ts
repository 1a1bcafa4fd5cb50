import { EnvError } from '../env/env-error.js'
import { Abortable } from './abortable.js'
import { lastRefusal } from './last-refusal.js'
import type {
  ByteRange,
  CopyOptions,
  ListOptions,
  ObjectInfo,
  ObjectKey,
  ObjectStore,
  PutBody,
  PutOptions,
  PutResult,
  RequestOptions,
  StoredObject,
} from './object-store.js'
import { urlPath } from './store-url.js'
import type { UnfinishedUploads } from './unfinished-uploads.js'

/** A store whose calls can be given up while others wait for them. */
export class AbandonableStore implements ObjectStore {
  /** Passed through: a caller can end those calls by its own signal. */
  readonly unfinishedUploads?: UnfinishedUploads
  readonly #store: ObjectStore
  readonly #calls = new Set<Call>()

  constructor(store: ObjectStore) {
    this.#store = store
    if (store.unfinishedUploads) this.unfinishedUploads = store.unfinishedUploads
  }

  get server(): string | undefined {
    return this.#store.server
  }

  get url(): string {
    return this.#store.url
  }

  /**
   * Makes the calls under way on such keys (for a listing: its prefix) reject at once with a retryable TimedOut.
   * Requests that they have sent may still take effect.
   */
  abandon(matches: (key: string) => boolean): void {
    for (const { key, work } of this.#calls) {
      if (!matches(key)) continue
      const late = `${this.url}/${urlPath(key)}: the store had not answered when the time was up`
      const refusal = lastRefusal(work.signal)
      const message = refusal ? `${late}. The attempt before: ${refusal.message}` : late
      work.abort(new EnvError('TimedOut', message, { retryable: true, cause: refusal }))
    }
  }

  get(key: ObjectKey, range?: ByteRange, options?: RequestOptions): Promise<StoredObject> {
    return this.#call(key, options, (signal) => this.#store.get(key, range, { signal }))
  }

  head(key: ObjectKey, options?: RequestOptions): Promise<ObjectInfo> {
    return this.#call(key, options, (signal) => this.#store.head(key, { signal }))
  }

  put(key: ObjectKey, body: PutBody, options?: PutOptions): Promise<PutResult> {
    return this.#call(key, options, (signal) => this.#store.put(key, body, { ...options, signal }))
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectInfo> {
    const call = this.#begin(prefix, options)
    const { work } = call
    try {
      const found = this.#store.list(prefix, { ...options, signal: work.signal })[Symbol.asyncIterator]()
      for (;;) {
        const { done, value } = await work.untilAborted(() => found.next())
        if (done) return
        yield value
      }
    } finally {
      this.#calls.delete(call)
    }
  }

  deleteMany(keys: readonly ObjectKey[], options?: RequestOptions): Promise<void> {
    const [key] = keys
    if (key === undefined) return Promise.resolve()
    return this.#call(key, options, (signal) => this.#store.deleteMany(keys, { signal }))
  }

  copy(source: ObjectKey, target: ObjectKey, options?: CopyOptions): Promise<PutResult> {
    return this.#call(target, options, (signal) => this.#store.copy(source, target, { ...options, signal }))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #call<T>(
    key: string,
    options: RequestOptions | undefined,
    action: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const call = this.#begin(key, options)
    try {
      return await call.work.untilAborted(() => action(call.work.signal))
    } finally {
      this.#calls.delete(call)
    }
  }

  #begin(key: string, options: RequestOptions | undefined): Call {
    const call = { key, work: new Abortable(options?.signal) }
    this.#calls.add(call)
    return call
  }
}

interface Call {
  readonly key: string
  readonly work: Abortable
}
