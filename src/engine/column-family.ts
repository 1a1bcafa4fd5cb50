/**
 * A column family of an open database, to be named in a call's options. Its column families share the
 * write-ahead log, so that a batch over several of them is atomic. With a cloud Env they are flushed together too, so
 * that it is whole or absent also when the machine and the log are lost.
 */
export interface ColumnFamily {
  readonly name: string
  /** RocksDB's number of it, unique in its database. */
  readonly id: number
}
