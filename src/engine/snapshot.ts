import type { NativeSnapshot } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'

/**
 * The database as it was at one moment, for reads that belong together. Close it: until then RocksDB keeps every
 * value that it can see.
 *
 * @example
 * ```ts
 * const snapshot = db.snapshot()
 * await db.put('stock', '41')
 * const before = await db.get('stock', { snapshot, valueEncoding: 'utf8' }) // '42'
 * snapshot.close()
 * ```
 */
export class Snapshot {
  readonly #native: NativeSnapshot
  readonly #onClose: () => void
  #closed = false

  /** @internal Use {@link RocksDB.snapshot}. */
  constructor(native: NativeSnapshot, onClose: () => void) {
    this.#native = native
    this.#onClose = onClose
  }

  /** Releases the snapshot. May be called again; a database closes its snapshots. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
    this.#native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  static nativeOf(snapshot: Snapshot): NativeSnapshot {
    if (!(snapshot instanceof Snapshot)) throw new TypeError('expected "snapshot" to be a Snapshot')
    if (snapshot.#closed) throw new RocksDBError('Closed', 'the snapshot is closed')
    return snapshot.#native
  }
}
