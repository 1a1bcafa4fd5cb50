import { type Clock, sleep } from '../env/clock.js'

/** Waits until one of these promises has resolved, or for `maxMs`. @returns whether one has; false if there is none. */
export async function anyEnds(
  clock: Clock,
  underWay: readonly Promise<unknown>[],
  maxMs: number,
): Promise<boolean> {
  if (underWay.length === 0) return false
  const stop = new AbortController()
  const isLate = sleep(clock, maxMs, stop.signal).then(() => false)
  const hasEnded = await Promise.race([isLate, ...underWay.map((end) => end.then(() => true))])
  stop.abort()
  return hasEnded
}
