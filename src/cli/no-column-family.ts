import { isText } from '../format/exact-text.js'
import { quoted } from '../format/quoted.js'
import { printable } from '../inspect/printable.js'
import { UsageError } from './usage-error.js'

/**
 * Error for a column family that does not exist, or whose name no command line can have.
 * @param names of those that exist.
 */
export function noColumnFamily(wanted: string, url: string, names: readonly string[]): UsageError {
  if (names.some((name) => !isText(name) && printable(name) === wanted))
    return new UsageError(
      `the name of column family ${wanted} in ${url} is not UTF-8, and so cannot be given: its keys cannot be read here, ` +
        'and "cloudenv tables" without "--column-family" lists its tables with the others',
    )
  const named = names.slice(0, maxNamed).map(quoted).join(', ')
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : ''
  return new UsageError(`there is no column family ${quoted(wanted)} in ${url}, which has ${named}${more}`)
}

const maxNamed = 20
