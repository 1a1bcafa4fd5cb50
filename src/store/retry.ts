import { type Clock, sleep } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'

/** Five attempts and pauses of at most 0.1, 0.2, 0.4, 0.8 s: enough for a hiccup, soon over in an outage. */
const attempts = 5
const firstPauseMs = 100

export interface RetryOptions {
  readonly clock: Clock
  /** From 0 to below 1; the pauses of many clients must not coincide. */
  readonly random: () => number
  readonly signal?: AbortSignal | undefined
}

/** Repeats what failed with a retryable error. The last error is thrown. */
export async function retry<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      const again = EnvError.is(error) && error.retryable && attempt < attempts && !options.signal?.aborted
      if (!again) throw error
    }
    await sleep(options.clock, options.random() * firstPauseMs * 2 ** (attempt - 1), options.signal)
  }
}
