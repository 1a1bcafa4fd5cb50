import type { FamilyId, NativeDatabase, NativeSnapshot } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import type { IteratorOptions, ReadOptions } from './call-options.js'
import { type Decoded, decoder, type Encoding } from './encoding.js'
import { EntryIterator } from './iterator.js'
import { boundsOf } from './key-range.js'
import { Snapshot } from './snapshot.js'

/** The iterators and snapshots of one database that are still open. */
export class OpenHandles {
  readonly #path: string
  readonly #open = new Set<{ close(): unknown }>()

  /** @param path of the database, as errors name it. */
  constructor(path: string) {
    this.#path = path
  }

  get all(): readonly { close(): unknown }[] {
    return [...this.#open]
  }

  iterator<KeyEncoding extends Encoding, ValueEncoding extends Encoding>(
    database: NativeDatabase,
    family: FamilyId,
    options: IteratorOptions<KeyEncoding, ValueEncoding>,
  ): EntryIterator<Decoded<KeyEncoding>, Decoded<ValueEncoding>> {
    const { limit = Number.POSITIVE_INFINITY, reverse = false, fillCache = true } = options
    const { lower, upper } = boundsOf(options)
    const iterator = new EntryIterator({
      native: database.iterator(family, lower, upper, reverse, fillCache, this.snapshotOf(options)),
      limit,
      decodeKey: decoder(options.keyEncoding),
      decodeValue: decoder(options.valueEncoding),
      onClose: () => this.#open.delete(iterator),
    })
    this.#open.add(iterator)
    return iterator
  }

  snapshot(database: NativeDatabase): Snapshot {
    const snapshot = new Snapshot(database.snapshot(), () => this.#open.delete(snapshot))
    this.#open.add(snapshot)
    return snapshot
  }

  /** @throws RocksDBError Closed; InvalidArgument if the snapshot is of another database. */
  snapshotOf({ snapshot }: ReadOptions): NativeSnapshot | undefined {
    if (snapshot === undefined) return undefined
    const native = Snapshot.nativeOf(snapshot)
    if (this.#open.has(snapshot)) return native
    throw new RocksDBError('InvalidArgument', `the snapshot is not one of "${this.#path}"`)
  }
}
