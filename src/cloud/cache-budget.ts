import type { PunchHoles } from '../env/holes.js'
import type { System } from '../env/system.js'
import type { ChunkGrid } from '../table/chunk-grid.js'
import type { CacheCounts } from './cache-counts.js'
import type { CachedFile } from './cached-file.js'

/** A cached file's view of the cache that holds it. */
export interface CacheBudget {
  readonly system: System
  readonly counts: CacheCounts
  /** Chunks of the cached files. */
  readonly grid: ChunkGrid
  /** Room of the whole cache. */
  readonly maxBytes: number
  /** Undefined where files can lose nothing in part. */
  readonly punchHoles: PunchHoles | undefined
  /** Makes room for `bytes` more; false if there is none. */
  reserve(bytes: number, purpose: Purpose): boolean
  /** Reserved bytes are on the disk, or won't come. */
  settled(bytes: number): void
  /** The file holds more or less than before. */
  resized(file: CachedFile): void
  /** Chunk bytes that were evicted while open are on disk until the bridge lets go of them. */
  releaseLater(bytes: number): () => void
  /** Nobody reads the file and nothing is held of it: it can be forgotten. */
  onIdle(file: CachedFile): void
}

/**
 * Purpose of a reservation, which says what it may cost.
 *
 * - `read`: somebody waits for it: whatever was not read for longest makes room.
 * - `disk`: others need the space on the disk, and nothing else is left: even what is to stay makes room.
 * - `ahead`: it may be read soon: nothing that was read lately makes room.
 * - `spareRoom`: it may be read at some time: nothing makes room.
 * - `warmUp`: nothing that was read since it began makes room, and nothing of the files in `spared`.
 */
export type Purpose =
  | { readonly for: 'read' | 'disk' | 'ahead' | 'spareRoom' }
  | { readonly for: 'warmUp'; readonly spared: ReadonlySet<CachedFile> }
