import { resolve } from 'node:path'
import type { HostedEnv } from '../host/hosted-env.js'
import { type BatchOperation, type FlatOperations, flatten } from './batch.js'
import { type Bytes, checkBytes, describe } from './bytes.js'
import type {
  CompactRangeOptions,
  FamilyChoice,
  FlushOptions,
  GetOptions,
  GetTextOptions,
  IteratorOptions,
  OpenOptions,
  ReadOptions,
  WriteOptions,
} from './call-options.js'
import type { ColumnFamily } from './column-family.js'
import { type Decoded, decoder, type Encoding, isText } from './encoding.js'
import { EntryIterator } from './iterator.js'
import { boundsOf } from './key-range.js'
import {
  type FamilyId,
  type NativeDatabase,
  type NativeSnapshot,
  native,
  operationKind,
  type Settings,
} from './native.js'
import { checkOptions } from './option-names.js'
import { type RocksDBOptions, settingsOf } from './options.js'
import { RocksDBError } from './rocksdb-error.js'
import { Snapshot } from './snapshot.js'

const defaultFlushTimeoutMs = 60_000
/** 24 days: what RocksDB's clock can add in nanoseconds without a thought. */
const maxFlushTimeoutMs = 2 ** 31 - 1

const openDatabases = new Set<RocksDB>()

// Whatever ends the process: RocksDB's threads must not outlive its static objects.
process.on('exit', () => {
  for (const db of openDatabases) void db.close()
  native.shutdown()
})

/**
 * A RocksDB database. Keys and values are bytes; a string stands for its UTF-8 form. Calls run on threads of their
 * own, and whatever is under way keeps the process alive.
 *
 * Every call fails with a {@link RocksDBError}, `Closed` after {@link RocksDB.close}; bad arguments are a TypeError
 * or a RangeError.
 */
export class RocksDB {
  readonly path: string
  readonly #native: NativeDatabase
  readonly #families: Map<string, ColumnFamily>
  readonly #open = new Set<{ close(): unknown }>()
  #closing: Promise<void> | undefined

  private constructor(path: string, database: NativeDatabase) {
    this.path = path
    this.#native = database
    openDatabases.add(this)
    this.#families = new Map(database.families().map(([name, id]) => [name, { name, id }]))
  }

  /**
   * Opens the database in the directory `path`.
   *
   * @throws RangeError for an option that RocksDB doesn't have, TypeError for a value that doesn't suit it,
   *   RocksDBError `NotFound` when there is no database and `createIfMissing` is false.
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
    checkPath(path)
    checkOptions('open', options)
    const { env, columnFamilies = {}, readOnly = false, onlyNamedFamilies = false } = options
    if (onlyNamedFamilies && !readOnly)
      throw new TypeError(
        'expected "onlyNamedFamilies" with "readOnly": who writes opens every column family',
      )
    const absolutePath = resolve(path)
    const settings = [
      ...settingsOf({ create_if_missing: true, create_missing_column_families: true }),
      ...settingsOf(env?.defaultOptions ?? {}),
      ...settingsOf(options.options ?? {}),
      ...creation(options.createIfMissing),
    ]
    const families = Object.entries(columnFamilies).map(([name, own]) => ({
      name,
      settings: settingsOf(own, `columnFamilies.${name}`),
    }))
    for (const own of [options.options ?? {}, ...Object.values(columnFamilies)]) checkAllowed(own, env)
    const socketPath = (await env?.start()) ?? ''
    const database = await native.open({
      path: absolutePath,
      socketPath,
      readOnly,
      onlyNamedFamilies,
      settings,
      families,
    })
    return new RocksDB(absolutePath, database)
  }

  /**
   * The names of the column families of the database in the directory `path`, which may be open elsewhere.
   *
   * @example
   * ```ts
   * await RocksDB.listColumnFamilies('./data/orders') // ['default', 'customers']
   * ```
   */
  static async listColumnFamilies(
    path: string,
    options: { readonly env?: HostedEnv } = {},
  ): Promise<string[]> {
    checkPath(path)
    checkOptions('listColumnFamilies', options)
    return native.listColumnFamilies(resolve(path), (await options.env?.start()) ?? '')
  }

  /** The version of the RocksDB library in use, such as `7.8.3`. */
  static readonly libraryVersion = native.rocksdbVersion

  /**
   * The value of `key`, undefined when there is none.
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
    checkOptions('get', options)
    return this.#opened().get(
      this.#familyOf(options),
      key,
      isText(options.valueEncoding),
      options.fillCache ?? true,
      this.#snapshotOf(options),
    )
  }

  /**
   * The same as {@link RocksDB.get}, on this thread: the quickest way to what is in memory, and a long wait where
   * the value has to come from an object store.
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
    checkOptions('get', options)
    return this.#opened().getSync(
      this.#familyOf(options),
      key,
      isText(options.valueEncoding),
      options.fillCache ?? true,
      this.#snapshotOf(options),
    )
  }

  /**
   * The values of many keys as they are at one moment, in the order of the keys. What has to be read is read at
   * the same time.
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
    checkOptions('get', options)
    const database = this.#opened()
    if (keys.length === 0) return []
    return database.getMany(
      this.#familyOf(options),
      keys,
      isText(options.valueEncoding),
      options.fillCache ?? true,
      this.#snapshotOf(options),
    )
  }

  /**
   * Sets the value of `key`. Writes take effect in the order in which they were called.
   *
   * @example
   * ```ts
   * await db.put('order/1', JSON.stringify({ item: 'tea' }), { sync: true })
   * ```
   */
  async put(key: Bytes, value: Bytes, options: WriteOptions & FamilyChoice = {}): Promise<void> {
    checkBytes(key, 'the key')
    checkBytes(value, 'the value')
    checkOptions('put', options)
    return this.#write([operationKind.put, this.#familyOf(options), key, value], options)
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
    checkOptions('delete', options)
    return this.#write([operationKind.delete, this.#familyOf(options), key, undefined], options)
  }

  /**
   * Does all of the operations, or none.
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
    checkOptions('batch', options)
    this.#opened()
    const flat = flatten(operations, (operation) => this.#familyOf(operation))
    if (flat.length > 0) await this.#write(flat, options)
  }

  /**
   * Writes what is in memory to table files: of one column family, or of all. With `atomic_flush`, which a cloud Env
   * sets, it is always all of them, together, so that they agree about every batch. With a cloud Env it is in
   * the object store then. Resolves after every write that was called before.
   *
   * @throws RocksDBError when the store still refuses after `timeoutMs`, with what it said last, or when waiting
   *   does not help, as after a fence. In the first case nothing is lost: what was begun goes on, and
   *   is done soon after the store is back. Writes wait too once the memory is full.
   *
   * @example
   * ```ts
   * await db.flush({ timeoutMs: 10_000 })
   * ```
   */
  async flush(options: FlushOptions = {}): Promise<void> {
    checkOptions('flush', options)
    const { columnFamily, timeoutMs = defaultFlushTimeoutMs } = options
    if (!(timeoutMs >= 0)) throw new RangeError(`expected "timeoutMs" to be 0 or more, got ${timeoutMs}`)
    const database = this.#opened()
    const families = columnFamily
      ? [this.#familyOf(options)]
      : [...this.#families.values()].map(({ id }) => id)
    await database.flush(families, Math.min(timeoutMs, maxFlushTimeoutMs))
  }

  /**
   * Puts the write-ahead log on disk: every write called before survives a power cut then.
   *
   * @example
   * ```ts
   * await db.put('a', '1')
   * await db.put('b', '2')
   * await db.syncWal()
   * ```
   */
  async syncWal(): Promise<void> {
    await this.#opened().syncWal()
  }

  /**
   * Merges the tables of a range of keys now, which frees what was overwritten or deleted.
   *
   * @example
   * ```ts
   * await db.compactRange({ start: 'order/', end: 'order0' })
   * ```
   */
  async compactRange(options: CompactRangeOptions = {}): Promise<void> {
    checkOptions('compactRange', options)
    const { start, end } = options
    if (start !== undefined) checkBytes(start, '"start"')
    if (end !== undefined) checkBytes(end, '"end"')
    await this.#opened().compactRange(this.#familyOf(options), start, end)
  }

  /**
   * One of RocksDB's own properties (rocksdb/db.h names them), undefined when it has no such property.
   *
   * @example
   * ```ts
   * Number(await db.getProperty('rocksdb.estimate-num-keys'))
   * ```
   */
  async getProperty(name: string, options: FamilyChoice = {}): Promise<string | undefined> {
    if (typeof name !== 'string') throw new TypeError('expected the name of the property to be a string')
    checkOptions('getProperty', options)
    return this.#opened().getProperty(this.#familyOf(options), name)
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
    checkOptions('iterator', options)
    const { limit = Number.POSITIVE_INFINITY, keyEncoding, valueEncoding } = options
    if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit >= 0)) {
      throw new RangeError(`expected "limit" to be an integer of 0 or more, got ${limit}`)
    }
    const { lower, upper } = boundsOf(options)
    const iterator = new EntryIterator({
      native: this.#opened().iterator(
        this.#familyOf(options),
        lower,
        upper,
        options.reverse ?? false,
        options.fillCache ?? true,
        this.#snapshotOf(options),
      ),
      limit,
      decodeKey: decoder(keyEncoding),
      decodeValue: decoder(valueEncoding),
      onClose: () => this.#open.delete(iterator),
    })
    this.#open.add(iterator)
    return iterator
  }

  /**
   * The database as it is now, for reads that belong together. To be closed.
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
    const snapshot = new Snapshot(this.#opened().snapshot(), () => this.#open.delete(snapshot))
    this.#open.add(snapshot)
    return snapshot
  }

  /** The names of the column families. */
  get columnFamilyNames(): readonly string[] {
    return [...this.#families.keys()]
  }

  /**
   * The column family of that name.
   *
   * @throws RangeError when there is none.
   *
   * @example
   * ```ts
   * const customers = db.columnFamily('customers')
   * await db.put('7', 'Ada', { columnFamily: customers })
   * ```
   */
  columnFamily(name: string): ColumnFamily {
    const family = this.#families.get(name)
    if (family) return family
    throw new RangeError(
      `there is no column family "${name}" in "${this.path}", which has ${this.columnFamilyNames.join(', ')}`,
    )
  }

  /**
   * Creates a column family. Its options start from those that the database was opened with.
   *
   * @example
   * ```ts
   * const events = await db.createColumnFamily('events', { compression: 'kZSTD' })
   * ```
   */
  async createColumnFamily(name: string, options: RocksDBOptions = {}): Promise<ColumnFamily> {
    if (typeof name !== 'string') throw new TypeError('expected the name of the column family to be a string')
    const id = await this.#opened().createColumnFamily(name, settingsOf(options))
    const family = { name, id }
    this.#families.set(name, family)
    return family
  }

  /**
   * Drops a column family with all that is in it. Writes called before still take effect; nothing may use it after.
   *
   * @example
   * ```ts
   * await db.dropColumnFamily(db.columnFamily('events'))
   * ```
   */
  async dropColumnFamily(columnFamily: ColumnFamily): Promise<void> {
    const database = this.#opened()
    const id = this.#familyOf({ columnFamily })
    if (columnFamily.name === 'default') throw new RangeError('the default column family cannot be dropped')
    this.#families.delete(columnFamily.name)
    try {
      await database.dropColumnFamily(id)
    } catch (error) {
      this.#families.set(columnFamily.name, columnFamily)
      throw error
    }
  }

  /**
   * Closes the database, after the calls under way, with its iterators and snapshots. May be called again.
   * What is only in memory and the write-ahead log is there again when the database is opened next.
   *
   * @example
   * ```ts
   * await db.close()
   * ```
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    openDatabases.delete(this)
    const children = [...this.#open]
    const closed = Promise.all(children.map((child) => child.close()))
    await Promise.all([closed, this.#native.close()])
  }

  #write(operations: FlatOperations, options: WriteOptions): Promise<void> {
    return this.#opened().write(operations, options.sync ?? false, options.disableWAL ?? false)
  }

  #opened(): NativeDatabase {
    if (this.#closing) throw new RocksDBError('Closed', `"${this.path}" is closed`)
    return this.#native
  }

  #snapshotOf({ snapshot }: ReadOptions): NativeSnapshot | undefined {
    if (snapshot === undefined) return undefined
    const native = Snapshot.nativeOf(snapshot)
    if (this.#open.has(snapshot)) return native
    throw new RocksDBError('InvalidArgument', `the snapshot is not one of "${this.path}"`)
  }

  #familyOf({ columnFamily }: FamilyChoice): FamilyId {
    if (columnFamily === undefined) return 0
    if (typeof columnFamily !== 'object' || columnFamily === null) {
      throw new TypeError(
        `expected "columnFamily" to be one of db.columnFamily(), got ${describe(columnFamily)}`,
      )
    }
    if (this.#families.get(columnFamily.name) === columnFamily) return columnFamily.id
    throw new RocksDBError(
      'InvalidArgument',
      `"${columnFamily.name}" is not a column family of "${this.path}", or not any more`,
    )
  }
}

function checkAllowed(options: RocksDBOptions, env: HostedEnv | undefined): void {
  for (const [name, reason] of Object.entries(env?.refusedOptions ?? {})) {
    if (Object.hasOwn(options, name))
      throw new RangeError(`option "${name}" can't be used with this Env: ${reason}`)
  }
}

function checkPath(path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '') return
  throw new TypeError(`expected the path of the database to be a string that is not empty, got ${path}`)
}

function creation(createIfMissing: boolean | undefined): Settings {
  if (createIfMissing === undefined) return []
  return settingsOf({ create_if_missing: createIfMissing, create_missing_column_families: createIfMissing })
}
