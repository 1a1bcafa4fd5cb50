import type { Manifest } from './manifest.js'

/** Facts about a column family that are needed before RocksDB can open it. */
export interface InheritedFamily {
  /** From the MANIFEST: escape it before it is printed. */
  readonly name: string
  /** RocksDB's name of it; undefined for the order of the bytes. */
  readonly comparator: string | undefined
  /** Number of levels down to the last one with tables. */
  readonly levels: number
}

export function inheritedFamilies({ columnFamilies, liveTables }: Manifest): InheritedFamily[] {
  const levels = new Map<number, number>()
  for (const { columnFamily, level } of liveTables.values())
    levels.set(columnFamily, Math.max(levels.get(columnFamily) ?? 0, level + 1))
  return [...columnFamilies.values()].map(({ id, name, comparator }) => ({
    name,
    comparator,
    levels: levels.get(id) ?? 0,
  }))
}
