import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RocksDB } from '#src/index.js'
import { copyToBucket } from './bucket-copy.js'
import { keyAt } from './filled-database.js'
import type { TestStore } from './test-stores.js'

/**
 * Writes a database of so many tables at `path` in the store. One compaction creates all but two of them, of two entries
 * each, with the keys {@link keyAt} 0, 1 …. Above these are two tables whose ranges hold every key from the number of
 * tables on, though they contain only the first and the last: one with the value `older`, one with `newer`.
 */
export async function writeManyTables(
  store: TestStore,
  path: string,
  tables: number,
  key = keyAt,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudenv-tables-'))
  try {
    const db = await RocksDB.open(join(directory, 'db'), {
      options: {
        disable_auto_compactions: true,
        target_file_size_base: 1,
        // A table ends with a block, so each block has to be small too.
        block_based_table_factory: { block_size: 1 },
      },
    })
    const operations = Array.from({ length: 2 * (tables - 2) }, (_, at) => ({
      type: 'put' as const,
      key: key(at),
      value: `value ${at}`,
    }))
    // Two overlapping tables, because RocksDB 9 moves a single one without rewriting it.
    for (const parity of [0, 1]) {
      await db.batch(operations.filter((_, at) => at % 2 === parity))
      await db.flush()
    }
    await db.compactRange()
    for (const value of ['older', 'newer']) {
      await db.batch([tables, operations.length - 1].map((at) => ({ type: 'put', key: key(at), value })))
      await db.flush()
    }
    await db.close()
    await copyToBucket(join(directory, 'db'), store, path)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
