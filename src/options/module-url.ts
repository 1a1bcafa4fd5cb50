import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe } from './describe.js'

/**
 * A module as `import` takes it. A relative path is refused: it would be looked for in this package.
 * @param name of the option.
 * @throws TypeError
 */
export function moduleUrl(module: unknown, name: string): string {
  if (module instanceof URL) return module.href
  if (typeof module !== 'string' || module === '' || module.startsWith('.'))
    throw new TypeError(
      `expected "${name}" to be an absolute path, a URL or a package name, got ${describe(module)}`,
    )
  return isAbsolute(module) ? pathToFileURL(module).href : module
}
