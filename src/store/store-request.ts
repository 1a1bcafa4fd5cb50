import type { Clock } from '../env/clock.js'
import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { Throttled } from './object-store.js'
import type { Send } from './send.js'

/** Operations that stores bill for, and that callers wait for. */
export const storeOperations = ['get', 'head', 'put', 'list', 'delete', 'copy'] as const
export type StoreOperation = (typeof storeOperations)[number]

/**
 * How a request ended:
 *
 * - `ok`: the store did what it was asked for.
 * - `expected`: there is no such object (404), or the condition of a write did not hold (412). Every opening of a
 *   database asks for objects that may not be there, so this is no error.
 * - `throttled`: the store asks for fewer requests.
 * - `aborted`: nobody waited for the answer any longer.
 * - `failed`: anything else.
 */
export type RequestOutcome = 'ok' | 'expected' | 'throttled' | 'aborted' | 'failed'

/**
 * A finished request to a store. Each attempt, each page of a listing, each part of a large object and each batch of
 * deletions is a request of its own.
 */
export interface StoreRequest {
  readonly operation: StoreOperation
  /** URL of the store, such as `s3://bucket`. */
  readonly store: string
  /** Relative to the store's URL; the prefix for a listing, the first key for a batch of deletions. */
  readonly key: string
  /** Bytes of object contents sent or received; 0 if the request failed. */
  readonly bytes: number
  /** Start by the machine's clock, in milliseconds since 1970. */
  readonly startMs: number
  /** Time until the whole answer was there, in milliseconds with fractions. Waits before the request don't count. */
  readonly milliseconds: number
  /** 1 for the first attempt, 2 for its repetition. */
  readonly attempt: number
  /** Length of the range that a read asked for; undefined for anything else. */
  readonly rangeBytes: number | undefined
  /** True for a second request for a range, sent as the first had no answer: see `hedgeAfterMs`. */
  readonly isHedge: boolean
  readonly outcome: RequestOutcome
  /** Undefined if the outcome is `ok`. */
  readonly errorCode: EnvErrorCode | undefined
}

export type RequestListener = (request: StoreRequest) => void

/** Tells the listener how each attempt went. A wrapper: see {@link Send}. */
export function observing(
  { clock, onRequest }: { readonly clock: Clock; readonly onRequest: RequestListener | undefined },
  send: Send,
): Send {
  if (!onRequest) return send
  return async (request, attempt) => {
    const { operation, store, key, bytesOf, attempt: number = 1, rangeBytes, isHedge = false } = request
    const startMs = clock.now()
    const start = clock.elapsed()
    const report = (bytes: number, outcome: RequestOutcome, errorCode?: EnvErrorCode) => {
      const subject = { operation, store, key, rangeBytes, attempt: number, isHedge }
      const milliseconds = clock.elapsed() - start
      onRequest({ ...subject, bytes, startMs, milliseconds, outcome, errorCode })
    }
    try {
      const result = await send(request, attempt)
      report(bytesOf?.(result) ?? 0, 'ok')
      return result
    } catch (error) {
      const code = EnvError.is(error) ? error.code : 'IOError'
      report(0, request.signal?.aborted ? 'aborted' : outcomeOf(error, code), code)
      throw error
    }
  }
}

function outcomeOf(error: unknown, code: EnvErrorCode): RequestOutcome {
  if (error instanceof Throttled) return 'throttled'
  return code === 'NotFound' || code === 'Busy' ? 'expected' : 'failed'
}
