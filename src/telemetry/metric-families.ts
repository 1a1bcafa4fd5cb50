import type { CloudEnvMetrics } from '../cloud/env-metrics.js'
import type { LatencyMetrics } from '../store/latency-histogram.js'
import type { OperationMetrics } from '../store/store-metrics.js'
import { type StoreOperation, storeOperations } from '../store/store-request.js'

/** One value of a metric. */
export interface Sample {
  readonly value: number
  readonly labels?: Readonly<Record<string, string>>
  /** Suffix of the metric's name, for the parts of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
}

/** A metric, in the terms of Prometheus. */
export interface Family {
  /** Without the prefix. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** @param metrics undefined while the Env does not run. */
  readonly samples: (metrics: CloudEnvMetrics | undefined) => readonly Sample[]
}

type Value = (metrics: CloudEnvMetrics) => number | undefined

const family = (type: Family['type']) => (name: string, help: string, read: Value) => ({
  name,
  help,
  type,
  samples(metrics: CloudEnvMetrics | undefined): readonly Sample[] {
    const value = metrics && read(metrics)
    return value === undefined ? [] : [{ value }]
  },
})

const counter = family('counter')
const gauge = family('gauge')

/** A metric with samples for each operation of a store. */
function byOperation(
  type: Family['type'],
  name: string,
  help: string,
  samplesOf: (metrics: OperationMetrics) => readonly Sample[],
): Family {
  const ofOperation = (metrics: CloudEnvMetrics, operation: StoreOperation) =>
    samplesOf(metrics.store[operation]).map((sample) => ({
      ...sample,
      labels: { operation, ...sample.labels },
    }))
  const samples: Family['samples'] = (metrics) =>
    metrics ? storeOperations.flatMap((operation) => ofOperation(metrics, operation)) : []
  return { name, help, type, samples }
}

const requestCounter = (name: string, help: string, read: (metrics: OperationMetrics) => number) =>
  byOperation('counter', name, help, (metrics) => [{ value: read(metrics) }])

/** Buckets are cumulative there. */
function histogramOf(latency: LatencyMetrics): readonly Sample[] {
  let sum = 0
  const buckets = latency.boundsMs.map((boundMs, at): Sample => {
    sum += latency.counts[at]!
    return { value: sum, labels: { le: String(boundMs / 1000) }, suffix: '_bucket' }
  })
  const count = sum + latency.counts.at(-1)!
  return [
    ...buckets,
    { value: count, labels: { le: '+Inf' }, suffix: '_bucket' },
    { value: latency.sumMs / 1000, suffix: '_sum' },
    { value: count, suffix: '_count' },
  ]
}

/** Every metric of an Env. docs/guides/monitoring.md describes them. */
export const families: readonly Family[] = [
  {
    name: 'up',
    help: 'Whether the Env runs: 1 or 0',
    type: 'gauge',
    samples: (metrics) => [{ value: metrics ? 1 : 0 }],
  },
  requestCounter('store_requests_total', 'Requests to the store that have ended', (of) => of.requests),
  requestCounter('store_errors_total', 'Requests that failed or were throttled', (of) => of.errors),
  requestCounter('store_throttled_total', 'Requests that the store throttled', (of) => of.throttled),
  requestCounter('store_retries_total', 'Requests that repeated a failed one', (of) => of.retries),
  requestCounter('store_hedges_total', 'Requests sent beside one without an answer', (of) => of.hedges),
  requestCounter('store_hedges_won_total', 'Hedges that were answered first', (of) => of.hedgesWon),
  requestCounter('store_hedge_bytes_total', 'Bytes that hedges asked for', (of) => of.hedgeBytes),
  requestCounter('store_bytes_total', 'Bytes of objects sent or received', (of) => of.bytes),
  byOperation(
    'histogram',
    'store_request_duration_seconds',
    'Time from a request to the end of its answer',
    (of) => histogramOf(of.latency),
  ),
  counter(
    'store_request_cost_dollars_total',
    'What the requests cost at the list price of S3 in us-east-1',
    (of) => of.requestCostUsd,
  ),
  gauge(
    'store_concurrency_limit',
    'Requests allowed at a time; none while the store does not throttle',
    (of) => of.throttling.concurrencyLimit,
  ),
  gauge(
    'store_waiting_requests',
    'Requests that wait because the store throttles',
    (of) => of.throttling.waitingRequests,
  ),
  gauge('cache_bytes', 'Bytes of tables on the local disk', (of) => of.cache.bytes),
  gauge('cache_max_bytes', 'Configured bound of the cache', (of) => of.cache.maxBytes),
  gauge('cache_allowed_bytes', 'Bound that the disk leaves', (of) => of.cache.allowedBytes),
  gauge('cache_reserve_bytes', 'Bytes of the disk that the cache leaves free', (of) => of.cache.reserveBytes),
  gauge('cache_pinned_bytes', 'Bytes of the tables that stay', (of) => of.cache.pinnedBytes),
  gauge(
    'cache_pin_overflow_bytes',
    'Bytes of tables in pinned levels without room among those that stay',
    (of) => of.cache.pinOverflowBytes,
  ),
  gauge('cache_files', 'Tables of which something is cached', (of) => of.cache.files),
  counter('cache_openings_total', 'Openings of tables', (of) => of.cache.openings),
  counter(
    'cache_warm_openings_total',
    'Openings of tables of which something was cached',
    (of) => of.cache.warmOpenings,
  ),
  counter(
    'cache_hits_total',
    'Reads that asked the Env and found their range cached by then',
    (of) => of.cache.hits,
  ),
  counter('cache_misses_total', 'Reads that waited for the store', (of) => of.cache.misses),
  counter('cache_fetched_chunks_total', 'Chunks fetched from the store', (of) => of.cache.fetchedChunks),
  counter('cache_fetched_bytes_total', 'Bytes fetched from the store', (of) => of.cache.fetchedBytes),
  counter(
    'cache_read_ahead_bytes_total',
    'Bytes fetched before they were read',
    (of) => of.cache.readAheadBytes,
  ),
  counter(
    'cache_wasted_read_ahead_bytes_total',
    'Bytes read ahead and evicted before the next read that asked, at most',
    (of) => of.cache.wastedReadAheadBytes,
  ),
  counter('cache_evicted_files_total', 'Tables evicted', (of) => of.cache.evictedFiles),
  counter('cache_evicted_bytes_total', 'Bytes evicted', (of) => of.cache.evictedBytes),
  gauge('uploads_pending', 'Tables that are not in the store yet', (of) => of.uploads.pending),
  gauge('uploads_pending_bytes', 'Bytes of these tables', (of) => of.uploads.pendingBytes),
  gauge('uploads_oldest_seconds', 'Age of the oldest of these tables', (of) => of.uploads.oldestMs / 1000),
  {
    name: 'commit_duration_seconds',
    help: 'Time of a commit that succeeded, with the wait for its tables',
    type: 'histogram',
    samples: (metrics) => (metrics ? histogramOf(metrics.commits.latency) : []),
  },
  counter('commit_errors_total', 'Commits that failed', (of) => of.commits.errors),
  counter('commit_retries_total', 'Commits that repeated a failed one', (of) => of.commits.retries),
  counter('damaged_reads_total', 'Reads that met damage, fetched again', (of) => of.damagedReads),
  counter('healed_reads_total', 'Damaged reads that the store had other bytes for', (of) => of.healedReads),
  counter('fences_total', 'Databases that turned out to belong to somebody else', (of) => of.fences),
]
