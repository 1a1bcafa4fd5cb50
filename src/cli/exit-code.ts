import { CommanderError } from '@commander-js/extra-typings'
import { RocksDBError, type RocksDBErrorCode } from '../binding/rocksdb-error.js'
import { ArgumentError } from '../env/argument-error.js'
import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { HostGoneError } from '../host/host-gone-error.js'
import { UsageError } from './usage-error.js'

/** Exit codes of a command. */
export const exitCode = {
  good: 0,
  /** Found something wrong, or did not find what it looked for; or this program itself has a fault. */
  foundWrong: 1,
  /** Another command line would help. */
  wrongUse: 2,
  /** The store did not answer, or refused us; or standard output cannot be written. */
  noStore: 3,
} as const

/** Codes of errors of stores: no such bucket, no credentials, the wrong region, forbidden, out of reach. */
const storeCodes: ReadonlySet<EnvErrorCode> = new Set([
  'PathNotFound',
  'InvalidArgument',
  'IOError',
  'TimedOut',
])

/** RocksDB's codes for them; any other complaint of RocksDB is about the database. */
const engineStoreCodes: ReadonlySet<RocksDBErrorCode> = new Set(['PathNotFound', 'IOError', 'TimedOut'])

/** Exit code of a command that failed with this error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.good : exitCode.wrongUse
  if (error instanceof UsageError || error instanceof ArgumentError) return exitCode.wrongUse
  if (error instanceof HostGoneError) return exitCode.foundWrong
  if (EnvError.is(error) && storeCodes.has(error.code)) return exitCode.noStore
  if (error instanceof RocksDBError && engineStoreCodes.has(error.code)) return exitCode.noStore
  return exitCode.foundWrong
}
