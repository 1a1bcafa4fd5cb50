import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import type { LatencyMetrics } from '../store/latency-histogram.js'
import type { StoreCounts } from '../store/store-metrics.js'
import type { CacheMetrics } from './file-cache.js'

/** Counts since the Env was started, and its present state. */
export interface CloudEnvMetrics {
  /** Requests to the store and to the source. */
  readonly store: StoreCounts
  /**
   * What these requests cost at the list price of S3 Standard in us-east-1, in US dollars and whatever the store is.
   * Without transfer and storage.
   */
  readonly requestCostUsd: number
  readonly throttling: ThrottlingMetrics
  readonly cache: CacheMetrics
  readonly uploads: UploadMetrics
  readonly commits: CommitMetrics
  /** Reads that met damage in a table, which was then fetched again. */
  readonly damagedReads: number
  /** Those for which the store had other bytes: the damage was local, and is mended. */
  readonly healedReads: number
  /** How often a database turned out to belong to somebody else, or to be gone. */
  readonly fences: number
}

export interface ThrottlingMetrics {
  /** Requests allowed at a time; undefined unless the store or the source throttles, or did so lately. */
  readonly concurrencyLimit: number | undefined
  /** Requests that wait for their turn. */
  readonly waitingRequests: number
}

/** Tables on their way into the store. A commit waits for those that it names. */
export interface UploadMetrics {
  readonly pending: number
  readonly pendingBytes: number
  /** Time since RocksDB completed the first of them, by the machine's clock; 0 if there is none. */
  readonly oldestMs: number
}

/** Syncs of MANIFESTs: each waits for its tables, then for the MANIFEST, to be in the store. */
export interface CommitMetrics {
  /** How long those took that succeeded. Their sum is the number of commits. */
  readonly latency: LatencyMetrics
  /** Attempts that failed. */
  readonly errors: number
  /** Attempts that repeated one that failed. */
  readonly retries: number
}

/** @param nowMs by the clock that gave the files their times. */
export function uploadMetrics(files: readonly StoredFile[], nowMs: number): UploadMetrics {
  const oldest = Math.min(nowMs, ...files.map(({ modified }) => modified.getTime()))
  return {
    pending: files.length,
    pendingBytes: totalSize(files),
    oldestMs: nowMs - oldest,
  }
}
