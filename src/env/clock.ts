/** Time as a dependency, so that tests decide what time it is. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /**
   * Calls back once after `ms`; the returned function cancels. Keeps the process alive only when told
   * to, for somebody who waits.
   */
  after(ms: number, callback: () => void, options?: { readonly keepAlive: boolean }): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback, options) {
    const timer = setTimeout(callback, ms)
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
