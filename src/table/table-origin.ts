import type { LiveTable } from '../catalog/manifest.js'
import type { TableProperties } from '../format/table-properties.js'
import { type TableUniqueId, tableUniqueId } from '../format/table-unique-id.js'

/** A claim of a table about where it was written that contradicts the MANIFEST. */
export interface StrangeOrigin {
  /** `swapped`: it is another table. */
  readonly code: 'swapped' | 'mismatch'
  readonly message: string
}

/**
 * Empty if nothing contradicts it.
 * @param nameOf returns the name that people use for the table with this id, if the database has one.
 */
export async function strangeOrigins(
  { numbers, texts, raw }: TableProperties,
  table: LiveTable,
  nameOf: (id: TableUniqueId) => string | undefined,
): Promise<StrangeOrigin[]> {
  const origin = {
    dbId: texts.get('rocksdb.creating.db.identity') ?? '',
    sessionId: texts.get('rocksdb.creating.session.identity') ?? '',
    fileNumber: numbers.get('rocksdb.original.file.number') ?? 0,
  }
  const id = await tableUniqueId(origin)
  const expected = knownId(table.uniqueId)
  if (id && expected) {
    if (id[0] === expected[0] && id[1] === expected[1]) return []
    return [
      holds(nameOf(id) ?? `what was written as table ${origin.fileNumber} of another database or session`),
    ]
  }
  // Ingested tables have the numbers of the place where they were written.
  if (raw.has('rocksdb.external_sst_file.version')) return []
  const found: StrangeOrigin[] = []
  if (origin.fileNumber !== 0 && origin.fileNumber !== table.number)
    found.push(holds(`what was written as table ${origin.fileNumber}`))
  const family = numbers.get('rocksdb.column.family.id') ?? unknownFamily
  if (family !== unknownFamily && family !== table.columnFamily) {
    const message = `is of column family ${family}, and the MANIFEST has it in ${table.columnFamily}`
    found.push({ code: 'mismatch', message })
  }
  return found
}

function holds(what: string): StrangeOrigin {
  return { code: 'swapped', message: `holds ${what}` }
}

/** Id in the properties of a table that was written for no column family. */
const unknownFamily = 2 ** 31 - 1

/** Zeros stand for an unknown id. */
export function knownId(id: TableUniqueId | undefined): TableUniqueId | undefined {
  return id && (id[0] !== 0n || id[1] !== 0n) ? id : undefined
}

/** Suffix that RocksDB adds to the name of a comparator whose keys end in a timestamp. */
const timestampSuffix = '.u64ts'

/**
 * A column family may gain timestamps, and lose them, if it does not write them into its tables: older tables keep the
 * former name of its comparator. See `ValidateUserDefinedTimestampsOptions` in RocksDB's util/udt_util.cc.
 */
export function isCompatible(a: string, b: string): boolean {
  return a === b || a === b + timestampSuffix || b === a + timestampSuffix
}
