import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import type { ConcurrencyLimit } from './concurrency-limit.js'
import type { Attempt, PendingRequest, Send } from './send.js'

/** A larger range takes its time for its bytes: 1 MiB takes 84 ms at 100 Mbit/s. */
const maxHedgedBytes = 1 << 20

export interface HedgingOptions {
  readonly clock: Clock
  readonly limit: ConcurrencyLimit
  /** Time after which a read that has no answer is sent again. */
  readonly afterMs: number
}

/**
 * Sends the read of a small range a second time if it has no answer after a while, takes the
 * answer that comes first, and ends the other request. Only the success of a hedge counts: when it
 * fails, the first request decides. A wrapper: see {@link Send}.
 *
 * It lies around `yielding`, so that a hedge counts as in flight and a throttled one lowers the
 * limit. No hedge ever waits for its turn there, because none is sent while there is a limit.
 */
export function hedging({ clock, limit, afterMs }: HedgingOptions, send: Send): Send {
  const budget = new HedgeBudget()
  return <T>(request: PendingRequest<T>, attempt: Attempt<T>) => {
    if (!mayBeHedged(request)) return send(request, attempt)
    budget.earn()
    const race = new AbortController()
    const signal = request.signal ? AbortSignal.any([request.signal, race.signal]) : race.signal
    let cancelTimer = () => {}
    const answer = new Promise<T>((resolve, reject) => {
      let hedge: Promise<T> | undefined
      cancelTimer = clock.after(afterMs, () => {
        if (signal.aborted || limit.isInForce || !budget.spend()) return
        hedge = send({ ...request, signal, isHedge: true }, attempt)
        hedge.then(resolve, () => {})
      })
      send({ ...request, signal }, attempt).then(resolve, (error) => {
        const mayPass = EnvError.is(error) && error.retryable
        if (hedge && mayPass) hedge.catch(() => reject(error))
        else reject(error)
      })
    })
    return answer.finally(() => {
      cancelTimer()
      race.abort(new Error('another request was answered first'))
    })
  }
}

function mayBeHedged<T>({ rangeBytes, attempt = 1 }: PendingRequest<T>): boolean {
  return rangeBytes !== undefined && rangeBytes <= maxHedgedBytes && attempt === 1
}

const readsForHedge = 10
/** Saved up in good times, for when many reads stall together. */
const maxSavedHedges = 10

/** Bounds the hedges to a tenth of the reads, whatever a store does. */
class HedgeBudget {
  #reads = 0

  earn(): void {
    this.#reads = Math.min(this.#reads + 1, readsForHedge * maxSavedHedges)
  }

  /** @returns whether there was one left. */
  spend(): boolean {
    if (this.#reads < readsForHedge) return false
    this.#reads -= readsForHedge
    return true
  }
}
