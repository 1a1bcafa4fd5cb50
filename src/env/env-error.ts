/**
 * What an Env may answer when it cannot do what was asked: RocksDB's own vocabulary, so that the
 * engine reacts as it would to a local file system (see `IOStatus` in rocksdb/io_status.h).
 */
export type EnvErrorCode =
  | 'NotFound'
  | 'Corruption'
  | 'NotSupported'
  | 'InvalidArgument'
  | 'IOError'
  | 'IOFenced'
  | 'NoSpace'
  | 'PathNotFound'
  | 'Busy'
  | 'TimedOut'

/** How much of the database an error concerns, as RocksDB counts it. */
export type EnvErrorScope = 'file' | 'range' | 'fileSystem'

export interface EnvErrorOptions {
  /**
   * True where the same call may succeed later. Where a directory's fsync or the sync of a MANIFEST fails so, it
   * is called again until it succeeds or the database is closed; elsewhere RocksDB recovers by itself.
   */
  readonly retryable?: boolean
  readonly scope?: EnvErrorScope
  readonly cause?: unknown
}

/**
 * The one error class of an Env and of everything below it. The message says what failed, on which
 * object, why, and what to do about it; it never holds a credential.
 */
export class EnvError extends Error {
  override readonly name = 'EnvError'
  readonly code: EnvErrorCode
  readonly retryable: boolean
  readonly scope: EnvErrorScope

  constructor(code: EnvErrorCode, message: string, options: EnvErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    // RocksDB takes whatever concerns one file only for something that passes, and recovers from it; a fence doesn't.
    this.scope = options.scope ?? (code === 'IOFenced' ? 'fileSystem' : 'file')
  }

  /** Whether `error` is an EnvError, with the given code when one is named. */
  static is(error: unknown, code?: EnvErrorCode): error is EnvError {
    return error instanceof EnvError && (code === undefined || error.code === code)
  }
}

const codeOfErrno: Readonly<Record<string, EnvErrorCode>> = {
  ENOENT: 'NotFound',
  ENOTDIR: 'PathNotFound',
  ENOSPC: 'NoSpace',
  EDQUOT: 'NoSpace',
  EBUSY: 'Busy',
  EINVAL: 'InvalidArgument',
  ETIMEDOUT: 'TimedOut',
}

/** Any thrown value as an EnvError: one passes through, a system error keeps its meaning. */
export function toEnvError(error: unknown, operation: string): EnvError {
  if (error instanceof EnvError) return error
  const errno = (error as NodeJS.ErrnoException | undefined)?.code
  const code = (typeof errno === 'string' && codeOfErrno[errno]) || 'IOError'
  const reason = error instanceof Error ? error.message : String(error)
  return new EnvError(code, `${operation}: ${reason}`, { cause: error, retryable: code === 'NoSpace' })
}
