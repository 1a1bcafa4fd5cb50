/** Order of keys by a comparator: negative if `a` comes first. */
export type KeyOrder = (a: Uint8Array, b: Uint8Array) => number

const bytewise: KeyOrder = (a, b) => Buffer.compare(a, b)

/** RocksDB's name for the order of the bytes, which every column family has unless another one is chosen. */
export const bytewiseComparator = 'leveldb.BytewiseComparator'

/** Orders by RocksDB's own names. */
const orders: ReadonlyMap<string, KeyOrder> = new Map([
  [bytewiseComparator, bytewise],
  ['rocksdb.ReverseBytewiseComparator', (a: Uint8Array, b: Uint8Array) => Buffer.compare(b, a)],
])

/** Order of a comparator by its name; undefined for one that only its author knows. No name means bytewise. */
export function keyOrder(comparator: string | undefined): KeyOrder | undefined {
  return comparator === undefined ? bytewise : orders.get(comparator)
}
