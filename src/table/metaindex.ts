import { readBlock } from '../format/block.js'
import { type BlockHandle, readBlockHandle } from '../format/block-handle.js'
import { ByteReader } from '../format/byte-reader.js'
import { maxFooterSize, readTableFooter, type TableFooter } from '../format/table-footer.js'
import { BlockReader, maxMetaBlockBytes } from './block-reader.js'
import type { RangedSource } from './ranged-source.js'
import type { BlockKind } from './table-block.js'

/** Footer, metaindex and properties of a table seldom take more, and often the index is in it too. */
export const tailBytes = 64 * 1024
const maxMetaindexEntries = 1_000
/** The longest names of RocksDB's own have some 50 bytes, most of them the name of a filter policy. */
const maxMetaindexNameBytes = 1_000

const propertiesName = 'rocksdb.properties'
/** Name in very old tables. */
const oldPropertiesName = 'rocksdb.stats'
export const indexName = 'rocksdb.index'
export const dictionaryName = 'rocksdb.compression_dict'
export const rangeDeletionsName = 'rocksdb.range_del'
export const partitionedFilterPrefix = 'partitionedfilter.'

/** Reads only the footer, of a table that may have nothing else readable. */
export async function readFooter(source: RangedSource): Promise<TableFooter> {
  const length = Math.min(source.size, Math.max(tailBytes, maxFooterSize))
  return readTableFooter(await source.read(source.size - length, length), source.size, source.name)
}

/** Reads only the metaindex: locations by the names that it has for them. */
export async function readMetaindex(
  source: RangedSource,
  footer: TableFooter,
): Promise<ReadonlyMap<string, BlockHandle>> {
  return readMetaindexBlock(await BlockReader.open(source, footer), footer)
}

export async function readMetaindexBlock(
  blocks: BlockReader,
  { metaindex }: TableFooter,
): Promise<Map<string, BlockHandle>> {
  const error = blocks.errorAt(metaindex)
  const { bytes } = await blocks.read(metaindex, { maxBytes: maxMetaBlockBytes })
  const handles = new Map<string, BlockHandle>()
  for (const { key, value } of readBlock(bytes, { error })) {
    if (handles.size === maxMetaindexEntries) throw error(`it names more than ${maxMetaindexEntries} blocks`)
    if (key.length > maxMetaindexNameBytes) throw error(`a name in it has ${key.length} bytes`)
    handles.set(Buffer.from(key).toString(), readBlockHandle(new ByteReader(value, error)))
  }
  return handles
}

/** Undefined in a table that LevelDB wrote. */
export function propertiesHandle(metaindex: ReadonlyMap<string, BlockHandle>): BlockHandle | undefined {
  return metaindex.get(propertiesName) ?? metaindex.get(oldPropertiesName)
}

export function kindOf(name: string): BlockKind {
  switch (name) {
    case propertiesName:
    case oldPropertiesName:
      return 'properties'
    case indexName:
      return 'index'
    case dictionaryName:
      return 'compressionDictionary'
    case rangeDeletionsName:
      return 'rangeDeletions'
  }
  return /^(full|partitioned)?filter\./.test(name) ? 'filter' : 'other'
}
