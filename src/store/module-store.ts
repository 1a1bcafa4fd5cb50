import { EnvError } from '../env/env-error.js'
import { exportedFunction } from '../env/exported-function.js'
import { describeKind } from '../options/describe.js'
import { lackingMethods } from '../options/lacking-methods.js'
import type { ObjectStore } from './object-store.js'
import { type RequestLimits, withinTime } from './request-deadline.js'

/**
 * A module that opens stores of your own, for URLs of any scheme but `s3` and `file`. It is loaded in the thread or
 * process of the Env.
 *
 * @example
 * // mystore.js
 * export function openStore(url, options) {
 *   return new MyStore(url, options)
 * }
 */
export interface StoreModule {
  /**
   * Opens the store at a URL. What it returns is wrapped: its calls are repeated when they fail with a retryable error,
   * limited in time, counted, and can be abandoned.
   *
   * @param url with `%`, `?`, `#` and what a shell obeys escaped, no empty segments, and no slash at its end.
   * @param options a copy of `storeOptions`; on the command line texts, by `--store-option name=value`.
   */
  openStore(url: string, options: Readonly<Record<string, unknown>>): ObjectStore | Promise<ObjectStore>
}

const exportName = 'openStore'
const methods = ['get', 'head', 'put', 'list', 'deleteMany', 'copy', 'close'] as const

/** @throws EnvError: of the function; or InvalidArgument, if the module is not a {@link StoreModule}. */
export async function openModuleStore(
  module: string,
  url: string,
  options: Readonly<Record<string, unknown>>,
  limits: RequestLimits,
): Promise<ObjectStore> {
  const open = await exportedFunction(module, exportName, '"storeModule"')
  const name = `"${exportName}" of ${module}`
  let store: unknown
  try {
    store = await withinTime(limits, async () => open(url, options))
  } catch (error) {
    if (EnvError.is(error)) throw error
    const { name: kind, message } = error instanceof Error ? error : new Error(String(error))
    const code = kind === 'TimeoutError' ? 'TimedOut' : 'IOError'
    throw new EnvError(code, `${name} failed: ${message}`, { cause: error })
  }
  assertStore(store, name)
  return store
}

function assertStore(store: unknown, name: string): asserts store is ObjectStore {
  const expected = `expected ${name} to return an ObjectStore`
  if (typeof store !== 'object' || store === null)
    throw new EnvError('InvalidArgument', `${expected}, got ${describeKind(store)}`)
  const lacking = lackingMethods(store, methods)
  if (lacking.length > 0)
    throw new EnvError('InvalidArgument', `${expected}, got one without ${lacking.join(', ')}`)
  if (typeof (store as Partial<ObjectStore>).url !== 'string')
    throw new EnvError('InvalidArgument', `${expected}, got one without a text as "url"`)
}
