import type { LiveTable, Manifest } from '../format/manifest.js'
import { familyName } from './family-name.js'
import type { KeyRange } from './problem.js'

/** The keys that the MANIFEST gives a table. */
export function tableRange(manifest: Manifest, { columnFamily, smallest, largest }: LiveTable): KeyRange {
  return {
    columnFamily: familyName(manifest, columnFamily),
    smallest: smallest.userKey,
    largest: largest.userKey,
  }
}
