import { constants } from 'node:fs'
import { toEnvError } from '../env/env-error.js'
import type { System } from '../env/system.js'
import { openCacheDirectory } from './cache-directory.js'
import type { CloudEnvConfig } from './cloud-env-options.js'
import { FileCache } from './file-cache.js'
import { PinnedLevels } from './pinned-levels.js'

export interface OpenedCache {
  readonly cache: FileCache
  /** Undefined: none. */
  readonly pinnedLevels: PinnedLevels | undefined
  close(): Promise<void>
}

/**
 * Opens the cache of an Env in `parent`. If nothing can be written there, there is no cache, and reads go to the store:
 * a database can be read from a read-only file system. Warns if that, or a full disk, costs requests that
 * `cache.maxBytes` was meant to save.
 */
export async function openCache(
  parent: string,
  config: CloudEnvConfig,
  system: System,
): Promise<OpenedCache> {
  try {
    return await openOnDisk(parent, config, system)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || !unwritable.has(code)) throw toEnvError(error, `can't open the cache ${parent}`)
    if (config.cacheMaxBytes > 0) {
      warn(
        `no cache: ${parent} can't be written or locked (${code}). Reads go to the store each time. Choose ` +
          'another "root", or set "cache.maxBytes" to 0 to do without',
      )
    }
    return { cache: FileCache.none(parent), pinnedLevels: undefined, close: async () => undefined }
  }
}

async function openOnDisk(parent: string, config: CloudEnvConfig, system: System): Promise<OpenedCache> {
  const { cacheMaxBytes, cacheReserveBytes: reserveBytes, cacheChunkBytes: chunkBytes } = config
  const { directory, close } = await openCacheDirectory(system.files, parent)
  try {
    // Leftovers of an earlier process could be read without write access, but no chunk added and none evicted.
    await system.files.access(directory, constants.W_OK)
    const cache = await FileCache.open(directory, cacheMaxBytes, { reserveBytes, chunkBytes, system })
    warnOfFullDisk(directory, cache)
    const pinnedLevels = config.cachePin && new PinnedLevels(config.cachePin, cache, system.clock)
    return {
      cache,
      pinnedLevels,
      async close() {
        await pinnedLevels?.close()
        await cache.close()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

function warnOfFullDisk(directory: string, cache: FileCache): void {
  const { maxBytes, allowedBytes, reserveBytes } = cache.metrics()
  if (maxBytes === 0 || allowedBytes > 0) return
  warn(
    `no room for a cache: the disk of ${directory} has less than the ${reserveBytes} bytes free that the cache leaves to ` +
      'others. Reads go to the store until there is more. Free some space, or set "cache.reserveBytes"',
  )
}

function warn(message: string): void {
  process.emitWarning(message, { code: 'CLOUDENV_NO_CACHE' })
}

/** Error codes of a disk that is read-only, not permitted, full, or without locks. */
const unwritable: ReadonlySet<string> = new Set([
  'EROFS',
  'EACCES',
  'EPERM',
  'ENOSPC',
  'EDQUOT',
  'ENOLCK',
  'ENOTSUP',
])
