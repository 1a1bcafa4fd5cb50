import type { Problem, ProblemCode } from '../../inspect/problem.js'
import { red } from './colour.js'
import { type JsonBytes, jsonBytes } from './json.js'
import { counted, printable, printableMessage, shortened, shortenedBytes } from './text.js'

/** Something that is wrong with a database. */
export interface JsonProblem {
  readonly code: ProblemCode
  /** The URL of the object that is wrong, or missing. */
  readonly object: string
  /** What is wrong, and what can be done about it. For people, not to be parsed. */
  readonly message: string
  /** The keys that it touches, both inclusive; left out where that is not known. */
  readonly range?: {
    readonly columnFamily: string
    readonly smallest: JsonBytes
    readonly largest: JsonBytes
  }
}

export function jsonProblem({ code, object, message, range }: Problem): JsonProblem {
  return {
    code,
    object,
    message,
    ...(range && {
      range: {
        columnFamily: range.columnFamily,
        smallest: jsonBytes(range.smallest),
        largest: jsonBytes(range.largest),
      },
    }),
  }
}

/** The message, with objects of the database at this URL under their names alone. */
export function problemText({ message }: Problem, url: string): string {
  return printableMessage(message.replaceAll(`${url}/`, ''))
}

/** A problem on a line of its own, behind what kind of problem it is: `corrupt: …`. */
export function problemLine({ code, message }: Pick<Problem, 'code' | 'message'>): string {
  return `${red(`${code}:`)} ${printableMessage(message)}`
}

/** Who wants all of them reads --json, or runs verify. */
const maxLines = 20

/** A line for each of the first problems, and one that counts the others. */
export function problemLines<P>(problems: readonly P[], lineOf: (problem: P) => string): string[] {
  const further = problems.length - maxLines
  const lines = problems.slice(0, maxLines).map(lineOf)
  return further > 0 ? [...lines, `and ${counted(further, 'problem')} more`] : lines
}

const shownKeyLength = 24
const shownFamilyLength = 24

/** The keys that it touches: `orders: a1 … b7`. */
export function problemKeys({ range }: Problem): string {
  if (!range) return ''
  const key = (bytes: Uint8Array) => shortenedBytes(bytes, shownKeyLength)
  const family = shortened(printable(range.columnFamily), shownFamilyLength)
  return `${family}: ${key(range.smallest)} … ${key(range.largest)}`
}
