import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { Throttled } from './object-store.js'
import type { Send } from './send.js'

/** Time that a cut takes to show: answers meanwhile neither cut again nor raise the limit. */
const settlingMs = 1_000
/** A limit above this is lifted: no client has more sockets, so nothing would ever wait for it. */
const maxLimit = 128

/**
 * The number of requests that a store takes at a time, found by trying: halved when it throttles, at most once a
 * second, then one more after as many answers as the limit (additive increase, multiplicative decrease, as in TCP).
 * There is no limit before the store throttles.
 */
export class ConcurrencyLimit {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #limit = Number.POSITIVE_INFINITY
  #inFlight = 0
  #answers = 0
  #cutMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Requests allowed at a time; Infinity for any number. */
  get limit(): number {
    return this.#limit
  }

  /** True while the store throttles, or did so lately. */
  get isInForce(): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Begins a request, which {@link leave} ends. Undefined if it may begin at once, which costs no turn of the event
   * loop; otherwise the wait for its turn, which rejects with the signal's reason when that aborts.
   */
  enter(signal?: AbortSignal): Promise<void> | undefined {
    if (this.#inFlight < this.#limit) {
      this.#inFlight += 1
      return undefined
    }
    return new Promise((resolve, reject) => {
      const leaveQueue = () => {
        this.#waiting.delete(begin)
        signal?.removeEventListener('abort', giveUp)
      }
      const begin = () => {
        leaveQueue()
        this.#inFlight += 1
        resolve()
      }
      const giveUp = () => {
        leaveQueue()
        reject(signal?.reason)
      }
      this.#waiting.add(begin)
      if (signal?.aborted) giveUp()
      else signal?.addEventListener('abort', giveUp)
    })
  }

  leave(): void {
    this.#inFlight -= 1
    this.#beginWaiting()
  }

  /** The store did what a request asked for, or refused it for a reason of its own. */
  answered(): void {
    if (!this.isInForce || this.#isSettling(this.#clock.elapsed())) return
    this.#answers += 1
    if (this.#answers < this.#limit) return
    this.#answers = 0
    this.#limit = this.#limit < maxLimit ? this.#limit + 1 : Number.POSITIVE_INFINITY
    this.#beginWaiting()
  }

  /** The store throttled a request that began then, by the clock's {@link Clock.elapsed}. */
  throttled(begunMs: number): void {
    if (this.#isSettling(begunMs)) return
    this.#cutMs = this.#clock.elapsed()
    this.#answers = 0
    this.#limit = Math.max(1, Math.floor(Math.min(this.#limit, this.#inFlight) / 2))
  }

  #isSettling(atMs: number): boolean {
    return atMs < this.#cutMs + settlingMs
  }

  #beginWaiting(): void {
    for (const begin of this.#waiting) {
      if (this.#inFlight >= this.#limit) return
      begin()
    }
  }
}

export interface YieldingOptions {
  readonly clock: Clock
  readonly limit: ConcurrencyLimit
}

/** Holds attempts back while the store throttles. A wrapper: see {@link Send}. */
export function yielding({ clock, limit }: YieldingOptions, send: Send): Send {
  return async (request, attempt) => {
    await limit.enter(request.signal)?.catch((reason: unknown) => {
      throw request.explain(reason)
    })
    const begunMs = clock.elapsed()
    try {
      const result = await send(request, attempt)
      limit.answered()
      return result
    } catch (error) {
      if (error instanceof Throttled) limit.throttled(begunMs)
      else if (EnvError.is(error) && !error.retryable) limit.answered()
      throw error
    } finally {
      limit.leave()
    }
  }
}
