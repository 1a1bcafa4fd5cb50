import { native } from '../binding/native.js'
import type { CloseOptions } from './call-options.js'
import type { ColumnFamily } from './column-family.js'
import { EnvUse } from './env-use.js'
import { flushLast } from './last-flush.js'
import { called } from './native-call.js'
import type { OpenedDatabase } from './open-request.js'
import { boundedTimeout, defaultCloseTimeoutMs } from './timeout.js'

/** A database to be closed before the process ends. */
interface Closable {
  close(options: { readonly flush: boolean }): Promise<void>
}

const openDatabases = new Set<Closable>()

// Runs however the process ends: RocksDB's threads must not outlive its static objects.
process.on('exit', () => {
  EnvUse.expireAll()
  // A flush now would hold the process up. RocksDB itself flushes what was written without the log.
  for (const database of openDatabases) void database.close({ flush: false }).catch(() => {})
  native.shutdown()
})

/** Closes the database when the process ends. */
export function closeAtExit(database: Closable): void {
  openDatabases.add(database)
}

export interface Closing {
  readonly families: readonly ColumnFamily[]
  /** Iterators and snapshots that are open. */
  readonly handles: readonly { close(): unknown }[]
  /** Upper bound of the entries that may be in no table and no write-ahead log. */
  readonly unlogged: number
  readonly options: CloseOptions
}

/**
 * Closes the open handles of the database, then the database itself, after a flush if that is wanted.
 * @throws RocksDBError for what could not be flushed within the time; the database is closed all the same.
 */
export async function closeDatabase(
  database: Closable,
  { path, native, use, readOnly }: OpenedDatabase,
  { families, handles, unlogged, options }: Closing,
): Promise<void> {
  openDatabases.delete(database)
  const timeoutMs = boundedTimeout(options.timeoutMs ?? defaultCloseTimeoutMs)
  const closed = Promise.all(handles.map((handle) => handle.close()))
  // RocksDB flushes entries without a log by itself, and tells nobody when that fails.
  const isFlushed = !readOnly && (options.flush ?? (use.flushOnClose || unlogged > 0))
  const flushing = isFlushed ? flushLast({ path, native, families, unlogged }, timeoutMs) : undefined
  const closing = use.within(timeoutMs, async () => {
    if (flushing) await Promise.allSettled([flushing])
    await Promise.all([closed, called(native.close())])
  })
  const [outcome] = await Promise.allSettled([closing])
  use.end()
  const loss = await flushing
  if (loss) throw loss
  if (outcome.status === 'rejected') throw outcome.reason
}
