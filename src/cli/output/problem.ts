import type { Problem } from '../../catalog/problem.js'
import { printable, printableMessage, shortened, shortenedBytes } from '../../inspect/printable.js'
import { red } from './colour.js'
import { counted } from './text.js'

/** The message, with objects of the database at this URL shortened to their names. */
export function problemText({ message }: Problem, url: string): string {
  return printableMessage(message.replaceAll(`${url}/`, ''))
}

/** A problem on a line of its own, after its kind: `corrupt: …`. */
export function problemLine({ code, message }: Pick<Problem, 'code' | 'message'>): string {
  return `${red(`${code}:`)} ${printableMessage(message)}`
}

/** Limit on lines. Users who want all of them use --json, or run verify. */
const maxLines = 20

/** One line for each of the first problems, and one that counts the others. */
export function problemLines<P>(problems: readonly P[], lineOf: (problem: P) => string): string[] {
  const further = problems.length - maxLines
  const lines = problems.slice(0, maxLines).map(lineOf)
  return further > 0 ? [...lines, `and ${counted(further, 'problem')} more`] : lines
}

const shownKeyLength = 24
const shownFamilyLength = 24

/** Keys that the problem affects: `orders: a1 … b7`. */
export function problemKeys({ range }: Problem): string {
  if (!range) return ''
  const key = (bytes: Uint8Array) => shortenedBytes(bytes, shownKeyLength)
  const family = shortened(printable(range.columnFamily), shownFamilyLength)
  return `${family}: ${key(range.smallest)} … ${key(range.largest)}`
}
