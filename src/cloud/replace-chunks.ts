import { mapLimited } from '../catalog/map-limited.js'
import type { ChunkGrid, Run } from '../table/chunk-grid.js'
import type { SparseCopy } from './sparse-copy.js'

/** Held chunks may lie apart: some hundred requests. */
const concurrentFetches = 8

export interface ChunkSource {
  /** Reads chunks of the stored object. */
  readonly fetch: (run: Run) => Promise<Uint8Array>
  readonly write: (first: number, bytes: Uint8Array) => Promise<void>
}

/**
 * Overwrites held chunks, one of which is damaged, with what the store has, together with everything else that may have
 * come in the same answer. A reader of a sound chunk sees no change.
 * @returns whether the store gave other bytes than were held.
 */
export async function replaceChunks(
  copy: SparseCopy,
  grid: ChunkGrid,
  damaged: Run,
  store: ChunkSource,
): Promise<boolean> {
  let isOther = false
  // The footer has no checksum: damage there shows elsewhere, wherever it leads.
  const runs = presentAround(copy, grid, damaged)
  // Else a hole would pass for damage.
  const releases = runs.map((run) => copy.hold(run))
  try {
    await mapLimited(runs, concurrentFetches, async (run) => {
      const bytes = await store.fetch(run)
      if (await copy.holds(run.first, bytes)) return
      isOther = true
      await store.write(run.first, bytes)
    })
  } finally {
    for (const release of releases) release()
  }
  return isOther
}

/** Runs of present chunks around the range, as far as one request can reach, and the last chunk of the file. */
function presentAround({ map }: SparseCopy, grid: ChunkGrid, { first, end }: Run): Run[] {
  const { maxRequestChunks } = grid
  const last = map.chunkCount - 1
  const isNear = (chunk: number) => chunk > end - 1 - maxRequestChunks && chunk < first + maxRequestChunks
  return grid.wantedRuns(
    { first: 0, end: last + 1 },
    (chunk) => (isNear(chunk) || chunk === last) && map.has(chunk),
  )
}
