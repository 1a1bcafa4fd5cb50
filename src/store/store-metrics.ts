import { type RequestListener, type StoreOperation, storeOperations } from './store-request.js'

export interface OperationMetrics {
  readonly requests: number
  /** Bytes of object contents, sent or received. */
  readonly bytes: number
  readonly errors: number
}

/**
 * Counts requests by operation.
 *
 * ```ts
 * const metrics = new StoreMetrics()
 * const store = await openStore('s3://bucket/prefix', { onRequest: metrics.record })
 * ```
 */
export class StoreMetrics {
  readonly #counts = emptyCounts()

  readonly record: RequestListener = ({ operation, bytes, ok }) => {
    const counts = this.#counts[operation]
    counts.requests++
    counts.bytes += bytes
    if (!ok) counts.errors++
  }

  /** The current counts. */
  snapshot(): Readonly<Record<StoreOperation, OperationMetrics>> {
    return structuredClone(this.#counts)
  }
}

function emptyCounts(): Record<StoreOperation, { requests: number; bytes: number; errors: number }> {
  const zero = () => ({ requests: 0, bytes: 0, errors: 0 })
  return Object.fromEntries(storeOperations.map((operation) => [operation, zero()])) as ReturnType<
    typeof emptyCounts
  >
}
