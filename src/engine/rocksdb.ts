import { type Bytes, checkBytes } from '../binding/bytes.js'
import { type NativeDatabase, native, operationKind } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import { checkOptions } from '../options/shape.js'
import { type BatchOperation, type FlatOperations, flatten } from './batch.js'
import { callChecks } from './call-checks.js'
import type {
  CloseOptions,
  CompactRangeOptions,
  FamilyChoice,
  FlushOptions,
  GetOptions,
  GetTextOptions,
  IteratorOptions,
  ListOptions,
  OpenOptions,
  ReadOptions,
  WriteOptions,
} from './call-options.js'
import { closeAtExit, closeDatabase } from './closing.js'
import { ColumnFamilies } from './column-families.js'
import type { ColumnFamily } from './column-family.js'
import { type Decoded, type Encoding, isText } from './encoding.js'
import type { EntryIterator } from './iterator.js'
import { called } from './native-call.js'
import { OpenHandles } from './open-handles.js'
import { listFamilies, type OpenedDatabase, openDatabase } from './open-request.js'
import type { RocksDBOptions } from './options.js'
import type { Snapshot } from './snapshot.js'
import { boundedTimeout, defaultFlushTimeoutMs } from './timeout.js'
import { UnloggedWrites } from './unlogged-writes.js'

/**
 * A RocksDB database. Keys and values are bytes; a string stands for its UTF-8 form. Calls run on threads of their own,
 * and a call under way keeps the process alive.
 *
 * Every call fails with a {@link RocksDBError}, `Closed` after {@link RocksDB.close}; bad arguments are a TypeError
 * or a RangeError.
 */
export class RocksDB {
  readonly path: string
  readonly #database: OpenedDatabase
  readonly #families: ColumnFamilies
  readonly #handles: OpenHandles
  readonly #unlogged = new UnloggedWrites()
  #closing: Promise<void> | undefined

  private constructor(database: OpenedDatabase) {
    this.path = database.path
    this.#database = database
    closeAtExit(this)
    this.#families = new ColumnFamilies(database)
    this.#handles = new OpenHandles(database.path)
  }

  /**
   * Opens the database in the directory `path`.
   *
   * @throws RangeError for an option that RocksDB doesn't have, TypeError for a value that doesn't suit it,
   *   RocksDBError `NotFound` when there is no database and `createIfMissing` is false, `TimedOut` when `timeoutMs` was not
   *   enough.
   *
   * @example
   * ```ts
   * const db = await RocksDB.open('./data/orders', {
   *   env: cloudEnv({ store: 's3://my-bucket/prod', root: './data' }),
   *   options: { max_background_jobs: 4, compression: 'kZSTD' },
   *   columnFamilies: { customers: { write_buffer_size: '16M' } },
   * })
   * ```
   */
  static async open(path: string, options: OpenOptions = {}): Promise<RocksDB> {
    return new RocksDB(await openDatabase(path, options))
  }

  /**
   * The names of the column families of the database in the directory `path`, which may be open elsewhere.
   *
   * @example
   * ```ts
   * await RocksDB.listColumnFamilies('./data/orders') // ['default', 'customers']
   * ```
   */
  static async listColumnFamilies(path: string, options: ListOptions = {}): Promise<string[]> {
    return await listFamilies(path, options)
  }

  /** The version of the RocksDB library in use, such as `7.8.3`. */
  static readonly libraryVersion = native.rocksdbVersion

  /**
   * The value of `key`; undefined if there is none.
   *
   * @example
   * ```ts
   * const bytes = await db.get('order/1')
   * const text = await db.get('order/1', { valueEncoding: 'utf8' })
   * ```
   */
  get(key: Bytes, options: GetTextOptions): Promise<string | undefined>
  get(key: Bytes, options?: ReadOptions): Promise<Buffer | undefined>
  async get(key: Bytes, options: GetOptions = {}): Promise<Buffer | string | undefined> {
    checkBytes(key, 'the key')
    checkOptions('get', options, callChecks.get)
    const value = this.#opened().get(
      this.#families.idOf(options),
      key,
      isText(options.valueEncoding),
      options.fillCache ?? true,
      this.#handles.snapshotOf(options),
    )
    return value instanceof Promise ? await called(value) : value
  }

  /**
   * Same as {@link RocksDB.get}, but on this thread: the fastest way to values in memory, and a long wait if the value
   * has to come from an object store.
   *
   * @example
   * ```ts
   * const value = db.getSync('order/1')
   * ```
   */
  getSync(key: Bytes, options: GetTextOptions): string | undefined
  getSync(key: Bytes, options?: ReadOptions): Buffer | undefined
  getSync(key: Bytes, options: GetOptions = {}): Buffer | string | undefined {
    checkBytes(key, 'the key')
    checkOptions('get', options, callChecks.get)
    return this.#opened().getSync(
      this.#families.idOf(options),
      key,
      isText(options.valueEncoding),
      options.fillCache ?? true,
      this.#handles.snapshotOf(options),
    )
  }

  /**
   * The values of many keys at one moment, in the order of the keys. Values that are not in memory are read
   * concurrently.
   *
   * @example
   * ```ts
   * const [first, second] = await db.getMany(['order/1', 'order/2'])
   * ```
   */
  getMany(keys: readonly Bytes[], options: GetTextOptions): Promise<(string | undefined)[]>
  getMany(keys: readonly Bytes[], options?: ReadOptions): Promise<(Buffer | undefined)[]>
  async getMany(keys: readonly Bytes[], options: GetOptions = {}): Promise<(Buffer | string | undefined)[]> {
    if (!Array.isArray(keys)) throw new TypeError('expected the keys to be an array')
    for (const [index, key] of keys.entries()) checkBytes(key, `key ${index}`)
    checkOptions('get', options, callChecks.get)
    const database = this.#opened()
    if (keys.length === 0) return []
    return await called(
      database.getMany(
        this.#families.idOf(options),
        keys,
        isText(options.valueEncoding),
        options.fillCache ?? true,
        this.#handles.snapshotOf(options),
      ),
    )
  }

  /**
   * Sets the value of `key`. Writes take effect in the order of their calls.
   *
   * @example
   * ```ts
   * await db.put('order/1', JSON.stringify({ item: 'tea' }), { sync: true })
   * ```
   */
  async put(key: Bytes, value: Bytes, options: WriteOptions & FamilyChoice = {}): Promise<void> {
    checkBytes(key, 'the key')
    checkBytes(value, 'the value')
    checkOptions('put', options, callChecks.put)
    await called(this.#write([operationKind.put, this.#families.idOf(options), key, value], options))
  }

  /**
   * Removes `key`, if it is there.
   *
   * @example
   * ```ts
   * await db.delete('order/1')
   * ```
   */
  async delete(key: Bytes, options: WriteOptions & FamilyChoice = {}): Promise<void> {
    checkBytes(key, 'the key')
    checkOptions('delete', options, callChecks.delete)
    await called(this.#write([operationKind.delete, this.#families.idOf(options), key, undefined], options))
  }

  /**
   * Performs all of the operations, or none.
   *
   * @example
   * ```ts
   * await db.batch([
   *   { type: 'put', key: 'order/2', value: 'tea' },
   *   { type: 'put', key: 'customer/7', value: 'Ada', columnFamily: db.columnFamily('customers') },
   *   { type: 'delete', key: 'order/1' },
   *   { type: 'deleteRange', start: 'draft/', end: 'draft0' },
   * ])
   * ```
   */
  async batch(operations: readonly BatchOperation[], options: WriteOptions = {}): Promise<void> {
    checkOptions('batch', options, callChecks.batch)
    this.#opened()
    const flat = flatten(operations, (operation) => this.#families.idOf(operation))
    if (flat.length > 0) await called(this.#write(flat, options))
  }

  /**
   * Writes the memtables to table files: of one column family, or of all. With `atomic_flush`, which a cloud Env sets,
   * it always flushes all of them together, so that they agree about every batch. With a cloud Env the tables are in
   * the object store then. Resolves after every write that was called before.
   *
   * @throws RocksDBError after `timeoutMs`: with the store's last error if it refuses, otherwise `TimedOut`. Nothing is
   *   lost then: the flush goes on, and finishes soon after the store is back. Writes wait too once the memory is full.
   *   Rejects sooner if waiting does not help, as after a fence.
   *
   * @example
   * ```ts
   * await db.flush({ timeoutMs: 10_000 })
   * ```
   */
  async flush(options: FlushOptions = {}): Promise<void> {
    checkOptions('flush', options, callChecks.flush)
    const timeoutMs = boundedTimeout(options.timeoutMs ?? defaultFlushTimeoutMs)
    const database = this.#opened()
    if (options.columnFamily !== undefined)
      return await called(database.flush([this.#families.idOf(options)], timeoutMs))
    await called(this.#unlogged.endWith(database.flush(this.#families.ids, timeoutMs)))
  }

  /**
   * Puts the write-ahead log on disk, so that every write called before survives a power cut.
   *
   * @example
   * ```ts
   * await db.put('a', '1')
   * await db.put('b', '2')
   * await db.syncWal()
   * ```
   */
  async syncWal(): Promise<void> {
    await called(this.#opened().syncWal())
  }

  /**
   * Merges the tables of a range of keys now, which frees the space of overwritten and deleted entries.
   *
   * @example
   * ```ts
   * await db.compactRange({ start: 'order/', end: 'order0' })
   * ```
   */
  async compactRange(options: CompactRangeOptions = {}): Promise<void> {
    checkOptions('compactRange', options, callChecks.compactRange)
    const { start, end, rewrite = false } = options
    if (start !== undefined) checkBytes(start, '"start"')
    if (end !== undefined) checkBytes(end, '"end"')
    await called(this.#opened().compactRange(this.#families.idOf(options), start, end, rewrite))
  }

  /**
   * One of RocksDB's own properties (rocksdb/db.h names them); undefined if RocksDB has no such property.
   *
   * @example
   * ```ts
   * Number(await db.getProperty('rocksdb.estimate-num-keys'))
   * ```
   */
  async getProperty(name: string, options: FamilyChoice = {}): Promise<string | undefined> {
    if (typeof name !== 'string') throw new TypeError('expected the name of the property to be a string')
    checkOptions('getProperty', options, callChecks.getProperty)
    return await called(this.#opened().getProperty(this.#families.idOf(options), name))
  }

  /**
   * The entries of a range of keys, in the order of their bytes, as they are now.
   *
   * @example
   * ```ts
   * for await (const [key, value] of db.iterator({ gte: 'order/', limit: 10, keyEncoding: 'utf8' })) {
   *   console.log(key, value)
   * }
   * ```
   */
  iterator<KeyEncoding extends Encoding = 'buffer', ValueEncoding extends Encoding = 'buffer'>(
    options: IteratorOptions<KeyEncoding, ValueEncoding> = {},
  ): EntryIterator<Decoded<KeyEncoding>, Decoded<ValueEncoding>> {
    checkOptions('iterator', options, callChecks.iterator)
    return this.#handles.iterator(this.#opened(), this.#families.idOf(options), options)
  }

  /**
   * The database as it is now, for reads that belong together. Close the snapshot after use.
   *
   * @example
   * ```ts
   * const snapshot = db.snapshot()
   * const total = await db.get('total', { snapshot })
   * const parts = await db.getMany(['part/1', 'part/2'], { snapshot })
   * snapshot.close()
   * ```
   */
  snapshot(): Snapshot {
    return this.#handles.snapshot(this.#opened())
  }

  /** The names of the column families. */
  get columnFamilyNames(): readonly string[] {
    return this.#families.names
  }

  /**
   * The column family of that name.
   *
   * @throws RangeError if there is none.
   *
   * @example
   * ```ts
   * const customers = db.columnFamily('customers')
   * await db.put('7', 'Ada', { columnFamily: customers })
   * ```
   */
  columnFamily(name: string): ColumnFamily {
    return this.#families.named(name)
  }

  /**
   * Creates a column family. Its options start from those of the open call.
   *
   * @example
   * ```ts
   * const events = await db.createColumnFamily('events', { compression: 'kZSTD' })
   * ```
   */
  async createColumnFamily(name: string, options: RocksDBOptions = {}): Promise<ColumnFamily> {
    return await this.#families.create(name, options, () => this.#opened())
  }

  /**
   * Drops a column family with all its entries. Writes called before still take effect; nothing may use it after.
   *
   * @example
   * ```ts
   * await db.dropColumnFamily(db.columnFamily('events'))
   * ```
   */
  async dropColumnFamily(columnFamily: ColumnFamily): Promise<void> {
    this.#opened()
    await this.#families.drop(columnFamily)
  }

  /**
   * Closes the database, after the calls under way, with its iterators and snapshots. With a cloud Env it flushes
   * first, so that losing this machine costs nothing; if there is nothing to flush, that takes no request. May be
   * called again, and ends as the first call does.
   *
   * @throws RocksDBError if something could not be flushed within `timeoutMs`: how much of which column family, why,
   *   and whether it is in the local write-ahead log, from which the next opening brings it back, or lost. The database
   *   is closed all the same, and its directory free.
   *
   * @example
   * ```ts
   * await db.close({ timeoutMs: 10_000 })
   * ```
   */
  close(options: CloseOptions = {}): Promise<void> {
    try {
      checkOptions('close', options, callChecks.close)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#closing ??= closeDatabase(this, this.#database, {
      families: this.#families.all,
      handles: this.#handles.all,
      unlogged: this.#unlogged.count,
      options,
    })
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #write(operations: FlatOperations, options: WriteOptions): Promise<void> {
    return this.#unlogged.write(this.#opened(), operations, options)
  }

  #opened(): NativeDatabase {
    if (this.#closing) throw new RocksDBError('Closed', `"${this.path}" is closed`)
    return this.#database.native
  }
}
