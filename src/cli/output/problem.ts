import type { Problem, ProblemCode } from '../../inspect/problem.js'
import { red } from './colour.js'
import { type JsonBytes, jsonBytes } from './json.js'
import { printable, printableMessage, shortened, shortenedBytes } from './text.js'

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

const shownKeyLength = 24
const shownFamilyLength = 24

/** The keys that it touches: `orders: a1 … b7`. */
export function problemKeys({ range }: Problem): string {
  if (!range) return ''
  const key = (bytes: Uint8Array) => shortenedBytes(bytes, shownKeyLength)
  const family = shortened(printable(range.columnFamily), shownFamilyLength)
  return `${family}: ${key(range.smallest)} … ${key(range.largest)}`
}
