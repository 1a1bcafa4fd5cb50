import { fileURLToPath } from 'node:url'

/** The library that teaches any RocksDB program the URI scheme `cloudenv://`. */
export const pluginPath = inPackage('build/native/libcloudenv.so')

/** Builds the native part. */
export const setupScript = inPackage('scripts/setup.mjs')

function inPackage(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
