import type { Manifest } from '../format/manifest.js'

/** What a column family is called. A table may be of one that the MANIFEST does not name: that has its number then. */
export function familyName({ columnFamilies }: Manifest, id: number): string {
  return columnFamilies.get(id)?.name ?? String(id)
}
