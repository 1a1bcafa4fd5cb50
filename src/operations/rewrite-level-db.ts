import { rename } from 'node:fs/promises'
import { RocksDB } from '../engine/rocksdb.js'
import { systemFiles } from '../env/files.js'

/**
 * Puts the entries of a database of LevelDB into a new one of RocksDB, which takes its place. Its tables have no
 * properties: RocksDB 9.10 ends the process when it compacts one, and later versions may not know them any more.
 * @param directory whose MANIFEST has the sequence numbers of all tables.
 */
export async function rewriteLevelDb(directory: string): Promise<void> {
  const rewritten = `${directory}.rewritten`
  await systemFiles.rm(rewritten, { force: true, recursive: true })
  await copyEntries(directory, rewritten)
  await systemFiles.rm(directory, { recursive: true })
  await rename(rewritten, directory)
}

async function copyEntries(from: string, to: string): Promise<void> {
  await using source = await RocksDB.open(from, { readOnly: true })
  await using target = await RocksDB.open(to)
  const entries = source.iterator()
  for (let batch = await entries.nextBatch(); batch.length > 0; batch = await entries.nextBatch()) {
    const puts = batch.map(([key, value]) => ({ type: 'put', key, value }) as const)
    await target.batch(puts, { disableWAL: true })
  }
  await target.flush()
}
