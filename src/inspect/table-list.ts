/** Selects the tables of a state to show, and their order. Pure. */

import { familyName } from '../catalog/family-name.js'
import type { LiveTable, Manifest } from '../catalog/manifest.js'
import { newestFirst } from '../catalog/newest-first.js'
import type { SurveyedState, SurveyedTable } from '../catalog/survey.js'
import { dateOfSeconds } from '../format/date-of-seconds.js'
import { keyOrder } from '../format/key-order.js'

export interface ListedTable extends SurveyedTable {
  readonly columnFamily: string
  /** Time of creation in the MANIFEST, else the time when its object was written. */
  readonly created: Date | undefined
}

export interface TableFilter {
  readonly level?: number
  /** Name of the column family. */
  readonly columnFamily?: string
  /** User key that the ranges of the tables must hold. Tables in an unknown order of keys may all hold it. */
  readonly key?: Uint8Array
}

/** Tables that pass, in the order of the tree: by column family and level, then as they are read. */
export function listTables({ manifest, tables }: SurveyedState, filter: TableFilter): ListedTable[] {
  if (!manifest) return []
  return tables
    .map((table) => listedTable(table, manifest))
    .filter((listed) => passes(listed, filter, manifest))
    .sort((a, b) => treeOrder(a.table, b.table, manifest))
}

function listedTable(surveyed: SurveyedTable, manifest: Manifest): ListedTable {
  const { table, stored } = surveyed
  return {
    ...surveyed,
    columnFamily: familyName(manifest, table.columnFamily),
    created: dateOfSeconds(table.fileCreationTime ?? 0) ?? stored?.modified,
  }
}

function passes(listed: ListedTable, { level, columnFamily, key }: TableFilter, manifest: Manifest): boolean {
  if (level !== undefined && listed.table.level !== level) return false
  if (columnFamily !== undefined && listed.columnFamily !== columnFamily) return false
  return key === undefined || mayHold(listed.table, key, manifest)
}

/**
 * A range deletion may end a table: its end is then the largest key, with this sequence number, and not in the table.
 */
const exclusiveEnd = 2n ** 56n - 1n

function mayHold(
  { smallest, largest, columnFamily }: LiveTable,
  key: Uint8Array,
  manifest: Manifest,
): boolean {
  const order = orderOf(columnFamily, manifest)
  if (!order) return true
  const toEnd = order(key, largest.userKey)
  const isBeforeEnd = largest.sequence === exclusiveEnd ? toEnd < 0 : toEnd <= 0
  return order(smallest.userKey, key) <= 0 && isBeforeEnd
}

function treeOrder(a: LiveTable, b: LiveTable, manifest: Manifest): number {
  if (a.columnFamily !== b.columnFamily) return a.columnFamily - b.columnFamily
  if (a.level !== b.level) return a.level - b.level
  // Tables of level 0 overlap, and the newest is read first.
  if (a.level === 0) return newestFirst(a, b)
  return byFirstKey(a, b, manifest) || a.number - b.number
}

function orderOf(columnFamily: number, { columnFamilies }: Manifest): ReturnType<typeof keyOrder> {
  return keyOrder(columnFamilies.get(columnFamily)?.comparator)
}

export type TableOrder = 'tree' | 'key' | 'size' | 'age' | 'number'

/**
 * Sorts tables that are in the order of the tree. Keys are compared within a column family, in its own order: keys of
 * two families have nothing to do with each other.
 */
export function sortTables(
  tables: readonly ListedTable[],
  by: TableOrder,
  { manifest }: Pick<SurveyedState, 'manifest'>,
): ListedTable[] {
  switch (by) {
    case 'tree':
      return [...tables]
    case 'key':
      return manifest ? [...tables].sort((a, b) => byFirstKey(a.table, b.table, manifest)) : []
    case 'size':
      return [...tables].sort((a, b) => b.table.size - a.table.size)
    case 'age':
      return [...tables].sort((a, b) => (a.created?.getTime() ?? 0) - (b.created?.getTime() ?? 0))
    case 'number':
      return [...tables].sort((a, b) => a.table.number - b.table.number)
  }
}

function byFirstKey(a: LiveTable, b: LiveTable, manifest: Manifest): number {
  if (a.columnFamily !== b.columnFamily) return a.columnFamily - b.columnFamily
  const order = orderOf(a.columnFamily, manifest) ?? Buffer.compare
  return order(a.smallest.userKey, b.smallest.userKey)
}
