/**
 * A column family of an open database, to be named in a call's options. The column families of a database share the
 * write-ahead log, so a batch over several of them is atomic. With a cloud Env they are flushed together too, so such a
 * batch is whole or absent even if the machine and the log are lost.
 */
export interface ColumnFamily {
  readonly name: string
  /** RocksDB's number for it, unique in its database. */
  readonly id: number
}
