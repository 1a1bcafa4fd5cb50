import { beforeEach, expect, test } from 'vitest'
import { CacheCounts } from '#src/cloud/cache-counts.js'
import { uploadMetrics } from '#src/cloud/env-metrics.js'
import { EnvMonitor } from '#src/cloud/env-monitor.js'
import type { LocalWritableFile } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { ManualClock } from '../support/manual-clock.js'

const cache = {
  bytes: 0,
  maxBytes: 0,
  allowedBytes: 0,
  reserveBytes: 0,
  files: 0,
  pinnedBytes: 0,
  pinOverflowBytes: 0,
  ...new CacheCounts(),
}

let clock: ManualClock
let monitor: EnvMonitor
let events: unknown[]

beforeEach(() => {
  clock = new ManualClock()
  monitor = new EnvMonitor(clock)
  events = []
  monitor.events.listen(['commit', 'refetch', 'fence'], (batch) => events.push(...batch))
})

const metrics = () => monitor.metrics(cache, uploadMetrics([], 0))

/** What was told since the last call. */
function told(): unknown[] {
  monitor.events.flush()
  return events.splice(0)
}

/** A MANIFEST whose syncs take so many milliseconds each, and fail if that is negative. */
function manifest(...durations: number[]): LocalWritableFile {
  return monitor.watchCommits('/data/db', {
    kind: 'local',
    path: '/data/db/MANIFEST-000005',
    async synced() {
      const ms = durations.shift()!
      clock.advance(Math.abs(ms))
      if (ms < 0) throw new EnvError('IOError', 'the store is away', { retryable: true })
    },
  })
}

test('each sync of a MANIFEST is a commit, and tells how long it took', async () => {
  const { path, synced } = manifest(12, 700)
  expect(path).toBe('/data/db/MANIFEST-000005')
  await synced!(100)
  await synced!(200)
  const commit = { directory: '/data/db', attempt: 1, errorCode: undefined, errorMessage: undefined }
  expect(told()).toEqual([
    { name: 'commit', value: { ...commit, milliseconds: 12 } },
    { name: 'commit', value: { ...commit, milliseconds: 700 } },
  ])
  expect(metrics().commits).toMatchObject({ latency: { sumMs: 712 }, errors: 0, retries: 0 })
})

test('a commit that is repeated until it succeeds tells each attempt, and the next one begins anew', async () => {
  const { synced } = manifest(-5, -6, 7, 8)
  for (let attempt = 1; attempt <= 2; attempt++)
    await expect(synced!(100)).rejects.toThrow('the store is away')
  await synced!(100)
  await synced!(100)
  expect(told()).toMatchObject([
    { value: { milliseconds: 5, attempt: 1, errorCode: 'IOError', errorMessage: 'the store is away' } },
    { value: { milliseconds: 6, attempt: 2, errorCode: 'IOError' } },
    { value: { milliseconds: 7, attempt: 3, errorCode: undefined } },
    { value: { milliseconds: 8, attempt: 1, errorCode: undefined } },
  ])
  const { latency, errors, retries } = metrics().commits
  expect(latency.counts.reduce((sum, count) => sum + count)).toBe(2)
  expect({ errors, retries }).toEqual({ errors: 2, retries: 2 })
})

test('a MANIFEST whose syncs nobody waits for stays as it is', () => {
  const plain: LocalWritableFile = { kind: 'local', path: '/data/db/MANIFEST-000005' }
  expect(monitor.watchCommits('/data/db', plain)).toBe(plain)
})

test('damage that was fetched again is counted, and whether that healed it', () => {
  monitor.refetch({ path: '/data/db/000009.sst', isHealed: true })
  monitor.refetch({ path: '/data/db/000010.sst', isHealed: false })
  expect(metrics()).toMatchObject({ damagedReads: 2, healedReads: 1 })
  expect(told()).toEqual([
    { name: 'refetch', value: { path: '/data/db/000009.sst', isHealed: true } },
    { name: 'refetch', value: { path: '/data/db/000010.sst', isHealed: false } },
  ])
})
