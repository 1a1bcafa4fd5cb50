import { familyName } from './family-name.js'
import type { LiveTable, Manifest } from './manifest.js'
import type { UserKeyRange } from './problem.js'

/** Keys that the MANIFEST gives a table. */
export function tableRange(manifest: Manifest, { columnFamily, smallest, largest }: LiveTable): UserKeyRange {
  return {
    columnFamily: familyName(manifest, columnFamily),
    smallest: smallest.userKey,
    largest: largest.userKey,
  }
}
