import { EnvError } from '../env/env-error.js'
import { missingManifestMessage } from './repair-advice.js'

export { bringBack } from './repair-advice.js'

/** A problem of a database in a bucket. */
export interface Problem {
  /** Stable, for programs. */
  readonly code: ProblemCode
  /** URL of the object that is wrong or missing. */
  readonly object: string
  /** Description of the problem and its remedy. Names in it come from the bucket: escape it before printing. */
  readonly message: string
  /** Keys that it affects, if known. */
  readonly range?: UserKeyRange
}

export type ProblemCode =
  /** The database needs the object, but it is not there. */
  | 'missing'
  /** Its size differs from the one in the MANIFEST. */
  | 'wrongSize'
  /** Its bytes are not what its name says. */
  | 'corrupt'
  /** Its version, or something in it, is unknown here. */
  | 'unsupported'
  /** A table is missing, but one of that number and size exists under the name of another epoch. */
  | 'wrongEpoch'
  /** The MANIFEST was written before the CLOUDMANIFEST that names it, and knows less. */
  | 'staleManifest'
  /** IDENTITY and the MANIFEST name different databases. */
  | 'identity'
  /** The MANIFEST has a live table whose number it has not assigned yet. */
  | 'fileNumber'
  /** The MANIFEST has a table with a write that is newer than the newest of the database. */
  | 'sequence'
  /** The MANIFEST gives a table a largest key below its smallest. */
  | 'keyOrder'
  /** The MANIFEST has two tables that share keys in one level below level 0. */
  | 'overlap'
  /** It has the contents of another table or blob file. */
  | 'swapped'
  /** It is the right table, but describes itself differently than the MANIFEST does. */
  | 'mismatch'

/** User keys, both inclusive. */
export interface UserKeyRange {
  /** Name of the column family. */
  readonly columnFamily: string
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/**
 * Problem of a state's object that could not be decoded.
 * @throws any other error.
 */
export function decodingProblem(error: unknown, object: string): Problem {
  if (EnvError.is(error, 'Corruption'))
    return {
      code: 'corrupt',
      object,
      message: `${error.message}. Bring an earlier version of the object back`,
    }
  if (EnvError.is(error, 'NotSupported')) return { code: 'unsupported', object, message: error.message }
  throw error
}

/** Problem of a missing MANIFEST. Both are URLs. */
export function missingManifest(manifest: string, cloudManifest: string): Problem {
  return { code: 'missing', object: manifest, message: missingManifestMessage(manifest, cloudManifest) }
}
