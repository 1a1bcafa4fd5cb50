import { UsageError } from './usage-error.js'

/**
 * Turns errors from parsing an option into wrong use. Anywhere else, a TypeError or a RangeError is a mistake of ours.
 */
export function asUsage<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}
