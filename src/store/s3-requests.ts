import type { S3Client } from '@aws-sdk/client-s3'
import type { Clock } from '../env/clock.js'
import type { ObjectKey } from './object-store.js'
import { retry } from './retry.js'
import { s3Error } from './s3-error.js'
import { observed, type RequestListener, type StoreOperation } from './store-request.js'
import { urlPath } from './store-url.js'

/** What the parts of an S3 store share: the client, and one way to send. */
export class S3Requests {
  readonly client: S3Client
  readonly #url: string
  readonly #clock: Clock
  readonly #random: () => number
  readonly #onRequest: RequestListener | undefined

  constructor(options: {
    readonly client: S3Client
    readonly url: string
    readonly clock: Clock
    readonly random: () => number
    readonly onRequest: RequestListener | undefined
  }) {
    this.client = options.client
    this.#url = options.url
    this.#clock = options.clock
    this.#random = options.random
    this.#onRequest = options.onRequest
  }

  /** One request, including its answer's body: the listener told, the error an EnvError. */
  async once<T>(
    operation: StoreOperation,
    key: ObjectKey,
    send: () => Promise<T>,
    bytesOf?: (result: T) => number,
  ): Promise<T> {
    const observer = { clock: this.#clock, onRequest: this.#onRequest }
    return observed(observer, { operation, key }, send, bytesOf).catch((error) => {
      throw s3Error(error, operation, `${this.#url}/${urlPath(key)}`)
    })
  }

  retried<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return retry(action, { clock: this.#clock, random: this.#random, signal })
  }

  /** {@link once}, repeated while it fails with a retryable error. */
  async send<T>(
    operation: StoreOperation,
    key: ObjectKey,
    send: () => Promise<T>,
    bytesOf?: (result: T) => number,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.retried(() => this.once(operation, key, send, bytesOf), signal)
  }
}
