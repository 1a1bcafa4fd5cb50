import type { InspectOptions } from './store-options.js'
import { UsageError } from './usage-error.js'

/**
 * @throws UsageError a cookie comes with the URL of an object whose name says it all: no CLOUDMANIFEST is read for it.
 */
export function checkNoCookie({ cookie }: Pick<InspectOptions, 'cookie'>, objectUrl: string): void {
  if (cookie === undefined) return
  throw new UsageError(
    `--cookie is of no use with ${objectUrl}, which is one object whatever the cookie: leave it out`,
  )
}
