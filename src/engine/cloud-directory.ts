import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RocksDBError } from '../binding/rocksdb-error.js'
import { ownerRecordName, readOwnerRecord } from '../cloud/owner-record.js'
import { systemFiles } from '../env/files.js'
import { succeeds } from '../env/succeeds.js'

/**
 * Refuses a directory that is the local part of a database in an object store. Opened as a whole database, it would
 * have no tables, and the write-ahead log would go into it.
 */
export async function refuseCloudDirectory(path: string): Promise<void> {
  const isCloudDirectory = await succeeds(stat(join(path, ownerRecordName)))
  if (!isCloudDirectory) return
  const url = await readOwnerRecord(systemFiles, path).then(
    (record) => record?.url,
    () => undefined,
  )
  throw new RocksDBError(
    'InvalidArgument',
    `cannot open "${path}" without "env": it is the local directory of ${url ?? 'a database in an object store'}, where the ` +
      'tables are. Open it with { env: cloudEnv({ store, root }) }, with the "store" and the "root" that it was made with',
  )
}
