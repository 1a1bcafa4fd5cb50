/** Small tables that would cost a gullible reader a lot of work. */
import { deflateRawSync } from 'node:zlib'
import { u32 } from './little-endian.ts'
import {
  block,
  type Entry,
  type Handle,
  handleBytes,
  internalKey,
  RawTable,
  smallTable,
  varint,
} from './raw-table.ts'

const zlibType = 2

/** Like a block of RocksDB, at a thousandth of the size. */
function zlib(content: Uint8Array): Buffer {
  return Buffer.concat([varint(content.length), deflateRawSync(content)])
}

/** An index of consecutive blocks, all of the size of the first. Its handles are deltas of 3 bytes each. */
function longIndex(entries: number, first: Handle): Buffer {
  const key = internalKey('z')
  const firstEntry = Buffer.concat([varint(0), varint(key.length), key, handleBytes(first)])
  // The whole key is shared, and the size is the same.
  const others = Buffer.alloc(3 * (entries - 1), Buffer.of(key.length, 0, 0))
  return Buffer.concat([firstEntry, others, u32(0), u32(1)])
}

const deltaHandles: Entry = [Buffer.from('rocksdb.index.value.is.delta.encoded'), varint(1)]

function propertiesWith(entries: readonly Entry[]): Buffer {
  return block([...entries].sort(([a], [b]) => Buffer.compare(a, b)))
}

const entries: readonly Entry[] = ['a', 'z'].map((key) => [internalKey(key), Buffer.from('value')])

/** The index goes on far beyond the end of the file. A million entries take 3 KB. */
export function tableOfLongIndex(entryCount: number): Buffer {
  return smallTable({
    number: 0,
    entries,
    index: (data) => zlib(longIndex(entryCount, data)),
    indexCompression: zlibType,
    properties: (properties) => propertiesWith([...properties, deltaHandles]),
  })
}

/** Many names for one filter, whose empty partitions are all within the file. */
export function tableOfManyFilters(names: number, partitions: number): Buffer {
  const file = new RawTable()
  const data = file.add(block(entries))
  const index = file.add(longIndex(1, data))
  const first = { offset: file.size, size: 0 }
  file.append(Buffer.alloc(5 * partitions))
  const filter = file.add(zlib(longIndex(partitions, first)), zlibType)
  const properties = file.add(propertiesWith([deltaHandles, [Buffer.from('rocksdb.num.entries'), varint(2)]]))
  const metaindex = file.add(
    block([
      ...Array.from(
        { length: names },
        (_, at): Entry => [Buffer.from(`partitionedfilter.${1e6 + at}`), handleBytes(filter)],
      ),
      [Buffer.from('rocksdb.properties'), handleBytes(properties)],
    ]),
  )
  return file.finish(metaindex, index)
}
