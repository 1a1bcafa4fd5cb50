/** Advice against damage that errors and `cloudenv verify` both find. */

/** Advice for an object that is missing or has changed. */
export const bringBack = 'Bring the object back, for example from an earlier version'

/** Message about a missing MANIFEST, with advice. Both are URLs. */
export function missingManifestMessage(manifest: string, cloudManifest: string): string {
  return (
    `${manifest} is missing, and ${cloudManifest} names it as the database's MANIFEST. ` +
    'Bring that object back, or an earlier version of the CLOUDMANIFEST'
  )
}

/** Message about a table whose object is damaged, not just its local copy. Both are URLs. */
export function damagedInStoreMessage(object: string, database: string): string {
  return (
    `${object} was fetched again and is damaged in the store. ${bringBack}; "cloudenv verify ${database}" tells what else ` +
    'is damaged'
  )
}

/** Message about a local file that was damaged before it reached the store. */
export function onlyCopyMessage(path: string): string {
  return (
    `${path} is not in the store yet, so there is no other copy to read. Check the disk, then open the database again: what ` +
    'was not flushed is still in the write-ahead log, and what was compacted is still in the tables before'
  )
}

/** Message that refuses RocksDB's own repair. */
export function noRepairMessage(database: string): string {
  return (
    "RocksDB's repair begins with an empty MANIFEST, by which every table of " +
    `${database} would be obsolete. Nothing was changed there. "cloudenv verify ${database}" tells what is damaged and how to ` +
    'mend it'
  )
}

/** Message about a database that is being removed from the store, with advice if nobody continues that. */
export function beingDestroyedMessage(url: string): string {
  return (
    `${url} is being destroyed: wait until nothing is left of it. Where the process that did so is gone, destroy it again from ` +
    `the same directory; or, if that is lost too, "cloudenv gc ${url} --delete" finishes it after a day`
  )
}

/** Message about a place where clones still need tables of a database that was destroyed. */
export function cededMessage(url: string): string {
  return (
    `${url} was destroyed, and what is left there is needed by clones, until they are destroyed or stand alone ` +
    `("cloudenv savepoint"), or a clone itself, whose source could not be reached. "cloudenv gc ${url} --delete" removes the ` +
    'rest then. A new database may be made there at any time'
  )
}
