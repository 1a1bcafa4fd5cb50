import { Machine } from './machine.js'
import type { TestStore } from './test-stores.js'

/**
 * Writes a database that has some of everything, at `db` in the store: three epochs; tables of the same size; in the
 * column family `orders` tables with filters below level 0, in `events` one with partitioned index and filter; in `blobs` one
 * whose values are in a blob file.
 */
export async function writeSound(store: TestStore): Promise<void> {
  const machine = new Machine(store)
  const plain = { disable_auto_compactions: true, compression: 'kNoCompression' }
  const columnFamilies = {
    orders: {
      ...plain,
      target_file_size_base: 16_384,
      block_based_table_factory: { filter_policy: 'bloomfilter:10:false' },
    },
    events: {
      ...plain,
      block_based_table_factory: {
        filter_policy: 'bloomfilter:10:false',
        index_type: 'kTwoLevelIndexSearch',
        partition_filters: true,
        metadata_block_size: 256,
      },
    },
    blobs: {
      ...plain,
      enable_blob_files: true,
      min_blob_size: 10,
      blob_compression_type: 'kSnappyCompression',
    },
  }
  // Versions differ in whether the MANIFEST has the id too.
  const options = { options: { ...plain, write_dbid_to_manifest: false }, columnFamilies }
  const keys = (prefix: string) => Array.from({ length: 500 }, (_, at) => `${prefix}${1000 + at}`)
  const value = 'v'.repeat(100)

  // Two tables of the same size.
  await machine.open(async (db) => {
    for (const prefix of ['a', 'b']) {
      for (const key of keys(prefix)) await db.put(key, value)
      await db.flush()
    }
  }, options)
  await machine.open(async (db) => {
    for (const columnFamily of [db.columnFamily('orders'), db.columnFamily('events')]) {
      // Twice, so that the compaction has to write them anew.
      for (let round = 0; round < 2; round++) {
        for (const key of keys('o')) await db.put(key, value, { columnFamily })
        await db.flush()
      }
      await db.compactRange({ columnFamily })
    }
  }, options)
  await machine.open(async (db) => {
    const columnFamily = db.columnFamily('blobs')
    for (const key of keys('c')) {
      await db.put(key, value)
      await db.put(key, value, { columnFamily })
    }
    await db.flush()
  }, options)
}
