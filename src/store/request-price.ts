import type { StoreCounts } from './store-metrics.js'
import type { StoreOperation } from './store-request.js'

/** https://aws.amazon.com/s3/pricing/, S3 Standard in US East (N. Virginia), as it was in March 2026. */
const usdPerThousand: Readonly<Record<StoreOperation, number>> = {
  put: 0.005,
  copy: 0.005,
  list: 0.005,
  get: 0.0004,
  head: 0.0004,
  delete: 0,
}

/**
 * Cost of requests to S3 at its list price, without transfer and storage. Failed ones are left out: S3 bills hardly
 * any of them.
 */
export function requestCostUsd(counts: StoreCounts): number {
  let usd = 0
  for (const operation of Object.keys(usdPerThousand) as StoreOperation[]) {
    const { requests, errors } = counts[operation]
    usd += ((requests - errors) / 1000) * usdPerThousand[operation]
  }
  return usd
}
