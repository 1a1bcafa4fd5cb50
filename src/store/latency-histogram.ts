/** Upper bounds of the buckets: powers of two, from 1 ms to 65.5 s. */
const boundsMs: readonly number[] = Array.from({ length: 17 }, (_, power) => 2 ** power)

export interface LatencyMetrics {
  /** Upper bounds of the buckets in milliseconds, ascending. The last bucket has none. */
  readonly boundsMs: readonly number[]
  /** Requests in each bucket: one more than there are bounds. */
  readonly counts: readonly number[]
  /** Sum of all, in milliseconds. */
  readonly sumMs: number
}

/** How long requests took. */
export class LatencyHistogram {
  readonly #counts: number[] = Array.from({ length: boundsMs.length + 1 }, () => 0)
  #sumMs = 0

  record(ms: number): void {
    const bucket = ms <= 1 ? 0 : Math.min(boundsMs.length, Math.ceil(Math.log2(ms)))
    this.#counts[bucket]! += 1
    this.#sumMs += ms
  }

  snapshot(): LatencyMetrics {
    return { boundsMs, counts: [...this.#counts], sumMs: this.#sumMs }
  }
}
