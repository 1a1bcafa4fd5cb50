import type { S3Client } from '@aws-sdk/client-s3'
import type { Clock } from '../env/clock.js'
import type { EnvError } from '../env/env-error.js'
import { type AttemptingOptions, attempting } from './attempting.js'
import { creatingBucket } from './missing-bucket.js'
import type { ObjectKey } from './object-store.js'
import { type NumberedAction, retry } from './retry.js'
import { s3Error } from './s3-error.js'
import { type S3Operation, storeOperation } from './s3-operation.js'
import type { Attempt, PendingRequest, Send } from './send.js'
import { urlPath } from './store-url.js'

/** A request, before it is sent. */
export interface S3Request<T>
  extends Pick<PendingRequest<T>, 'key' | 'attempt' | 'rangeBytes' | 'signal' | 'bytesOf'> {
  readonly operation: S3Operation
}

export interface S3RequestsOptions extends AttemptingOptions {
  readonly client: S3Client
  readonly url: string
  readonly random: () => number
  /** Name of the bucket, to be created if it is missing. Undefined: it is not. */
  readonly bucketToCreate: string | undefined
}

/**
 * Shared by the parts of an S3 store: the client, and one way to send. The wrappers go around each request, not around
 * the calls of the store: a call may take many, pages of a listing for instance.
 */
export class S3Requests {
  readonly client: S3Client
  readonly #url: string
  readonly #clock: Clock
  readonly #random: () => number
  readonly #sendOnce: Send

  constructor(options: S3RequestsOptions) {
    this.client = options.client
    this.#url = options.url
    this.#clock = options.clock
    this.#random = options.random
    const once = attempting(options)
    const { bucketToCreate: bucket } = options
    this.#sendOnce = bucket === undefined ? once : creatingBucket({ ...options, bucket }, once)
  }

  /**
   * One request, including the body of its answer: limited in time, reported to the listener, its error an EnvError.
   * `attempt` passes the signal on and allows for the content that it moves.
   */
  sendOnce<T>(request: S3Request<T>, attempt: Attempt<T>): Promise<T> {
    const { operation, key } = request
    const explain = (error: unknown) => this.#explain(error, operation, key)
    const pending = { ...request, operation: storeOperation(operation), store: this.#url, explain }
    return this.#sendOnce(pending, attempt)
  }

  /** Runs an action that may take several requests, and turns its error into an EnvError that names the object. */
  async withErrorContext<T>(operation: S3Operation, key: ObjectKey, action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      throw this.#explain(error, operation, key)
    }
  }

  /** Like `retrying`, for an action that does more than to send one request. */
  retry<T>(action: NumberedAction<T>, signal?: AbortSignal): Promise<T> {
    return retry(action, { clock: this.#clock, random: this.#random, signal })
  }

  /** Like {@link sendOnce}, but repeated while it fails with a retryable error. */
  send<T>(
    operation: S3Operation,
    key: ObjectKey,
    attempt: Attempt<T>,
    bytesOf?: (result: T) => number,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.retry(
      (number) => this.sendOnce({ operation, key, attempt: number, bytesOf, signal }, attempt),
      signal,
    )
  }

  #explain(error: unknown, operation: S3Operation, key: ObjectKey): EnvError {
    return s3Error(error, operation, `${this.#url}/${urlPath(key)}`)
  }
}
