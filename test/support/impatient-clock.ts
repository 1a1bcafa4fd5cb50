import { type Clock, systemClock } from '#src/env/clock.js'

/** Time-outs of requests are longer, the pauses between them shorter. */
const longMs = 10_000

/** Skips every pause, and remembers its length. Longer timers never fire. */
export class ImpatientClock implements Clock {
  readonly waits: number[] = []
  readonly now = systemClock.now
  readonly elapsed = systemClock.elapsed

  after(ms: number, callback: () => void): () => void {
    if (ms >= longMs) return () => {}
    this.waits.push(ms)
    const immediate = setImmediate(callback)
    return () => clearImmediate(immediate)
  }
}
