import { existsSync } from 'node:fs'
import { pluginPath } from './package-files.js'
import { UsageError } from './usage-error.js'

const preloadVariable = process.platform === 'darwin' ? 'DYLD_INSERT_LIBRARIES' : 'LD_PRELOAD'

/** Environment variable that makes a RocksDB program understand `cloudenv://`, with its value. */
export function pluginPreload(): [name: string, value: string] {
  if (!existsSync(pluginPath)) throw new UsageError(`${pluginPath} is missing, run: cloudenv build`)
  const others = process.env[preloadVariable]
  return [preloadVariable, others ? `${pluginPath}:${others}` : pluginPath]
}

/** URI by which a RocksDB program names the Env that is served there. */
export function fsUri(socketPath: string): string {
  return `cloudenv://${socketPath}`
}
