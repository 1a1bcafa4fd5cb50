import { CommanderError } from '@commander-js/extra-typings'
import { RocksDBError, type RocksDBErrorCode } from '../engine/rocksdb-error.js'
import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { HostGoneError } from '../host/host-gone-error.js'
import { UsageError } from './usage-error.js'

/** How a command ends. */
export const exitCode = {
  good: 0,
  /** It found something wrong, or what was looked for is not there; or something is wrong with this program. */
  foundWrong: 1,
  /** Another command line would help. */
  wrongUse: 2,
  /** The store did not answer, or not to us; or what was found cannot be written to standard output. */
  noStore: 3,
} as const

/** How stores call it: no such bucket, no credentials, the wrong region, forbidden, out of reach. */
const storeCodes: ReadonlySet<EnvErrorCode> = new Set([
  'PathNotFound',
  'InvalidArgument',
  'IOError',
  'TimedOut',
])

/** What RocksDB makes of them; whatever else it complains about is in the database. */
const engineStoreCodes: ReadonlySet<RocksDBErrorCode> = new Set(['PathNotFound', 'IOError', 'TimedOut'])

/** The exit code of a command that failed so. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.good : exitCode.wrongUse
  if (error instanceof UsageError) return exitCode.wrongUse
  if (error instanceof HostGoneError) return exitCode.foundWrong
  if (EnvError.is(error) && storeCodes.has(error.code)) return exitCode.noStore
  if (error instanceof RocksDBError && engineStoreCodes.has(error.code)) return exitCode.noStore
  return exitCode.foundWrong
}
