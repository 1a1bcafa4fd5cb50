import type { Manifest } from './manifest.js'

/** Name of a column family, or its number if the MANIFEST does not name it: a table may belong to such a family. */
export function familyName({ columnFamilies }: Manifest, id: number): string {
  return columnFamilies.get(id)?.name ?? String(id)
}
