import type { Clock } from '../env/clock.js'
import { anyEnds } from './any-ends.js'
import type { Owner } from './owner.js'

/** Longest wait of a write for room: a table of 64 MiB at 2 MiB/s. */
const maxUploadWaitMs = 30_000

/**
 * Waits for an upload, whose table can then be evicted: a compaction on a small disk waits for its own tables.
 * @returns whether one has ended.
 */
export async function uploadEnds(
  databases: Iterable<{ readonly owner: Owner | undefined }>,
  clock: Clock,
): Promise<boolean> {
  const ends = [...databases].map(({ owner }) => owner?.nextUploadEnd())
  const underWay = ends.filter((end) => end !== undefined)
  return anyEnds(clock, underWay, maxUploadWaitMs)
}
