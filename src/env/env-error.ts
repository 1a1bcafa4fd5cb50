/**
 * Codes with which an Env refuses a request: RocksDB's own vocabulary, so that the engine reacts as it would to a local
 * file system (see `IOStatus` in rocksdb/io_status.h).
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

/** Part of the database that an error concerns, in RocksDB's terms. */
export type EnvErrorScope = 'file' | 'range' | 'fileSystem'

export interface EnvErrorOptions {
  /**
   * True if the same call may succeed later. If a directory's fsync or the sync of a MANIFEST fails so, it is called
   * again until it succeeds or the database is closed; elsewhere RocksDB recovers by itself.
   */
  readonly retryable?: boolean
  readonly scope?: EnvErrorScope
  readonly cause?: unknown
}

/**
 * The only error class of an Env and of everything below it. The message says what failed, on which object, why, and
 * what to do about it; it never contains a credential.
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
    // RocksDB takes an error that concerns only one file for a passing one, and recovers from it; a fence doesn't pass.
    this.scope = options.scope ?? (code === 'IOFenced' ? 'fileSystem' : 'file')
  }

  /** Reports whether `error` is an EnvError, with the given code if one is named. */
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
  // For a link: RocksDB copies then.
  EXDEV: 'NotSupported',
  ENOTSUP: 'NotSupported',
}

/** Any thrown value as an EnvError: an EnvError passes through, a system error keeps its meaning. */
export function toEnvError(error: unknown, operation: string): EnvError {
  if (error instanceof EnvError) return error
  const errno = (error as NodeJS.ErrnoException | undefined)?.code
  const code = (typeof errno === 'string' && codeOfErrno[errno]) || 'IOError'
  const reason = error instanceof Error ? error.message : String(error)
  return new EnvError(code, `${operation}: ${reason}`, { cause: error, retryable: code === 'NoSpace' })
}

/** The answer; undefined if there is no such object or file. */
export async function unlessNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (EnvError.is(error, 'NotFound')) return undefined
    throw error
  })
}
