import type { Clock } from './clock.js'

/** Resolves once the work is over, however it ends, and after `ms` at the latest. */
export function settledWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve, { keepAlive: true })
    const done = () => {
      cancel()
      resolve()
    }
    work.then(done, done)
  })
}
