/**
 * What a table says of itself. Counts, sizes (bytes) and times (seconds since 1970) are undefined where the RocksDB
 * that wrote it did not know them yet.
 */
export interface TableProperties {
  /** By RocksDB's own names, for example `rocksdb.num.entries`: all there are, as they are stored. */
  readonly raw: ReadonlyMap<string, Uint8Array>
  /** Those of {@link raw} that are numbers, by the same names. Rounded beyond 2^53. */
  readonly numbers: ReadonlyMap<string, number>
  /** Those of {@link raw} that are text, by the same names. */
  readonly texts: ReadonlyMap<string, string>
  readonly index: {
    /** `enum IndexType` of RocksDB's table.h. */
    readonly type: 'kBinarySearch' | 'kHashSearch' | 'kTwoLevelIndexSearch' | 'kBinarySearchWithFirstKey'
    /** False: its keys are internal ones. */
    readonly hasUserKeys: boolean
    readonly hasDeltaHandles: boolean
  }
  /** Of a table that was ingested: its entries have this sequence number instead of their own. */
  readonly globalSequence: bigint | undefined
}
