import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Library that teaches any RocksDB program the URI scheme `cloudenv://`. */
export const pluginPath = inPackage('build/native/libcloudenv.so')

/** Script that builds the native part. */
export const setupScript = inPackage('scripts/setup.mjs')

export const packageVersion = versionIn(inPackage('package.json'))

function versionIn(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version
}

function inPackage(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
