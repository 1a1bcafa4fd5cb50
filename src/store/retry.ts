import { type Clock, sleep } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import type { Send } from './send.js'

/** Five attempts and pauses of at most 0.1, 0.2, 0.4, 0.8 s: enough for a hiccup, soon over in an outage. */
const attempts = 5
const firstPauseMs = 100
/** Attempts that time out take far longer than a hiccup: none begins later than this after the first. */
const maxRetryMs = 60_000

export interface RetryOptions {
  readonly clock: Clock
  /** From 0 to below 1; the pauses of many clients must not coincide. */
  readonly random: () => number
  readonly signal?: AbortSignal | undefined
}

/** Repeats an action that fails with a retryable error. Throws the last error. */
export async function retry<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  const lastStartAt = options.clock.elapsed() + maxRetryMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      const mayPass = EnvError.is(error) && error.retryable
      const isLast = attempt === attempts || options.clock.elapsed() >= lastStartAt || options.signal?.aborted
      if (!mayPass || isLast) throw error
    }
    await sleep(options.clock, options.random() * firstPauseMs * 2 ** (attempt - 1), options.signal)
  }
}

/** Repeats requests. The wrapper around all others: see {@link Send}. */
export function retrying(options: Omit<RetryOptions, 'signal'>, send: Send): Send {
  return (request, attempt) => retry(() => send(request, attempt), { ...options, signal: request.signal })
}
