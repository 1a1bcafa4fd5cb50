import type { NativeDatabase } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import type { ColumnFamily } from './column-family.js'
import { called } from './native-call.js'

/** A database that is about to be closed. */
export interface ClosingDatabase {
  readonly path: string
  readonly native: NativeDatabase
  readonly families: readonly ColumnFamily[]
  /** Upper bound of the entries that may be in no table and no write-ahead log. */
  readonly unlogged: number
}

/**
 * Flushes every column family.
 * @returns the error for closing: the entries that no table has, and where they are. Undefined if there are none.
 */
export async function flushLast(
  database: ClosingDatabase,
  timeoutMs: number,
): Promise<RocksDBError | undefined> {
  const { native, families } = database
  const ids = families.map(({ id }) => id)
  try {
    await called(native.flush(ids, timeoutMs))
    return undefined
  } catch (error) {
    if (!(error instanceof RocksDBError)) throw error
    const left: [name: string, entries: number][] = []
    for (const { name, id } of families) {
      const entries = await entriesInMemory(native, id)
      if (entries > 0) left.push([name, entries])
    }
    return left.length === 0 ? undefined : lossOf(database, left, error)
  }
}

async function entriesInMemory(native: NativeDatabase, id: number): Promise<number> {
  const properties = ['rocksdb.num-entries-active-mem-table', 'rocksdb.num-entries-imm-mem-tables']
  const counts = await Promise.all(properties.map((name) => native.getProperty(id, name)))
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0)
}

function lossOf(
  { path, unlogged }: ClosingDatabase,
  left: readonly (readonly [name: string, entries: number])[],
  cause: RocksDBError,
): RocksDBError {
  const total = left.reduce((sum, [, entries]) => sum + entries, 0)
  const lost = Math.min(unlogged, total)
  const where = left.map(([name, entries]) => `${entries} of "${name}"`).join(', ')
  const reason = cause.message.replace(`cannot flush "${path}": `, '')
  const message =
    `"${path}" is closed, but ${entryCount(total)} could not be flushed (${where}): ${reason}. ` +
    [lost > 0 && unloggedFate(lost, total), lost < total && loggedFate(path, cause)].filter(Boolean).join(' ')
  return new RocksDBError(cause.code, message, { cause })
}

function unloggedFate(lost: number, total: number): string {
  if (lost === total) return 'All of it was written with disableWAL, and is lost.'
  return `Up to ${lost} of them were written with disableWAL, and are lost.`
}

function loggedFate(path: string, { code }: RocksDBError): string {
  const log = `What was written with the write-ahead log is in ${path}`
  if (code === 'IOFenced')
    return `${log}: the next opening for writing there sets that log aside, in set-aside-*.`
  return `${log}: open the database there again, and it comes back.`
}

function entryCount(count: number): string {
  return count === 1 ? '1 entry' : `${count.toLocaleString('en')} entries`
}
