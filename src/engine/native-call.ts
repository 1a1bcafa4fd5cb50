import { RocksDBError } from '../binding/rocksdb-error.js'

/**
 * Waits for a native call. It fails on a thread without JavaScript, so its error starts without a stack: the caller
 * gets an error with the stack of the call, down to the function that awaits it. It is a separate error, since writes
 * that go together share their promise. A call that succeeds pays for none.
 */
export async function called<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const own =
      error instanceof RocksDBError
        ? new RocksDBError(error.code, error.message, { cause: error.cause })
        : error
    Error.captureStackTrace(own, called)
    throw own
  }
}
