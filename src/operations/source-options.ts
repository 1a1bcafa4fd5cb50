import type { StoreOptions } from '../store/registry.js'

/** The source of a clone, where more than its CLOUDMANIFEST is needed to find it. */
export interface SourceOptions {
  /** URL of the database that this one was cloned from, unless its CLOUDMANIFEST records that. */
  readonly source?: string
  /** How to reach the store of `source`, and of recorded sources on other servers. Default: as that of the clone. */
  readonly sourceStore?: StoreOptions
}
