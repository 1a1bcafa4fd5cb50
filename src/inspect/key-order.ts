/** In which order a comparator has keys: negative where `a` comes first. */
export type KeyOrder = (a: Uint8Array, b: Uint8Array) => number

const bytewise: KeyOrder = (a, b) => Buffer.compare(a, b)

/** RocksDB's name for the order of the bytes: that of every column family for which no other was chosen. */
export const bytewiseComparator = 'leveldb.BytewiseComparator'

/** By RocksDB's own names. */
const orders: ReadonlyMap<string, KeyOrder> = new Map([
  [bytewiseComparator, bytewise],
  ['rocksdb.ReverseBytewiseComparator', (a: Uint8Array, b: Uint8Array) => Buffer.compare(b, a)],
])

/** The order of a comparator by its name; undefined for one that only its author knows. None named means bytewise. */
export function keyOrder(comparator: string | undefined): KeyOrder | undefined {
  return comparator === undefined ? bytewise : orders.get(comparator)
}
