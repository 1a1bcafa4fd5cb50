/** Something that is wrong with a database in a bucket. */
export interface Problem {
  /** Stable, for programs. */
  readonly code: ProblemCode
  /** The URL of the object that is wrong, or missing. */
  readonly object: string
  /** What is wrong and what can be done about it. Names in it come from the bucket: escape it before it is printed. */
  readonly message: string
  /** The keys that it touches, where that is known. */
  readonly range?: KeyRange
}

export type ProblemCode =
  /** The object is not there, and the database needs it. */
  | 'missing'
  /** It has another size than the MANIFEST says. */
  | 'wrongSize'
  /** Its bytes cannot be what its name says. */
  | 'corrupt'

/** User keys, both inclusive. */
export interface KeyRange {
  /** By name. */
  readonly columnFamily: string
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}
