import type { Clock } from '../env/clock.js'
import type { LocalWritableFile } from '../env/env.js'
import { toEnvError } from '../env/env-error.js'
import type { ConcurrencyLimit } from '../store/concurrency-limit.js'
import { LatencyHistogram } from '../store/latency-histogram.js'
import { requestCostUsd } from '../store/request-price.js'
import { StoreMetrics } from '../store/store-metrics.js'
import type { StoreRequest } from '../store/store-request.js'
import type {
  CloudEnvEvents,
  DamageRefetch,
  DatabaseCommit,
  DatabaseFence,
  DatabaseMigration,
} from './env-events.js'
import type { CloudEnvMetrics, ThrottlingMetrics, UploadMetrics } from './env-metrics.js'
import { EventBatches } from './event-batches.js'
import type { CacheMetrics } from './file-cache.js'

/** Counts what happens in an Env, and tells it to whoever listens. */
export class EnvMonitor {
  readonly events: EventBatches
  readonly #clock: Clock
  readonly #requests = new StoreMetrics()
  readonly #limits: ConcurrencyLimit[] = []
  readonly #commitLatency = new LatencyHistogram()
  #commitErrors = 0
  #commitRetries = 0
  #damagedReads = 0
  #healedReads = 0
  #fences = 0

  constructor(clock: Clock) {
    this.#clock = clock
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

  migration(migration: DatabaseMigration): void {
    this.#emit('migration', migration)
  }

  fence(fence: DatabaseFence): void {
    this.#fences += 1
    this.#emit('fence', fence)
  }

  refetch(refetch: DamageRefetch): void {
    this.#damagedReads += 1
    if (refetch.isHealed) this.#healedReads += 1
    this.#emit('refetch', refetch)
  }

  /** Makes each sync of a MANIFEST count as a commit of the database in `directory`. */
  watchCommits(directory: string, manifest: LocalWritableFile): LocalWritableFile {
    const { synced } = manifest
    if (!synced) return manifest
    let failures = 0
    return {
      ...manifest,
      synced: async (size) => {
        const start = this.#clock.elapsed()
        const report = (outcome: Pick<DatabaseCommit, 'errorCode' | 'errorMessage'>) => {
          const milliseconds = this.#clock.elapsed() - start
          this.#commit({ directory, milliseconds, attempt: failures + 1, ...outcome })
        }
        try {
          await synced(size)
          report({ errorCode: undefined, errorMessage: undefined })
          failures = 0
        } catch (error) {
          const { code, message } = toEnvError(error, `can't commit ${directory}`)
          report({ errorCode: code, errorMessage: message })
          failures += 1
          throw error
        }
      },
    }
  }

  metrics(cache: CacheMetrics, uploads: UploadMetrics): CloudEnvMetrics {
    const store = this.#requests.snapshot()
    return {
      store,
      requestCostUsd: requestCostUsd(store),
      throttling: throttlingOf(this.#limits),
      cache,
      uploads,
      commits: {
        latency: this.#commitLatency.snapshot(),
        errors: this.#commitErrors,
        retries: this.#commitRetries,
      },
      damagedReads: this.#damagedReads,
      healedReads: this.#healedReads,
      fences: this.#fences,
    }
  }

  #commit(commit: DatabaseCommit): void {
    if (commit.errorCode === undefined) this.#commitLatency.record(commit.milliseconds)
    else this.#commitErrors += 1
    if (commit.attempt > 1) this.#commitRetries += 1
    this.#emit('commit', commit)
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
