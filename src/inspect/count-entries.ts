import { mapLimited } from '../catalog/map-limited.js'
import type { Problem } from '../catalog/problem.js'
import type { SurveyedTable } from '../catalog/survey.js'
import { EnvError } from '../env/env-error.js'
import { rangedObject } from '../table/ranged-source.js'
import { TableReader } from '../table/table-reader.js'

export interface EntryCounts {
  /** Entries by file number; tables that are missing, damaged or without this number are left out. */
  readonly entries: ReadonlyMap<number, number>
  readonly problems: readonly Problem[]
}

const concurrentTables = 16

/**
 * Counts the entries of each table, deletions among them, from its properties: one request per table.
 * @param onTable called after each.
 */
export async function countEntries(
  tables: readonly SurveyedTable[],
  onTable: () => void,
): Promise<EntryCounts> {
  const entries = new Map<number, number>()
  const problems: Problem[] = []
  await mapLimited(tables, concurrentTables, async ({ table, stored }) => {
    if (stored) {
      const source = rangedObject(stored.place, stored.objectName, stored.size)
      try {
        const { properties } = await TableReader.open(source)
        const count = properties.numbers.get('rocksdb.num.entries')
        if (count !== undefined) entries.set(table.number, count)
      } catch (error) {
        problems.push(problemOf(error, source.name))
      }
    }
    onTable()
  })
  return { entries, problems }
}

function problemOf(error: unknown, object: string): Problem {
  if (EnvError.is(error, 'Corruption')) return { code: 'corrupt', object, message: error.message }
  if (EnvError.is(error, 'NotSupported')) return { code: 'unsupported', object, message: error.message }
  if (EnvError.is(error, 'NotFound'))
    return { code: 'missing', object, message: `${object} is missing. It was there a moment ago: look again` }
  throw error
}
