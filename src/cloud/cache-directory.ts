import { randomUUID } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { lockDirectory } from './host-lock.js'

export interface CacheDirectory {
  readonly directory: string
  close(): Promise<void>
}

/**
 * The directory for one host's cache: `cache`, which is there again after a restart, or, where another
 * living host of the same root has that, one for this host's lifetime. Two hosts never share one, for each evicts as it
 * sees fit.
 */
export async function openCacheDirectory(parent: string): Promise<CacheDirectory> {
  const durable = join(parent, 'cache')
  const unlock = await lockDirectory(durable)
  if (unlock) {
    await removeAbandoned(parent)
    return { directory: durable, close: unlock }
  }
  const passing = join(parent, `${passingPrefix}${randomUUID()}`)
  const unlockPassing = await lockDirectory(passing)
  return {
    directory: passing,
    async close() {
      await rm(passing, { recursive: true, force: true })
      await unlockPassing?.()
    },
  }
}

const passingPrefix = 'cache-'

/** What hosts that were killed have left. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(passingPrefix)) continue
    const directory = join(parent, name)
    const unlock = await lockDirectory(directory)
    if (!unlock) continue
    await rm(directory, { recursive: true, force: true })
    await unlock()
  }
}
