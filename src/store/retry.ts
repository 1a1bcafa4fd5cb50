import { type Clock, sleep } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { recordRefusal } from './last-refusal.js'
import { Throttled } from './object-store.js'
import type { Send } from './send.js'

/** How often a request is repeated, and after which pauses: each up to twice as long as the one before. */
interface RetryPolicy {
  readonly attempts: number
  readonly firstPauseMs: number
  readonly maxPauseMs: number
}

/** Five attempts and pauses of at most 0.1, 0.2, 0.4, 0.8 s: enough for a hiccup, soon over in an outage. */
const failed: RetryPolicy = { attempts: 5, firstPauseMs: 100, maxPauseMs: 800 }
/** Pauses of at most 0.5, 1, 2, 4 s and five of 8 s: the store works, and serves whoever asks less often. */
const throttled: RetryPolicy = { attempts: 10, firstPauseMs: 500, maxPauseMs: 8_000 }
/** A request that waited longer would have no attempt left. MinIO asks for 60 s, whatever its load. */
const maxRetryAfterMs = 10_000
/** Attempts that time out take far longer than a hiccup: none begins later than this after the first. */
const maxRetryMs = 60_000

export interface RetryOptions {
  readonly clock: Clock
  /** From 0 to below 1; the pauses of many clients must not coincide. */
  readonly random: () => number
  readonly signal?: AbortSignal | undefined
}

/** Performs an attempt: 1 is the first. */
export type NumberedAction<T> = (attempt: number) => Promise<T>

/** Repeats an action that fails with a retryable error. Throws the last error. */
export async function retry<T>(action: NumberedAction<T>, options: RetryOptions): Promise<T> {
  const lastStartAt = options.clock.elapsed() + maxRetryMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await action(attempt)
    } catch (error) {
      const policy = error instanceof Throttled ? throttled : failed
      const mayPass = EnvError.is(error) && error.retryable
      const isLast =
        attempt >= policy.attempts || options.clock.elapsed() >= lastStartAt || options.signal?.aborted
      if (!mayPass || isLast) throw error
      if (options.signal) recordRefusal(options.signal, error)
      const pauseMs = options.random() * maxPauseMs(policy, attempt) + retryAfterMs(error)
      await sleep(options.clock, pauseMs, options.signal)
    }
  }
}

function maxPauseMs(policy: RetryPolicy, attempt: number): number {
  return Math.min(policy.maxPauseMs, policy.firstPauseMs * 2 ** (attempt - 1))
}

/** Part of the pause that the store itself asks for. */
function retryAfterMs(error: EnvError): number {
  return error instanceof Throttled ? Math.min(maxRetryAfterMs, error.retryAfterMs ?? 0) : 0
}

/** Repeats requests. The wrapper around all others: see {@link Send}. */
export function retrying(options: Omit<RetryOptions, 'signal'>, send: Send): Send {
  return (request, attempt) =>
    retry((number) => send({ ...request, attempt: number }, attempt), { ...options, signal: request.signal })
}
