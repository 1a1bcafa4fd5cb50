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
    throw new EnvError(
      'InvalidArgument',
      `${setting} cannot be loaded: ${module}: ${reasonOf(error, module)}`,
      {
        cause: error,
      },
    )
  })
  const exported = loaded[name]
  if (typeof exported === 'function') return exported as (...parameters: readonly unknown[]) => unknown
  throw new EnvError(
    'InvalidArgument',
    `expected ${module} to export a function "${name}", got ${typeof exported}`,
  )
}

function reasonOf(error: unknown, module: string): string {
  if (!(error instanceof Error)) return String(error)
  // Node.js adds which of our files asked for it, and does not say where a syntax error is.
  const message = error.message.replace(/ imported from \S+$/, '')
  return error instanceof SyntaxError ? `${message} ("node --check ${module}" shows where)` : message
}
