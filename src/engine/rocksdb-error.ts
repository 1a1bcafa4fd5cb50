/** RocksDB's name for what went wrong; `Closed` is ours, for the use of what was closed before. */
export type RocksDBErrorCode =
  | 'NotFound'
  | 'Corruption'
  | 'NotSupported'
  | 'InvalidArgument'
  | 'IOError'
  | 'IOFenced'
  | 'NoSpace'
  | 'PathNotFound'
  | 'MergeInProgress'
  | 'Incomplete'
  | 'ShutdownInProgress'
  | 'TimedOut'
  | 'Aborted'
  | 'Busy'
  | 'Expired'
  | 'TryAgain'
  | 'CompactionTooLarge'
  | 'ColumnFamilyDropped'
  | 'Closed'
  | 'Unknown'

/**
 * What every call of the engine fails with, but for bad arguments (TypeError, RangeError). The message says what
 * was tried, on which database, and what RocksDB answered.
 *
 * @example
 * ```ts
 * try {
 *   await RocksDB.open('./data/orders', { createIfMissing: false })
 * } catch (error) {
 *   if (error instanceof RocksDBError && error.code === 'NotFound') console.log('no such database')
 *   else throw error
 * }
 * ```
 */
export class RocksDBError extends Error {
  override readonly name = 'RocksDBError'
  readonly code: RocksDBErrorCode

  constructor(code: RocksDBErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
