import type { EnvError } from '../env/env-error.js'
import type { StoreOperation } from './store-request.js'

/** A request to a store, before it is sent. */
export interface PendingRequest<T> {
  readonly operation: StoreOperation
  /** URL of the store. */
  readonly store: string
  /** Relative to the store's URL; the prefix for a listing, the first key for a batch of deletions. */
  readonly key: string
  /** 1 for the first attempt, which is the default. */
  readonly attempt?: number
  /** Length of the range that it reads; undefined if it does anything else. */
  readonly rangeBytes?: number | undefined
  /** True for the second of two requests for one range. */
  readonly isHedge?: boolean
  readonly signal?: AbortSignal | undefined
  /** Bytes of object contents that it moved. Default: none. */
  readonly bytesOf?: ((result: T) => number) | undefined
  /** Turns whatever an attempt throws into the error that the caller gets. */
  readonly explain: (error: unknown) => EnvError
}

/** The time that an attempt has. */
export interface Deadline {
  /** Aborts when the time is up, or when the caller's own signal does. */
  readonly signal: AbortSignal
  /** Adds the time that so much content takes at the slowest. */
  allow(bytes: number | undefined): void
  /** Adds the time that the store may take for its own work, such as a copy. */
  allowServerWork(): void
}

/** Asks the store once. */
export type Attempt<T> = (deadline: Deadline) => Promise<T>

/**
 * Sends a request: attempts it, once or more often. Each wrapper makes such a function of another, and has one job.
 * Their order, from the outside in:
 *
 * | wrapper | its job |
 * |---|---|
 * | `retrying` | repeats what failed with a retryable error |
 * | `creatingBucket` | creates a bucket that is missing, if that is wanted |
 * | `hedging` | sends a slow read of a range twice, if that is wanted |
 * | `yielding` | holds attempts back while the store throttles |
 * | `observing` | tells the listener of each attempt |
 * | `explaining` | makes any error an `EnvError` that names the object |
 * | `limiting` | bounds the time of each attempt |
 */
export type Send = <T>(request: PendingRequest<T>, attempt: Attempt<T>) => Promise<T>

export function explaining(send: Send): Send {
  return async (request, attempt) => {
    try {
      return await send(request, attempt)
    } catch (error) {
      throw request.explain(error)
    }
  }
}

/** The innermost function for a store whose attempts need no time-out. */
export const unlimited: Send = (request, attempt) => {
  const signal = request.signal ?? new AbortController().signal
  return attempt({ signal, allow() {}, allowServerWork() {} })
}
