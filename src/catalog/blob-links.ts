import type { LiveTable } from './manifest.js'

/** Counts the live tables that point to each blob file, while edits of a MANIFEST add and remove tables. */
export class BlobLinks {
  /** Number of tables, by column family and blob file. */
  readonly #counts = new Map<number, Map<number, number>>()

  count({ columnFamily, oldestBlobFile }: LiveTable, change: 1 | -1): void {
    if (oldestBlobFile === undefined) return
    const counts = this.#counts.get(columnFamily) ?? new Map<number, number>()
    this.#counts.set(columnFamily, counts)
    const tables = (counts.get(oldestBlobFile) ?? 0) + change
    if (tables === 0) counts.delete(oldestBlobFile)
    else counts.set(oldestBlobFile, tables)
  }

  /** Reports whether RocksDB would open the blob file. If not, it never will again. */
  isNeeded(
    number: number,
    columnFamily: number,
    manifest: { isGarbage(blobFile: number): boolean },
  ): boolean {
    const counts = this.#counts.get(columnFamily)
    if (!counts) return false
    if (counts.has(number)) return true
    if (manifest.isGarbage(number)) return false
    for (const linked of counts.keys()) if (linked <= number) return true
    return false
  }
}
