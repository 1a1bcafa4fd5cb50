import { expect, test } from 'vitest'
import { LatencyHistogram } from '#src/store/latency-histogram.js'

/** The bucket that a time falls into, by its bound. */
function boundOf(ms: number): number | undefined {
  const histogram = new LatencyHistogram()
  histogram.record(ms)
  const { boundsMs, counts } = histogram.snapshot()
  expect(counts).toHaveLength(boundsMs.length + 1)
  return boundsMs[counts.indexOf(1)]
}

test.each([
  [0, 1],
  [0.2, 1],
  [1, 1],
  [1.000001, 2],
  [2, 2],
  [3, 4],
  [65_536, 65_536],
  [65_537, undefined],
  [1e9, undefined],
])('%f ms lie at or below the bound %i, and above the one before', (ms, bound) => {
  expect(boundOf(ms)).toBe(bound)
})

test('a snapshot has all times, and does not change any more', () => {
  const histogram = new LatencyHistogram()
  histogram.record(0.5)
  histogram.record(3)
  const snapshot = histogram.snapshot()
  histogram.record(100)
  expect(snapshot.sumMs).toBe(3.5)
  expect(snapshot.counts.reduce((sum, count) => sum + count)).toBe(2)
})
