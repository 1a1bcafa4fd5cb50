import { once } from 'node:events'
import type { StoreOperation } from '../dist/index.js'
import { withProxy } from './with-proxy.js'

// Seen from build/bench, where this runs.
const built = new URL('../../dist/store/request-price.js', import.meta.url).href
const { requestCostUsd } = (await import(built)) as typeof import('../dist/store/request-price.js')

/** Requests and bytes that went to a store and came back, counted on the wire, whoever the client is. */
export interface Traffic {
  readonly requests: Readonly<Record<StoreOperation, number>>
  /** Bytes of bodies that went to the store. */
  readonly sentBytes: number
  /** Bytes of bodies that came from the store. */
  readonly receivedBytes: number
}

export interface CountedStore {
  readonly endpoint: string
  /** Since it was started. */
  traffic(): Promise<Traffic>
}

/** Does the work with an endpoint that leads to the server, counts, and is so far away. */
export async function withCountedStore<T>(
  serverEndpoint: string,
  latencyMs: number,
  work: (store: CountedStore) => Promise<T>,
): Promise<T> {
  return await withProxy('counting-proxy.js', serverEndpoint, latencyMs, (endpoint, proxy) =>
    work({
      endpoint,
      async traffic() {
        const answer = once(proxy, 'message')
        proxy.send('traffic')
        return ((await answer) as [Traffic])[0]
      },
    }),
  )
}

export function difference(after: Traffic, before: Traffic): Traffic {
  const operations = Object.keys(after.requests) as StoreOperation[]
  const requests = operations.map((name) => [name, after.requests[name] - before.requests[name]])
  return {
    requests: Object.fromEntries(requests) as Record<StoreOperation, number>,
    sentBytes: after.sentBytes - before.sentBytes,
    receivedBytes: after.receivedBytes - before.receivedBytes,
  }
}

export function requestCount({ requests }: Traffic): number {
  return Object.values(requests).reduce((sum, count) => sum + count)
}

/** US dollars at the list price of S3, by the table of prices that `env.metrics()` uses. */
export function costUsd({ requests }: Traffic): number {
  const counts = Object.entries(requests).map(([name, count]) => [name, { requests: count, errors: 0 }])
  return requestCostUsd(Object.fromEntries(counts))
}
