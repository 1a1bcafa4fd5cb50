/** Plain RocksDB whose files rclone copies into the store, and back before a cold start. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { RocksDB as Database } from '../../dist/index.js'
import { RocksDB } from '../database.js'
import type { Peer, PeerPlace } from './peer.js'
import { callsOf, rocksdbOptions } from './rocksdb-peer.js'

export const copiedRocksDBPeer: Peer = {
  name: 'RocksDB + rclone',
  settings: [
    'the same RocksDB and options, on plain files; no writes and no compactions during a copy',
    'put: in the local write-ahead log. Synced: on the local disk. Durable: put, flush, then rclone copy of what is new',
  ],
  keepsOnDisk: true,
  async open(place) {
    const directory = join(place.local, 'db')
    if (!existsSync(directory)) await rclone(place, [remoteOf(place), directory]).catch(unlessMissing)
    const db = await RocksDB.open(directory, { options: rocksdbOptions })
    return {
      ...callsOf(db, async () => {
        await db.flush()
        await untilAtRest(db)
        await rclone(place, [directory, remoteOf(place), '--exclude={LOG*,LOCK,*.log}'])
      }),
      close: () => db.close(),
    }
  },
}

/** Files that a compaction deletes during a copy would be missing from it. */
async function untilAtRest(db: Database): Promise<void> {
  const names = ['rocksdb.compaction-pending', 'rocksdb.num-running-compactions']
  while ((await Promise.all(names.map((name) => db.getProperty(name)))).some((count) => count !== '0'))
    await delay(5)
}

function remoteOf({ bucket, prefix }: PeerPlace): string {
  return `store:${bucket}/${prefix}`
}

async function rclone({ endpoint }: PeerPlace, paths: readonly string[]): Promise<void> {
  await promisify(execFile)('rclone', ['copy', '--s3-no-check-bucket', '--quiet', ...paths], {
    env: {
      ...process.env,
      // rclone cannot take it, and the endpoint is plain HTTP.
      AWS_CA_BUNDLE: undefined,
      RCLONE_CONFIG: '',
      RCLONE_CONFIG_STORE_TYPE: 's3',
      RCLONE_CONFIG_STORE_PROVIDER: 'Minio',
      RCLONE_CONFIG_STORE_ENV_AUTH: 'true',
      RCLONE_CONFIG_STORE_ENDPOINT: endpoint,
    },
  })
}

/** A directory that is not in the store is a new database. */
function unlessMissing(error: { readonly code?: unknown }): void {
  const directoryNotFound = 3
  if (error.code !== directoryNotFound) throw error
}
