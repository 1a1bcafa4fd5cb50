import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EnvError } from './env-error.js'

/**
 * Loads a module of the user's.
 * @param module an absolute path, a URL or a package's name.
 * @param setting that names the module, as errors show it.
 * @returns the function that it exports by this name.
 * @throws EnvError InvalidArgument
 */
export async function exportedFunction(
  module: string,
  name: string,
  setting: string,
): Promise<(...parameters: readonly unknown[]) => unknown> {
  const loaded: Record<string, unknown> = await import(
    isAbsolute(module) ? pathToFileURL(module).href : module
  ).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EnvError('InvalidArgument', `${setting} cannot be loaded: ${reason}`, { cause: error })
  })
  const exported = loaded[name]
  if (typeof exported === 'function') return exported as (...parameters: readonly unknown[]) => unknown
  throw new EnvError(
    'InvalidArgument',
    `expected ${module} to export a function "${name}", got ${typeof exported}`,
  )
}
