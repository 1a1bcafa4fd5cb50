/**
 * Counts of a cache since it was opened. A read of present chunks never asks the Env, so nobody counts it: RocksDB
 * reads them from the local file.
 */
export class CacheCounts {
  /** Openings of a table by RocksDB. */
  openings = 0
  /** Openings of a table of which at least a part was held. */
  warmOpenings = 0
  /** Reads that asked the Env for a range that was held by then: fetched for another reader, as a rule. */
  hits = 0
  /** Reads that waited for the store. */
  misses = 0
  fetchedChunks = 0
  fetchedBytes = 0
  /** Bytes fetched beyond what a read asked for, because its reader goes through the file in order. */
  readAheadBytes = 0
  /**
   * Bytes read ahead for the last read that asked for a part of a table, if the table was evicted or deleted before
   * another one asked. RocksDB may have read some of them without asking, so this is the most that was wasted.
   */
  wastedReadAheadBytes = 0
  evictedFiles = 0
  evictedBytes = 0
}
