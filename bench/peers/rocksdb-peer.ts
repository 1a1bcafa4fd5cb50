/** Options and calls that the two peers share which are RocksDB for Node.js. */
import type { RocksDB as Database } from '../../dist/index.js'
import { type Entry, type OpenPeer, shared } from './peer.js'

export const rocksdbOptions = {
  compression: 'kNoCompression',
  write_buffer_size: shared.tableBytes,
  target_file_size_base: shared.tableBytes,
  max_bytes_for_level_base: 4 * shared.tableBytes,
  block_based_table_factory: {
    block_size: shared.blockBytes,
    block_cache: String(shared.blockCacheBytes),
    filter_policy: `bloomfilter:${shared.filterBitsPerKey}:false`,
  },
} as const

/** Calls of a database whose `persist` puts into the store what is not there yet. */
export function callsOf(db: Database, persist: () => Promise<void>): Omit<OpenPeer, 'close'> {
  const put = ({ key, value }: Entry) => db.put(key, value)
  return {
    put,
    putSynced: ({ key, value }) => db.put(key, value, { sync: true }),
    async putDurably(entries) {
      await Promise.all(entries.map(put))
      await persist()
    },
    batch: (entries) => db.batch(entries.map((entry) => ({ type: 'put', ...entry }))),
    flush: persist,
    get: (key) => db.get(key),
    async scan(from, count) {
      let found = 0
      for await (const _ of db.iterator({ gte: from, limit: count })) found += 1
      return found
    },
  }
}
