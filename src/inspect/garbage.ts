/** What no state of the database leads to. */
export interface Garbage {
  readonly kind: 'garbage'
  readonly reason: GarbageReason
  /** It was needed, or could have been, until some moment between these two. */
  readonly since: {
    /** When it was written. */
    readonly notBefore: Date
    /** By then it was garbage; undefined where that cannot be told. */
    readonly notAfter: Date | undefined
  }
  /**
   * Who deletes it: `owner`, by itself, while it has the database open for writing or when it opens it next, after
   * the delay that readers of an older state are given; or nobody before `people` decide.
   */
  readonly deletedBy: 'owner' | 'people'
}

export type GarbageReason =
  /** A table or blob file that the MANIFEST has dropped, or that was written in a past epoch and is not in it. */
  | 'unreferenced'
  /** A table or blob file of the present epoch that never was in the MANIFEST: on its way there, or left by a failure. */
  | 'uncommitted'
  /** A table or blob file to which no epoch leads: written by an owner who had been displaced, and never committed. */
  | 'invisible'
  /** The MANIFEST of an epoch that is no CLOUDMANIFEST's present one. */
  | 'pastManifest'
  /** Left by a check of the store's conditional writes that was interrupted. */
  | 'probe'
  /** Something of a database whose CLOUDMANIFEST is not there: destroyed, or never completed. */
  | 'noDatabase'
