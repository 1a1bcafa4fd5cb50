import { LatencyHistogram, type LatencyMetrics } from './latency-histogram.js'
import { type RequestListener, type StoreOperation, storeOperations } from './store-request.js'

export interface OperationMetrics {
  /** Requests that have ended, whatever came of them. */
  readonly requests: number
  /** Bytes of object contents, sent or received. */
  readonly bytes: number
  /** Requests that failed or were throttled. An object that is not there (404) or has changed (412) is no error. */
  readonly errors: number
  /** Those of the errors with which the store asked for fewer requests. */
  readonly throttled: number
  /** Requests that repeated one that failed. */
  readonly retries: number
  /** Second requests for a range, sent as the first had no answer: see `hedgeAfterMs`. */
  readonly hedges: number
  /** Hedges that answered before the request that they doubled. */
  readonly hedgesWon: number
  /** Bytes that the hedges asked for: they cost no more than that, since one of the two requests is ended. */
  readonly hedgeBytes: number
  /** How long the requests took, whatever came of them. */
  readonly latency: LatencyMetrics
}

/** Counts of requests, by operation. */
export type StoreCounts = Readonly<Record<StoreOperation, OperationMetrics>>

/**
 * Counts requests by operation.
 *
 * ```ts
 * const metrics = new StoreMetrics()
 * const store = await openStore('s3://bucket/prefix', { onRequest: metrics.record })
 * ```
 */
export class StoreMetrics {
  readonly #counts = ofEach(() => new OperationCounts())

  readonly record: RequestListener = (request) => {
    const { operation, bytes, attempt, outcome, milliseconds } = request
    const counts = this.#counts[operation]
    counts.requests += 1
    counts.bytes += bytes
    if (outcome === 'failed' || outcome === 'throttled') counts.errors += 1
    if (outcome === 'throttled') counts.throttled += 1
    if (attempt > 1) counts.retries += 1
    if (request.isHedge) {
      counts.hedges += 1
      if (outcome === 'ok') counts.hedgesWon += 1
      counts.hedgeBytes += request.rangeBytes ?? 0
    }
    counts.latency.record(milliseconds)
  }

  /** The current counts. */
  snapshot(): StoreCounts {
    return ofEach((operation) => {
      const counts = this.#counts[operation]
      return { ...counts, latency: counts.latency.snapshot() }
    })
  }
}

class OperationCounts {
  requests = 0
  bytes = 0
  errors = 0
  throttled = 0
  retries = 0
  hedges = 0
  hedgesWon = 0
  hedgeBytes = 0
  readonly latency = new LatencyHistogram()
}

function ofEach<T>(make: (operation: StoreOperation) => T): Record<StoreOperation, T> {
  return Object.fromEntries(storeOperations.map((operation) => [operation, make(operation)])) as Record<
    StoreOperation,
    T
  >
}
