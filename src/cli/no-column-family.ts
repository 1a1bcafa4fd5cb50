import { quoted } from '../inspect/quoted.js'
import { UsageError } from './usage-error.js'

/**
 * The error for a column family that is not there.
 * @param names of those that are.
 */
export function noColumnFamily(wanted: string, url: string, names: readonly string[]): UsageError {
  const named = names.slice(0, maxNamed).map(quoted).join(', ')
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : ''
  return new UsageError(`there is no column family ${quoted(wanted)} in ${url}, which has ${named}${more}`)
}

const maxNamed = 20
