import type { NativeDatabase } from '../binding/native.js'
import type { FlatOperations } from './batch.js'
import type { WriteOptions } from './call-options.js'

/** Counts writes with `disableWAL` that may be in no table yet: they survive nowhere else. */
export class UnloggedWrites {
  #written = 0
  #flushed = 0

  /** Upper bound: RocksDB flushes by itself too, and does not say what. */
  get count(): number {
    return this.#written - this.#flushed
  }

  write(database: NativeDatabase, operations: FlatOperations, options: WriteOptions): Promise<void> {
    const { sync = false, disableWAL = false } = options
    if (disableWAL) this.#written += operations.length / 4
    return database.write(operations, sync, disableWAL)
  }

  /** Waits for a flush of every column family that begins now. */
  async endWith(flush: Promise<void>): Promise<void> {
    const written = this.#written
    await flush
    this.#flushed = Math.max(this.#flushed, written)
  }
}
