/** Time as a dependency, so that tests control it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since some moment. Never jumps, whatever happens to the machine's clock. */
  elapsed(): number
  /**
   * Calls back once after `ms`, or after 24 days at the latest; the returned function cancels. Keeps the process alive
   * only with `keepAlive`, for a caller that waits.
   */
  after(ms: number, callback: () => void, options?: { readonly keepAlive: boolean }): () => void
}

/** A longer timer of Node.js fires at once. */
const maxTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, callback, options) {
    const timer = setTimeout(callback, Math.min(ms, maxTimerMs))
    if (!options?.keepAlive) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Waits, at most until `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done, { keepAlive: true })
    if (signal?.aborted) done()
    else signal?.addEventListener('abort', done, { once: true })
  })
}
