import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { PreconditionFailed, Throttled } from './object-store.js'
import type { StoreOperation } from './store-request.js'

/**
 * The EnvError for whatever a store of somebody's own threw. An error that is none says nothing about the object, so it
 * counts as a failure on the way to it, which may pass.
 * @param object its name in messages, such as `mystore://place/key`.
 */
export function storeError(error: unknown, operation: StoreOperation, object: string): EnvError {
  const known = asEnvError(error)
  if (known && known.code === 'Busy' && operation === 'put' && !(known instanceof PreconditionFailed))
    return new PreconditionFailed(known.message, error)
  if (known) return known.message.includes(object) ? known : named(known, `${operation} ${object}`)
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const isLate = name === 'TimeoutError'
  const reason = isLate ? `the store did not answer in time (${message})` : message
  return new EnvError(isLate ? 'TimedOut' : 'IOError', `${operation} ${object}: ${reason}`, {
    retryable: true,
    cause: error,
  })
}

/** The same error, with what failed in its message. */
function named(error: EnvError, call: string): EnvError {
  if (error instanceof PreconditionFailed) return error
  const message = `${call}: ${error.message}`
  if (error instanceof Throttled)
    return new Throttled(message, { retryAfterMs: error.retryAfterMs, cause: error })
  const { code, retryable, scope } = error
  return new EnvError(code, message, { retryable, scope, cause: error })
}

/** An EnvError may be of another copy of this package, which the module of the store has for itself. */
function asEnvError(error: unknown): EnvError | undefined {
  if (error instanceof EnvError) return error
  if (!(error instanceof Error) || error.name !== 'EnvError') return undefined
  if ('retryAfterMs' in error) {
    const { retryAfterMs } = error as Throttled
    return new Throttled(error.message, { retryAfterMs, cause: error })
  }
  const { code, retryable } = error as EnvError
  return new EnvError(code as EnvErrorCode, error.message, { retryable, cause: error })
}
