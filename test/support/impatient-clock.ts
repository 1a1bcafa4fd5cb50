import { type Clock, systemClock } from '#src/env/clock.js'

/** Time-outs of requests, which the pauses between them don't reach. */
const longMs = 10_000

/** Waits for no pause, and remembers how long each should have been. What takes longer than a pause never comes. */
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
