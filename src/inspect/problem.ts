export { bringBack } from '../cloud/repair-advice.js'

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
  /** It is of a version, or has something in it, that is unknown here. */
  | 'unsupported'
  /** A table is not there, and one of that number and size is, under the name of another epoch. */
  | 'wrongEpoch'
  /** The MANIFEST was written before the CLOUDMANIFEST that names it, and knows less. */
  | 'staleManifest'
  /** IDENTITY and the MANIFEST say that they are of different databases. */
  | 'identity'
  /** The MANIFEST says that a table is live whose number it has not given away yet. */
  | 'fileNumber'
  /** The MANIFEST says that a table has a write that is newer than the newest. */
  | 'sequence'
  /** The MANIFEST gives a table a largest key that is smaller than its smallest. */
  | 'keyOrder'
  /** The MANIFEST has two tables of one level, below level 0, share keys. */
  | 'overlap'
  /** It has the contents of another table, or of another blob file. */
  | 'swapped'
  /** It is the table that it should be, and says something else of itself than the MANIFEST. */
  | 'mismatch'

/** User keys, both inclusive. */
export interface KeyRange {
  /** By name. */
  readonly columnFamily: string
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}
