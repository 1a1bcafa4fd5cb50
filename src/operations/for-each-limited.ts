import { mapLimited } from '../catalog/map-limited.js'

export interface LimitedOptions {
  readonly concurrency: number
  /** Ends the work. */
  readonly signal: AbortSignal | undefined
}

/**
 * Works on the items, with a limited number in progress at a time. Rejects with the first failure, once what is under way
 * has been ended: nothing goes on behind the back of the caller.
 */
export async function forEachLimited<T>(
  items: readonly T[],
  { concurrency, signal }: LimitedOptions,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const ended = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])])
  const underWay = new Set<Promise<void>>()
  try {
    await mapLimited(items, concurrency, async (item) => {
      ended.throwIfAborted()
      const working = work(item, ended)
      underWay.add(working)
      await working
      underWay.delete(working)
    })
  } catch (error) {
    failed.abort(error)
    await Promise.allSettled(underWay)
    throw error
  }
}
