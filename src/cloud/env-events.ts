import type { EnvErrorCode } from '../env/env-error.js'
import type { StoreRequest } from '../store/store-request.js'

/** Events of a cloud Env, by name. */
export interface CloudEnvEvents {
  /** A request to the store or a source has ended. */
  readonly request: StoreRequest
  /** A commit has succeeded or failed. */
  readonly commit: DatabaseCommit
  /** RocksDB found damage in a table, and the Env fetched the range again. */
  readonly refetch: DamageRefetch
  /** A file of a database that is being migrated has arrived in the store, or could not be sent. */
  readonly migration: DatabaseMigration
  /** A database turned out to belong to somebody else, or to be gone. */
  readonly fence: DatabaseFence
}

export const cloudEnvEvents = [
  'request',
  'commit',
  'refetch',
  'migration',
  'fence',
] as const satisfies readonly (keyof CloudEnvEvents)[]

/** RocksDB synced a MANIFEST: its tables had to be in the store, then the MANIFEST itself. */
export interface DatabaseCommit {
  /** The database's. */
  readonly directory: string
  /** Time that RocksDB waited, in milliseconds with fractions. */
  readonly milliseconds: number
  /** 1 for the first attempt. A commit that fails is repeated, by the engine or by RocksDB itself. */
  readonly attempt: number
  /** Undefined if the commit succeeded. */
  readonly errorCode: EnvErrorCode | undefined
  /** Says why it failed; undefined if it succeeded. */
  readonly errorMessage: string | undefined
}

export interface DamageRefetch {
  /** The table's, as RocksDB knows it. */
  readonly path: string
  /** True if the store gave other bytes than were held, so that the damage was local and is mended. */
  readonly isHealed: boolean
}

/** How far a database has come on its way from a directory into the store. */
export interface DatabaseMigration {
  /** The database's. */
  readonly directory: string
  /** Tables and blob files that it has now, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** The part of them that the store has. */
  readonly arrivedFiles: number
  readonly arrivedBytes: number
  /** True once the database is one of the store. */
  readonly isComplete: boolean
  /** Says why the last step failed. It is repeated if that may help; if not, the next opening does. */
  readonly errorMessage: string | undefined
}

export interface DatabaseFence {
  /** The database's. */
  readonly directory: string
  /** Message of the errors that its writes fail with from now on. */
  readonly message: string
}
