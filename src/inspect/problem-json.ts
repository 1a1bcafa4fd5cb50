import type { Problem, ProblemCode } from '../catalog/problem.js'
import { type JsonBytes, jsonBytes } from './json-bytes.js'

/** A problem of a database. */
export interface JsonProblem {
  readonly code: ProblemCode
  /** URL of the object that is wrong or missing. */
  readonly object: string
  /** Description of the problem and its remedy. For people, not for parsing. */
  readonly message: string
  /** Keys that it affects, both inclusive; left out if unknown. */
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
