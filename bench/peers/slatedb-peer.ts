import { type Entry, type Peer, shared } from './peer.js'
import type { ScanOptions, SlateDB } from './slatedb-api.js'

const mib = 1 << 20
const settings = {
  l0_sst_size_bytes: shared.tableBytes,
  filter_bits_per_key: shared.filterBitsPerKey,
  'compactor_options.max_sst_size': shared.tableBytes,
} as const
/** Its defaults fetch block by block, and keep none of them. */
const scanning: ScanOptions = {
  durability_filter: 'Memory',
  dirty: false,
  read_ahead_bytes: 4 * mib,
  cache_blocks: true,
  max_fetch_tasks: 4,
  order: undefined,
}

export function slateDBPeer({ DbBuilder, ObjectStore, Settings, WriteBatch }: SlateDB): Peer {
  return {
    name: 'SlateDB',
    settings: [
      `@slatedb/uniffi, settings ${JSON.stringify(settings)}. Its disk cache is off, as by default. Scans ${JSON.stringify(scanning)}`,
      `Its block cache is always ${shared.blockCacheBytes / mib} MiB, its blocks are of ${shared.blockBytes} bytes`,
      'put: in memory only, lost with the process. Durable: put, then flush of the write-ahead log into the store: sooner than to wait for the next of its own',
    ],
    keepsOnDisk: false,
    async open({ bucket, prefix, endpoint }) {
      // Its client of S3 reads the environment.
      Object.assign(process.env, { AWS_ENDPOINT: endpoint, AWS_ALLOW_HTTP: 'true' })
      const store = ObjectStore.resolve(`s3://${bucket}`)
      const builder = new DbBuilder(prefix, store)
      const applied = Settings.default()
      for (const [name, value] of Object.entries(settings)) applied.set(name, JSON.stringify(value))
      builder.with_settings(applied)
      builder.with_sst_block_size('Block4Kib')
      const db = await builder.build()
      const put = async ({ key, value }: Entry): Promise<void> => {
        await db.put_with_options(key, value, { ttl: { tag: 'Default' } }, { await_durable: false })
      }
      return {
        put,
        putSynced: undefined,
        async putDurably(entries) {
          await Promise.all(entries.map(put))
          await db.flush_with_options({ flush_type: 'Wal' })
        },
        async batch(entries) {
          const batch = new WriteBatch()
          for (const { key, value } of entries) batch.put(key, value)
          await db.write_with_options(batch, { await_durable: false })
        },
        flush: () => db.flush_with_options({ flush_type: 'MemTable' }),
        get: (key) => db.get(key),
        async scan(start, count) {
          const range = { start, start_inclusive: true, end: undefined, end_inclusive: false } as const
          const iterator = await db.scan_with_options(range, scanning)
          let found = 0
          while (found < count && (await iterator.next()) !== undefined) found += 1
          iterator.dispose()
          return found
        },
        async close() {
          await db.shutdown()
          for (const handle of [db, builder, applied, store]) handle.dispose()
        },
      }
    },
  }
}
