import { familyName } from '../catalog/family-name.js'
import type { LiveTable, Manifest } from '../catalog/manifest.js'
import { EnvError } from '../env/env-error.js'
import type { WarmUpSelection } from '../env/warm-up.js'
import { blobFileName, tableFileName } from '../format/file-name.js'
import { bytewiseComparator } from '../format/key-order.js'

/**
 * Names of the selected files, in the order in which they serve reads best, since the cache may be too small for all.
 * Upper levels come first: every read looks there, they are small, and their data is the newest. Blob files are last, the
 * newest first; without `levels` and `range` only, because a MANIFEST does not say whose values they hold.
 * @throws EnvError InvalidArgument: no such column family; NotSupported: a range, but keys are not ordered by their bytes.
 */
export function planWarmUp(manifest: Manifest, selection: WarmUpSelection): string[] {
  const families = selectedFamilies(manifest, selection)
  const isSelected = tableFilter(selection)
  const selected = [...manifest.liveTables.values()].filter(
    (table) => families.has(table.columnFamily) && isSelected(table),
  )
  const tables = tablesByUse(selected).map(({ number }) => tableFileName(number))
  if (selection.levels || selection.range) return tables
  const blobFiles = [...manifest.liveBlobFiles.values()]
    .filter(({ columnFamily }) => families.has(columnFamily))
    .sort((a, b) => b.number - a.number)
    .map(({ number }) => blobFileName(number))
  return [...tables, ...blobFiles]
}

function selectedFamilies(manifest: Manifest, { columnFamily, range }: WarmUpSelection): ReadonlySet<number> {
  const all = [...manifest.columnFamilies.values()]
  const selected = all.filter(({ name }) => columnFamily === undefined || name === columnFamily)
  if (selected.length === 0) {
    const names = all.map(({ name }) => JSON.stringify(name)).join(', ')
    throw new EnvError(
      'InvalidArgument',
      `there is no column family ${JSON.stringify(columnFamily)} to warm up; there are ${names}`,
    )
  }
  for (const { id, comparator } of range ? selected : []) {
    if (comparator === undefined || comparator === bytewiseComparator) continue
    throw new EnvError(
      'NotSupported',
      `the column family ${JSON.stringify(familyName(manifest, id))} orders its keys by ${comparator}, not by their ` +
        'bytes: warm it up without "range", or choose another "columnFamily"',
    )
  }
  return new Set(selected.map(({ id }) => id))
}

function tableFilter({ levels, range }: WarmUpSelection): (table: LiveTable) => boolean {
  const start = toKey(range?.start)
  const end = toKey(range?.end)
  return ({ level, smallest, largest }) => {
    if (levels && !levels.includes(level)) return false
    if (start && Buffer.compare(largest.userKey, start) < 0) return false
    return !end || Buffer.compare(smallest.userKey, end) <= 0
  }
}

function toKey(key: Uint8Array | string | undefined): Uint8Array | undefined {
  return typeof key === 'string' ? Buffer.from(key) : key
}

/** Upper levels first; tables of level 0 by age, the newest first; those of other levels by their keys. */
export function tablesByUse(tables: Iterable<LiveTable>): LiveTable[] {
  return [...tables].sort(byUse)
}

function byUse(a: LiveTable, b: LiveTable): number {
  if (a.level !== b.level) return a.level - b.level
  if (a.level === 0) return b.number - a.number
  return Buffer.compare(a.smallest.userKey, b.smallest.userKey)
}
