import type { FamilyId, NativeDatabase, Settings } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import type { HostedEnv } from '../host/hosted-env.js'
import { describe } from '../options/describe.js'
import type { FamilyChoice } from './call-options.js'
import type { ColumnFamily } from './column-family.js'
import { called } from './native-call.js'
import { checkAllowed, type OpenedDatabase } from './open-request.js'

import { checkArena } from './option-limits.js'
import { type RocksDBOptions, settingsOf } from './options.js'

/** The column families of an open database. */
export class ColumnFamilies {
  readonly #path: string
  readonly #native: NativeDatabase
  readonly #readOnly: boolean
  /** Options that a new column family starts from. */
  readonly #settings: Settings
  readonly #refusedOptions: HostedEnv['refusedOptions']
  readonly #byName: Map<string, ColumnFamily>

  constructor({ path, native, use, readOnly, settings }: OpenedDatabase) {
    this.#path = path
    this.#native = native
    this.#readOnly = readOnly
    this.#settings = settings
    this.#refusedOptions = use.refusedOptions
    this.#byName = new Map(native.families().map(([name, id]) => [name, { name, id }]))
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  get all(): readonly ColumnFamily[] {
    return [...this.#byName.values()]
  }

  get ids(): readonly FamilyId[] {
    return this.all.map(({ id }) => id)
  }

  /** @throws RangeError if there is none. */
  named(name: string): ColumnFamily {
    const family = this.#byName.get(name)
    if (family) return family
    throw new RangeError(
      `there is no column family "${name}" in "${this.#path}", which has ${this.names.join(', ')}`,
    )
  }

  /** The column family of a call. @throws TypeError; RocksDBError InvalidArgument: of another database, or dropped. */
  idOf({ columnFamily }: FamilyChoice): FamilyId {
    if (columnFamily === undefined) return 0
    if (typeof columnFamily !== 'object' || columnFamily === null) throw notOfFamilies(columnFamily)
    if (this.#byName.get(columnFamily.name) === columnFamily) return columnFamily.id
    throw new RocksDBError(
      'InvalidArgument',
      `"${columnFamily.name}" is not a column family of "${this.#path}", or not any more`,
    )
  }

  /** @param assertOpen throws if the database is closed. */
  async create(name: string, options: RocksDBOptions, assertOpen: () => void): Promise<ColumnFamily> {
    if (typeof name !== 'string') throw new TypeError('expected the name of the column family to be a string')
    const settings = settingsOf(options)
    checkAllowed(options, this.#refusedOptions)
    checkArena([...this.#settings, ...settings])
    assertOpen()
    this.#assertWritable(`create the column family "${name}"`)
    const id = await called(this.#native.createColumnFamily(name, settings))
    const family = { name, id }
    this.#byName.set(name, family)
    return family
  }

  async drop(columnFamily: ColumnFamily): Promise<void> {
    if (columnFamily === undefined) throw notOfFamilies(columnFamily)
    const id = this.idOf({ columnFamily })
    const { name } = columnFamily
    if (name === 'default') throw new RangeError('the default column family cannot be dropped')
    this.#assertWritable(`drop the column family "${name}"`)
    this.#byName.delete(name)
    try {
      await called(this.#native.dropColumnFamily(id))
    } catch (error) {
      this.#byName.set(name, columnFamily)
      throw error
    }
  }

  /** RocksDB itself would create and drop column families of a read-only database. */
  #assertWritable(action: string): void {
    if (this.#readOnly)
      throw new RocksDBError('NotSupported', `cannot ${action} in "${this.#path}": it is open read-only`)
  }
}

function notOfFamilies(value: unknown): TypeError {
  return new TypeError(`expected "columnFamily" to be one of db.columnFamily(), got ${describe(value)}`)
}
