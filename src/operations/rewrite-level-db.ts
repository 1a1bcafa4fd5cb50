import { rename } from 'node:fs/promises'
import type { OpenOptions } from '../engine/call-options.js'
import { RocksDB } from '../engine/rocksdb.js'
import { systemFiles } from '../env/files.js'

type Options = Pick<OpenOptions, 'options' | 'columnFamilies'>

/**
 * Puts the entries of a database with tables of LevelDB into a new one of RocksDB, which takes its place. Such tables
 * have no properties: RocksDB 9.10 ends the process when it compacts one, and later versions may not know them any
 * more.
 * @param directory whose MANIFEST has the sequence numbers of all tables.
 * @param options without which it can't be opened.
 */
export async function rewriteLevelDb(directory: string, options: Options): Promise<void> {
  const rewritten = `${directory}.rewritten`
  await systemFiles.rm(rewritten, { force: true, recursive: true })
  await copyEntries(directory, rewritten, options)
  await systemFiles.rm(directory, { recursive: true })
  await rename(rewritten, directory)
}

async function copyEntries(from: string, to: string, options: Options): Promise<void> {
  await using source = await RocksDB.open(from, { ...options, readOnly: true })
  await using target = await RocksDB.open(to, options)
  for (const name of source.columnFamilyNames) {
    const columnFamily = target.columnFamily(name)
    const entries = source.iterator({ columnFamily: source.columnFamily(name) })
    for (let batch = await entries.nextBatch(); batch.length > 0; batch = await entries.nextBatch()) {
      const puts = batch.map(([key, value]) => ({ type: 'put', key, value, columnFamily }) as const)
      await target.batch(puts, { disableWAL: true })
    }
  }
  await target.flush()
}
