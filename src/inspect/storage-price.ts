/** Price of keeping bytes in a store, and nothing else: no requests, no transfer, no versions that a bucket keeps. */
export interface StoragePrice {
  /** Name of the price, for people. */
  readonly name: string
  /**
   * Price tiers in ascending order: the price of a GB-month up to so many bytes, all databases of an account together.
   */
  readonly tiers: readonly PriceTier[]
}

export interface PriceTier {
  readonly upToBytes: number
  readonly usdPerGbMonth: number
}

/** A gigabyte of the price list: S3 counts in powers of two. */
const gigabyte = 2 ** 30
const terabyte = 2 ** 40

/** https://aws.amazon.com/s3/pricing/, US East (N. Virginia), as it was in March 2026. */
export const listPrice: StoragePrice = {
  name: 'S3 Standard in us-east-1, list price of March 2026',
  tiers: [
    { upToBytes: 50 * terabyte, usdPerGbMonth: 0.023 },
    { upToBytes: 500 * terabyte, usdPerGbMonth: 0.022 },
    { upToBytes: Number.POSITIVE_INFINITY, usdPerGbMonth: 0.021 },
  ],
}

/** A price that was agreed on individually. */
export function flatPrice(usdPerGbMonth: number): StoragePrice {
  return {
    name: `$${usdPerGbMonth} per GB-month`,
    tiers: [{ upToBytes: Number.POSITIVE_INFINITY, usdPerGbMonth }],
  }
}

/** US dollars for a month of so many bytes, as if the account stored nothing else. */
export function monthlyCost(bytes: number, { tiers }: StoragePrice): number {
  let cost = 0
  let from = 0
  for (const { upToBytes, usdPerGbMonth } of tiers) {
    cost += (Math.max(0, Math.min(bytes, upToBytes) - from) / gigabyte) * usdPerGbMonth
    from = upToBytes
  }
  return cost
}
