import { type OpenMetricsContentType, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { CacheCounts } from '#src/cloud/cache-counts.js'
import { type CloudEnvMetrics, uploadMetrics } from '#src/cloud/env-metrics.js'
import { EnvMonitor } from '#src/cloud/env-monitor.js'
import { cloudEnv, RocksDB } from '#src/index.js'
import { registerPrometheus } from '#src/telemetry/prometheus.js'
import { Machine } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { mainTestStores } from '../support/test-stores.js'

const cache = {
  bytes: 1,
  maxBytes: 2,
  allowedBytes: 3,
  reserveBytes: 4,
  files: 5,
  pinnedBytes: 6,
  pinOverflowBytes: 7,
  ...new CacheCounts(),
}

const request = {
  operation: 'get',
  store: 's3://b',
  key: 'a',
  bytes: 10,
  startMs: 0,
  milliseconds: 3,
  attempt: 1,
  rangeBytes: 10,
  isHedge: false,
  outcome: 'ok',
  errorCode: undefined,
} as const

/** Metrics after three GETs, one of them repeated and one throttled. */
function someMetrics(): CloudEnvMetrics {
  const monitor = new EnvMonitor(new ManualClock())
  monitor.request(request)
  monitor.request({ ...request, attempt: 2, milliseconds: 1_500 })
  monitor.request({ ...request, bytes: 0, isHedge: true, outcome: 'throttled', milliseconds: 70_000 })
  return monitor.metrics(cache, uploadMetrics([], 0))
}

class FakeEnv {
  reads = 0
  readonly #metrics: () => Promise<CloudEnvMetrics | undefined>

  constructor(metrics: () => Promise<CloudEnvMetrics | undefined>) {
    this.#metrics = metrics
  }

  metrics(): Promise<CloudEnvMetrics | undefined> {
    this.reads += 1
    return this.#metrics()
  }
}

const linesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name))

test('counts of requests are counters by operation', async () => {
  const register = new Registry()
  registerPrometheus(new FakeEnv(async () => someMetrics()), { register })
  const text = await register.metrics()
  expect(text).toContain('# TYPE cloudenv_store_requests_total counter\n')
  expect(linesOf(text, 'cloudenv_store_requests_total{')).toEqual([
    'cloudenv_store_requests_total{operation="get"} 3',
    ...['head', 'put', 'list', 'delete', 'copy'].map(
      (operation) => `cloudenv_store_requests_total{operation="${operation}"} 0`,
    ),
  ])
  for (const [name, value] of [
    ['errors', 1],
    ['throttled', 1],
    ['retries', 1],
    ['hedges', 1],
    ['hedges_won', 0],
    ['hedge_bytes', 10],
    ['bytes', 20],
  ])
    expect(text).toContain(`cloudenv_store_${name}_total{operation="get"} ${value}\n`)
})

test('durations are a histogram in seconds, whose buckets are cumulative', async () => {
  const register = new Registry()
  registerPrometheus(new FakeEnv(async () => someMetrics()), { register })
  const lines = linesOf(await register.metrics(), 'cloudenv_store_request_duration_seconds')
  const ofGet = lines
    .filter((line) => line.includes('operation="get"'))
    .map((line) => line.slice('cloudenv_store_request_duration_seconds'.length))
  expect(ofGet).toHaveLength(18 + 2)
  expect(ofGet).toEqual(
    expect.arrayContaining([
      '_bucket{operation="get",le="0.002"} 0',
      '_bucket{operation="get",le="0.004"} 1',
      '_bucket{operation="get",le="1.024"} 1',
      '_bucket{operation="get",le="2.048"} 2',
      '_bucket{operation="get",le="65.536"} 2',
      '_bucket{operation="get",le="+Inf"} 3',
      '_sum{operation="get"} 71.503',
      '_count{operation="get"} 3',
    ]),
  )
})

test('a scrape asks the Env once, and each one anew', async () => {
  const register = new Registry()
  const env = new FakeEnv(async () => someMetrics())
  registerPrometheus(env, { register })
  await register.metrics()
  expect(env.reads).toBe(1)
  await register.getMetricsAsJSON()
  expect(env.reads).toBe(2)
})

test.each([
  ['does not run', async () => undefined],
  ['has lost its host', () => Promise.reject(new Error('the host of the Env is gone'))],
])('an Env that %s is down, and has no other value', async (_, metrics) => {
  const register = new Registry()
  registerPrometheus(new FakeEnv(metrics), { register })
  const values = (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(values).toEqual(['cloudenv_up 0'])
})

test('the limit on requests has a value only while the store throttles', async () => {
  const register = new Registry()
  let concurrencyLimit: number | undefined
  const metrics = async () => ({ ...someMetrics(), throttling: { concurrencyLimit, waitingRequests: 7 } })
  registerPrometheus(new FakeEnv(metrics), { register })
  expect(linesOf(await register.metrics(), 'cloudenv_store_concurrency_limit')).toEqual([])
  concurrencyLimit = 4
  expect(linesOf(await register.metrics(), 'cloudenv_store_concurrency_limit')).toEqual([
    'cloudenv_store_concurrency_limit 4',
  ])
})

test('the format OpenMetrics is served too', async () => {
  const register = new Registry<OpenMetricsContentType>()
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  registerPrometheus(new FakeEnv(async () => someMetrics()), { register })
  const text = await register.metrics()
  expect(text).toContain('# TYPE cloudenv_store_requests counter\n')
  expect(text).toContain('cloudenv_store_requests_total{operation="get"} 3\n')
  expect(text).not.toContain('total_total')
})

test('two Envs in one registry have a prefix each, and leave it when they are removed', async () => {
  const register = new Registry()
  const env = new FakeEnv(async () => someMetrics())
  const remove = registerPrometheus(env, { register })
  expect(() => registerPrometheus(env, { register })).toThrow('already been registered')
  registerPrometheus(env, { register, prefix: 'other_' })
  remove()
  const text = await register.metrics()
  expect(text).toContain('other_up 1\n')
  expect(text).not.toContain('cloudenv_')
})

test('the metrics of a running Env are those that it counts', async () => {
  const [store] = mainTestStores()
  const { options, path } = new Machine(store!.make())
  const env = cloudEnv(options)
  const register = new Registry()
  registerPrometheus(env, { register })
  const db = await RocksDB.open(path, { env })
  await db.put('key', 'value')
  await db.flush()
  const text = await register.metrics()
  const { store: counts, cache: held } = (await env.metrics())!
  expect(text).toContain('cloudenv_up 1\n')
  expect(text).toContain(`cloudenv_store_bytes_total{operation="put"} ${counts.put.bytes}\n`)
  expect(text).toContain(`cloudenv_cache_bytes ${held.bytes}\n`)
  await db.close()
  await env.close()
})
