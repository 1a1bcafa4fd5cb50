import { ConcurrencyLimit, yielding } from './concurrency-limit.js'
import { hedging } from './hedging.js'
import { limiting, type RequestLimits } from './request-deadline.js'
import { explaining, type Send } from './send.js'
import { observing, type RequestListener } from './store-request.js'

export interface AttemptingOptions extends RequestLimits {
  readonly onRequest: RequestListener | undefined
  /** Called once, with the limit of this store, for a look at it now and then. */
  readonly onLimit?: ((limit: ConcurrencyLimit) => void) | undefined
  /** See `S3Connection`. */
  readonly hedgeAfterMs: number | undefined
}

/** Everything around an attempt at a store over a network. {@link Send} has the order of the wrappers. */
export function attempting(options: AttemptingOptions): Send {
  const { clock, onLimit, hedgeAfterMs: afterMs } = options
  const limit = new ConcurrencyLimit(clock)
  onLimit?.(limit)
  const once = yielding({ clock, limit }, observing(options, explaining(limiting(options))))
  return afterMs === undefined ? once : hedging({ clock, limit, afterMs }, once)
}
