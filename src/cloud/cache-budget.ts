import type { System } from '../env/system.js'
import type { CacheCounts } from './cache-counts.js'
import type { CachedFile } from './cached-file.js'

/** A cached file's view of the cache that holds it. */
export interface CacheBudget {
  readonly system: System
  readonly counts: CacheCounts
  /**
   * Makes room for `bytes` more of `file`; false if there is none.
   * @param spared not evicted for that, and nothing that was used since one of them.
   */
  reserve(file: CachedFile, bytes: number, spared?: ReadonlySet<CachedFile>): boolean
  /** Reserved bytes are on the disk, or won't come. */
  settled(bytes: number): void
  /** The file was used: it is the last to go now. */
  touch(file: CachedFile): void
  /** Chunk bytes that were evicted while open are on disk until the bridge lets go of them. */
  releaseLater(bytes: number): () => void
  /** Nobody reads the file and nothing is held of it: it can be forgotten. */
  onIdle(file: CachedFile): void
}
