// Tables in every form in which the linked RocksDB writes them.
import type { BatchOperation } from '#src/engine/batch.js'
import type { ColumnFamily } from '#src/engine/column-family.js'
import type { RocksDBOptions } from '#src/engine/options.js'
import { RocksDB } from '#src/engine/rocksdb.js'

const tableOptions = (options: RocksDBOptions): RocksDBOptions => ({ block_based_table_factory: options })
const compressed = (compression: string, options: RocksDBOptions = {}): RocksDBOptions => ({
  compression,
  ...options,
})
const dictionary = { compression_opts: { max_dict_bytes: 4096 }, ...tableOptions({ block_size: 1024 }) }

/** Options by the name of the column family that has them. */
const families: Readonly<Record<string, RocksDBOptions>> = {
  plain: {},
  version2: tableOptions({ format_version: 2, checksum: 'kCRC32c' }),
  version3: tableOptions({ format_version: 3, checksum: 'kxxHash' }),
  version4: tableOptions({ format_version: 4, checksum: 'kxxHash64' }),
  version5: tableOptions({ format_version: 5, checksum: 'kXXH3' }),
  unchecked: tableOptions({ checksum: 'kNoChecksum' }),
  partitioned: tableOptions({
    index_type: 'kTwoLevelIndexSearch',
    metadata_block_size: 200,
    block_size: 500,
    partition_filters: true,
    filter_policy: 'bloomfilter:10:false',
  }),
  partitionedVersion2: tableOptions({
    index_type: 'kTwoLevelIndexSearch',
    metadata_block_size: 200,
    block_size: 500,
    format_version: 2,
  }),
  firstKeys: tableOptions({ index_type: 'kBinarySearchWithFirstKey', block_size: 500 }),
  firstKeysRestarts: tableOptions({
    index_type: 'kBinarySearchWithFirstKey',
    block_size: 500,
    index_block_restart_interval: 4,
  }),
  wholeSeparators: tableOptions({ index_shortening: 'kNoShortening', block_size: 500 }),
  shortSeparators: tableOptions({
    index_shortening: 'kShortenSeparatorsAndSuccessor',
    index_type: 'kTwoLevelIndexSearch',
    index_block_restart_interval: 4,
    metadata_block_size: 200,
    block_size: 500,
  }),
  hashIndex: { ...tableOptions({ index_type: 'kHashSearch', block_size: 500 }), prefix_extractor: 'fixed:4' },
  hashInBlocks: tableOptions({ data_block_index_type: 'kDataBlockBinaryAndHash' }),
  filtered: tableOptions({ filter_policy: 'ribbonfilter:10' }),
  aligned: compressed('kNoCompression', tableOptions({ block_align: true, block_size: 4096 })),
  restarts: tableOptions({ index_block_restart_interval: 8, block_restart_interval: 3, block_size: 300 }),
  plainIndex: tableOptions({ enable_index_compression: false, block_size: 300 }),
  largeBlocks: tableOptions({ block_size: 200_000 }),
  uncompressed: compressed('kNoCompression'),
  snappy: compressed('kSnappyCompression'),
  zlib: compressed('kZlibCompression'),
  zlibDictionary: compressed('kZlibCompression', dictionary),
  bzip2: compressed('kBZip2Compression'),
  lz4: compressed('kLZ4Compression'),
  lz4Dictionary: compressed('kLZ4Compression', dictionary),
  lz4hc: compressed('kLZ4HCCompression'),
  lz4hcDictionary: compressed('kLZ4HCCompression', dictionary),
  zstd: compressed('kZSTD'),
  zstdDictionary: compressed('kZSTD', dictionary),
  zstdTrained: compressed('kZSTD', {
    ...dictionary,
    compression_opts: { max_dict_bytes: 4096, zstd_max_train_bytes: 40_960 },
  }),
  blobs: { enable_blob_files: true, min_blob_size: 30 },
}

/** Column families whose tables RocksDB writes from 8.6 on. */
const laterFamilies: Readonly<Record<string, RocksDBOptions>> = {
  version6: tableOptions({ format_version: 6 }),
  version6Crc: tableOptions({ format_version: 6, checksum: 'kCRC32c' }),
  version6Unchecked: tableOptions({ format_version: 6, checksum: 'kNoChecksum' }),
  version6Partitioned: tableOptions({
    format_version: 6,
    index_type: 'kTwoLevelIndexSearch',
    metadata_block_size: 200,
    block_size: 500,
    partition_filters: true,
    filter_policy: 'bloomfilter:10:false',
  }),
}

/** Number of keys of each column family; those whose number modulo 50 is 7 are deleted. */
const keyCount = 1_500

/** Writes a plain RocksDB database with a column family for each form of tables, some compacted or dropped. */
export async function writeVariedTables(directory: string): Promise<void> {
  const db = await RocksDB.open(directory, { createIfMissing: true })
  try {
    const hasVersion6 = compareVersions(RocksDB.libraryVersion, '8.6') >= 0
    for (const [name, options] of Object.entries({ ...families, ...(hasVersion6 && laterFamilies) })) {
      const columnFamily = await db.createColumnFamily(name, options)
      await db.batch(operations(columnFamily))
      if (name === 'plain') {
        await db.batch([{ type: 'deleteRange', start: 'key000100', end: 'key000200', columnFamily }])
      }
      await db.flush({ columnFamily })
    }
    const columnFamily = await db.createColumnFamily('onlyRangeDeletions', families.shortSeparators!)
    await db.batch([{ type: 'deleteRange', start: 'key000100', end: 'key000200', columnFamily }])
    await db.flush({ columnFamily })
    const compacted = db.columnFamily('largeBlocks')
    await db.put('key000003', 'again', { columnFamily: compacted })
    await db.compactRange({ columnFamily: compacted })
    const dropped = await db.createColumnFamily('dropped')
    await db.put('a', 'b', { columnFamily: dropped })
    await db.flush({ columnFamily: dropped })
    await db.dropColumnFamily(dropped)
  } finally {
    await db.close()
  }
}

function operations(columnFamily: ColumnFamily): BatchOperation[] {
  return Array.from({ length: keyCount }, (_, at) => {
    const key = `key${String(at).padStart(6, '0')}`
    if (at % 50 === 7) return { type: 'delete', key, columnFamily }
    return { type: 'put', key, value: `value ${at} ${'abc'.repeat(at % 20)}`, columnFamily }
  })
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
