import { join } from 'node:path'
import { cloudEnv, RocksDB } from '../database.js'
import type { Peer } from './peer.js'
import { callsOf, rocksdbOptions } from './rocksdb-peer.js'

export const cloudEnvPeer: Peer = {
  name: 'here',
  settings: [
    `RocksDB ${RocksDB.libraryVersion}, options ${JSON.stringify(rocksdbOptions)}`,
    'put: in the local write-ahead log. Synced: on the local disk. Durable: put, then flush(): a table in the store',
  ],
  keepsOnDisk: true,
  async open({ bucket, prefix, endpoint, local }) {
    const env = cloudEnv({ store: `s3://${bucket}/${prefix}`, endpoint, root: local })
    const db = await RocksDB.open(join(local, 'db'), { env, options: rocksdbOptions })
    return {
      ...callsOf(db, () => db.flush()),
      async close() {
        await db.close()
        await env.close()
      },
    }
  },
}
