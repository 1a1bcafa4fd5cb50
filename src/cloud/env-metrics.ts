import type { StoredFile } from '../catalog/stored-file.js'
import type { Clock } from '../env/clock.js'
import type { ConcurrencyLimit } from '../store/concurrency-limit.js'
import { requestCostUsd } from '../store/request-price.js'
import { type StoreCounts, StoreMetrics } from '../store/store-metrics.js'
import type { StoreRequest } from '../store/store-request.js'
import { EventBatches } from './event-batches.js'
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

/** Events of a cloud Env, by name. */
export interface CloudEnvEvents {
  /** A request to the store or a source has ended. */
  readonly request: StoreRequest
  /** A database turned out to belong to somebody else, or to be gone. */
  readonly fence: DatabaseFence
}

export const cloudEnvEvents = ['request', 'fence'] as const satisfies readonly (keyof CloudEnvEvents)[]

export interface DatabaseFence {
  /** The database's. */
  readonly directory: string
  /** Message of the errors that its writes fail with from now on. */
  readonly message: string
}

/** Counts what happens in an Env, and tells it to whoever listens. */
export class EnvMonitor {
  readonly events: EventBatches
  readonly #requests = new StoreMetrics()
  readonly #limits: ConcurrencyLimit[] = []
  #fences = 0

  constructor(clock: Clock) {
    this.events = new EventBatches(clock)
  }

  request(request: StoreRequest): void {
    this.#requests.record(request)
    this.#emit('request', request)
  }

  /** A store was opened that has this limit. */
  limit(limit: ConcurrencyLimit): void {
    this.#limits.push(limit)
  }

  fence(fence: DatabaseFence): void {
    this.#fences += 1
    this.#emit('fence', fence)
  }

  metrics(cache: CacheMetrics, uploads: UploadMetrics): CloudEnvMetrics {
    const store = this.#requests.snapshot()
    return {
      store,
      requestCostUsd: requestCostUsd(store),
      throttling: throttlingOf(this.#limits),
      cache,
      uploads,
      fences: this.#fences,
    }
  }

  #emit<Name extends keyof CloudEnvEvents>(name: Name, event: CloudEnvEvents[Name]): void {
    this.events.emit(name, event)
  }
}

function throttlingOf(limits: readonly ConcurrencyLimit[]): ThrottlingMetrics {
  const lowest = Math.min(...limits.map(({ limit }) => limit))
  return {
    concurrencyLimit: Number.isFinite(lowest) ? lowest : undefined,
    waitingRequests: limits.reduce((sum, { waiting }) => sum + waiting, 0),
  }
}

/** @param nowMs by the clock that gave the files their times. */
export function uploadMetrics(files: readonly StoredFile[], nowMs: number): UploadMetrics {
  const oldest = Math.min(nowMs, ...files.map(({ modified }) => modified.getTime()))
  return {
    pending: files.length,
    pendingBytes: files.reduce((sum, { size }) => sum + size, 0),
    oldestMs: nowMs - oldest,
  }
}
