import { type Clock, systemClock } from '#src/env/clock.js'

/** Waits for nothing, and remembers for how long it should have. */
export class ImpatientClock implements Clock {
  readonly waits: number[] = []
  readonly now = systemClock.now

  after(ms: number, callback: () => void): () => void {
    this.waits.push(ms)
    const immediate = setImmediate(callback)
    return () => clearImmediate(immediate)
  }
}
