import type { Clock } from '../env/clock.js'
import type { Send } from './send.js'

/** Operations that stores bill for, and that callers wait for. */
export const storeOperations = ['get', 'head', 'put', 'list', 'delete', 'copy'] as const
export type StoreOperation = (typeof storeOperations)[number]

/**
 * A finished request to a store. Each attempt, each page of a listing, each part of a large object and each batch of
 * deletions is a request of its own.
 */
export interface StoreRequest {
  readonly operation: StoreOperation
  /** Relative to the store's prefix; the prefix for a listing, the first key for a batch of deletions. */
  readonly key: string
  /** Bytes of object contents sent or received; 0 if the request failed. */
  readonly bytes: number
  readonly milliseconds: number
  readonly ok: boolean
}

export type RequestListener = (request: StoreRequest) => void

/** Tells the listener how each attempt went. A wrapper: see {@link Send}. */
export function observing(
  { clock, onRequest }: { readonly clock: Clock; readonly onRequest: RequestListener | undefined },
  send: Send,
): Send {
  return async (request, attempt) => {
    const { operation, key, bytesOf = () => 0 } = request
    const start = clock.elapsed()
    const report = (ok: boolean, bytes: number) =>
      onRequest?.({ operation, key, bytes, milliseconds: clock.elapsed() - start, ok })
    try {
      const result = await send(request, attempt)
      report(true, bytesOf(result))
      return result
    } catch (error) {
      report(false, 0)
      throw error
    }
  }
}
