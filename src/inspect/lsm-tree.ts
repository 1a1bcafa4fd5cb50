import { grouped } from '../catalog/grouped.js'
import type { LiveFamily, LiveTable, Manifest } from '../catalog/manifest.js'
import { keyOrder } from '../format/key-order.js'

/** Tables of a column family, by level. */
export interface LsmTree {
  readonly columnFamily: LiveFamily
  /** Levels that have tables, from level 0 on. */
  readonly levels: readonly LsmLevel[]
  readonly tables: number
  /** Size as the MANIFEST counts it. */
  readonly bytes: number
  readonly blobFiles: number
  /** Bytes of the blobs in them, garbage included; the files are a little larger. */
  readonly blobBytes: number
}

export interface LsmLevel {
  readonly level: number
  readonly tables: number
  readonly bytes: number
  /** User keys between which all of the level lies; undefined if the order of the comparator is unknown here. */
  readonly range: { readonly smallest: Uint8Array; readonly largest: Uint8Array } | undefined
}

/** A tree for each column family, by id. Pure. */
export function lsmTrees({ columnFamilies, liveTables, liveBlobFiles }: Manifest): LsmTree[] {
  const tablesOf = grouped(liveTables.values(), ({ columnFamily }) => columnFamily)
  const blobFilesOf = grouped(liveBlobFiles.values(), ({ columnFamily }) => columnFamily)
  return [...columnFamilies.values()]
    .sort((a, b) => a.id - b.id)
    .map((columnFamily) => {
      const tables = tablesOf.get(columnFamily.id) ?? []
      const blobFiles = blobFilesOf.get(columnFamily.id) ?? []
      return {
        columnFamily,
        levels: [...grouped(tables, ({ level }) => level)]
          .sort(([a], [b]) => a - b)
          .map(([level, members]) => lsmLevel(level, members, columnFamily)),
        tables: tables.length,
        bytes: sumOf(tables, ({ size }) => size),
        blobFiles: blobFiles.length,
        blobBytes: sumOf(blobFiles, (file) => file.blobBytes),
      }
    })
}

function lsmLevel(level: number, tables: readonly LiveTable[], { comparator }: LiveFamily): LsmLevel {
  const order = keyOrder(comparator)
  const range = order && {
    smallest: tables
      .map(({ smallest }) => smallest.userKey)
      .reduce((least, key) => (order(key, least) < 0 ? key : least)),
    largest: tables
      .map(({ largest }) => largest.userKey)
      .reduce((most, key) => (order(key, most) > 0 ? key : most)),
  }
  return { level, tables: tables.length, bytes: sumOf(tables, ({ size }) => size), range }
}

function sumOf<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((sum, item) => sum + amount(item), 0)
}
