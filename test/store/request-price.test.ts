import { expect, test } from 'vitest'
import { requestCostUsd } from '#src/store/request-price.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import type { RequestOutcome, StoreOperation } from '#src/store/store-request.js'

const request = {
  store: 's3://b',
  key: 'a',
  bytes: 0,
  startMs: 0,
  milliseconds: 1,
  attempt: 1,
  rangeBytes: undefined,
  isHedge: false,
  errorCode: undefined,
}

function costOf(operation: StoreOperation, outcome: RequestOutcome = 'ok'): number {
  const metrics = new StoreMetrics()
  for (let requests = 0; requests < 1_000_000; requests++) metrics.record({ ...request, operation, outcome })
  return requestCostUsd(metrics.snapshot())
}

test.each([
  ['put', 5],
  ['copy', 5],
  ['list', 5],
  ['get', 0.4],
  ['head', 0.4],
  ['delete', 0],
] as const)('a million requests of the kind %s cost $%f', (operation, usd) => {
  expect(costOf(operation)).toBeCloseTo(usd, 9)
})

test('an object that is not there costs what a request costs, and a failure nothing', () => {
  expect(costOf('head', 'expected')).toBeCloseTo(0.4, 9)
  expect(costOf('put', 'throttled')).toBe(0)
  expect(costOf('put', 'failed')).toBe(0)
})
