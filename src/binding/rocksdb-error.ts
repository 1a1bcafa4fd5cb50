/** RocksDB's name for the error; `Closed` is ours, for the use of something after it was closed. */
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
 * Error with which every call of the engine fails, except for bad arguments (TypeError, RangeError). The message says
 * what was tried, on which database, and what RocksDB answered.
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
