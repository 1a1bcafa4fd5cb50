import { sleep, systemClock } from '../env/clock.js'
import { unlessNotFound } from '../env/env-error.js'
import { type DatabasePlace, objectKey } from './database-place.js'
import type { ReadState } from './read-state.js'

/** A creator that takes longer between its two writes has been stopped, or is gone. */
const creationMs = 10_000
/** Allows for the clocks of the store and of this machine, which differ. */
const recentMs = 60_000
const pollMs = 100

/**
 * Waits for the IDENTITY of a database that was created just now: its creator writes the CLOUDMANIFEST first, which
 * decides between several, and the IDENTITY right after it.
 * @returns whether the IDENTITY has come. False at once for a database that has had other owners or is older.
 */
export async function identityArrives(
  place: DatabasePlace,
  states: readonly ReadState[],
  clock = systemClock,
): Promise<boolean> {
  const started = clock.elapsed()
  const isRecent = ({ cloudManifest, cloudManifestModified }: ReadState) =>
    cloudManifest?.past.length === 0 &&
    cloudManifestModified !== undefined &&
    Math.abs(clock.now() - cloudManifestModified.getTime()) < recentMs
  if (!states.some(isRecent)) return false
  for (;;) {
    if (await unlessNotFound(place.store.head(objectKey(place, 'IDENTITY')))) return true
    if (clock.elapsed() - started > creationMs) return false
    await sleep(clock, pollMs)
  }
}
