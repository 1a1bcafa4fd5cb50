import type { Clock } from '../env/clock.js'

/** What stores are billed for and waited for. */
export const storeOperations = ['get', 'head', 'put', 'list', 'delete', 'copy'] as const
export type StoreOperation = (typeof storeOperations)[number]

/**
 * One request to a store, when it is over. Each attempt, each page of a listing, each part of a large
 * object and each batch of deletions is a request of its own.
 */
export interface StoreRequest {
  readonly operation: StoreOperation
  /** Relative to the store's prefix; of a listing the prefix, of a batch of deletions its first key. */
  readonly key: string
  /** Of object contents sent or received; 0 when the request failed. */
  readonly bytes: number
  readonly milliseconds: number
  readonly ok: boolean
}

export type RequestListener = (request: StoreRequest) => void

/** Performs one request and tells the listener how it went. */
export async function observed<T>(
  { clock, onRequest }: { readonly clock: Clock; readonly onRequest: RequestListener | undefined },
  request: { readonly operation: StoreOperation; readonly key: string },
  perform: () => Promise<T>,
  bytesOf: (result: T) => number = () => 0,
): Promise<T> {
  const start = clock.now()
  const report = (ok: boolean, bytes: number) =>
    onRequest?.({ ...request, bytes, milliseconds: clock.now() - start, ok })
  try {
    const result = await perform()
    report(true, bytesOf(result))
    return result
  } catch (error) {
    report(false, 0)
    throw error
  }
}
