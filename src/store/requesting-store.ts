import { assertObjectKey, isKeyPrefix } from './object-key.js'
import type {
  ByteRange,
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
import { PagedListing } from './paged-listing.js'
import { bodySize } from './put-body.js'
import type { PendingRequest, Send } from './send.js'
import { storeError } from './store-error.js'
import type { StoreOperation } from './store-request.js'
import { urlPath } from './store-url.js'
import type { UnfinishedUploads } from './unfinished-uploads.js'

/** A store each call of which is one request, and each 1,000 objects of a listing, sent by `send`. */
export class RequestingStore implements ObjectStore {
  readonly url: string
  /** Passed through: seldom called, and nothing waits for it. */
  readonly unfinishedUploads?: UnfinishedUploads
  readonly #store: ObjectStore
  readonly #send: Send

  constructor(store: ObjectStore, send: Send) {
    this.url = store.url
    this.#store = store
    this.#send = send
    if (store.unfinishedUploads) this.unfinishedUploads = store.unfinishedUploads
  }

  async get(key: ObjectKey, range?: ByteRange, options?: RequestOptions): Promise<StoredObject> {
    assertObjectKey(key)
    const received = ({ body }: StoredObject) => body.length
    const request = { ...this.#request('get', key, options, received), rangeBytes: range?.length }
    return this.#send(request, (deadline) => {
      deadline.allow(range?.length)
      return this.#store.get(key, range, { signal: deadline.signal })
    })
  }

  async head(key: ObjectKey, options?: RequestOptions): Promise<ObjectInfo> {
    assertObjectKey(key)
    return this.#send(this.#request('head', key, options), ({ signal }) => this.#store.head(key, { signal }))
  }

  async put(key: ObjectKey, body: PutBody, options?: PutOptions): Promise<PutResult> {
    assertObjectKey(key)
    const size = bodySize(body)
    return this.#send(
      this.#request('put', key, options, () => size),
      (deadline) => {
        deadline.allow(size)
        return this.#store.put(key, body, { ...options, signal: deadline.signal })
      },
    )
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    if (!isKeyPrefix(prefix)) return
    const listing = new PagedListing(this.#store, prefix, options)
    try {
      for (;;) {
        const request = this.#request('list', prefix, options)
        const page = await this.#send(request, ({ signal }) => listing.page(signal))
        yield* page.objects
        if (page.isLast) return
      }
    } finally {
      await listing.end()
    }
  }

  async deleteMany(keys: readonly ObjectKey[], options?: RequestOptions): Promise<void> {
    keys.forEach(assertObjectKey)
    const [first] = keys
    if (first === undefined) return
    await this.#send(this.#request('delete', first, options), ({ signal }) =>
      this.#store.deleteMany(keys, { signal }),
    )
  }

  async copy(source: ObjectKey, target: ObjectKey, options?: RequestOptions): Promise<PutResult> {
    assertObjectKey(source)
    assertObjectKey(target)
    return this.#send(this.#request('copy', source, options), (deadline) => {
      deadline.allowServerWork()
      return this.#store.copy(source, target, { signal: deadline.signal })
    })
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #request<T>(
    operation: StoreOperation,
    key: string,
    options: RequestOptions | undefined,
    bytesOf?: (result: T) => number,
  ): PendingRequest<T> {
    const explain = (error: unknown) => storeError(error, operation, `${this.url}/${urlPath(key)}`)
    return { operation, store: this.url, key, signal: options?.signal, bytesOf, explain }
  }
}
