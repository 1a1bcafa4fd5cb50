import { resolve } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { exportedFunction } from '../env/exported-function.js'
import { UsageError } from './usage-error.js'

/** A module that an option names, as `import` takes it: as for Node.js itself, a file begins with `.` or `/`. */
export function resolvedModule(module: string): string {
  return /^\.{0,2}\//.test(module) ? resolve(module) : module
}

/**
 * The function that a module exports.
 * @param option that names the module.
 * @throws UsageError
 */
export async function loadedFunction(
  module: string,
  name: string,
  option: string,
): Promise<(...parameters: readonly unknown[]) => unknown> {
  try {
    return await exportedFunction(module, name, option)
  } catch (error) {
    if (!EnvError.is(error)) throw error
    const isPackage = !/^[./]|:/.test(module)
    const advice = isPackage ? `. For a file write ./${module}` : ''
    throw new UsageError(`${error.message}${advice}`, { cause: error })
  }
}
