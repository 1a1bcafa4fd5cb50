import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import type { System } from '../env/system.js'
import { lockDirectory } from './host-lock.js'

export interface CacheDirectory {
  readonly directory: string
  close(): Promise<void>
}

/**
 * Opens the directory for one host's cache: `cache`, which survives a restart, or, if another living host of the same
 * root has that one, a directory for this host's lifetime. Two hosts never share one, since each evicts as it sees fit.
 */
export async function openCacheDirectory({ files, random }: System, parent: string): Promise<CacheDirectory> {
  const durable = join(parent, 'cache')
  for (const path of [parent, durable]) await assertNoLink(files, path)
  const unlock = await lockDirectory(files, durable)
  if (unlock) {
    await removeAbandoned(files, parent)
    return { directory: durable, close: unlock }
  }
  const passing = join(parent, `${passingPrefix}${random.uuid()}`)
  const unlockPassing = await lockDirectory(files, passing)
  return {
    directory: passing,
    async close() {
      await files.rm(passing, { recursive: true, force: true })
      await unlockPassing?.()
    },
  }
}

/** Refuses a link, which may lead to somebody's files: anything in a cache that is no cache file gets deleted. */
async function assertNoLink(files: Files, path: string): Promise<void> {
  const isLink = await files.lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  )
  if (!isLink) return
  throw new EnvError(
    'InvalidArgument',
    `${path} is a symbolic link, and the cache is to lie there: whatever else lies behind the link would be deleted. ` +
      'Replace the link by a directory, or mount the other disk there',
  )
}

const passingPrefix = 'cache-'

/** Removes what killed hosts have left. */
async function removeAbandoned(files: Files, parent: string): Promise<void> {
  for (const name of await files.readdir(parent)) {
    if (!name.startsWith(passingPrefix)) continue
    const directory = join(parent, name)
    const unlock = await lockDirectory(files, directory)
    if (!unlock) continue
    await files.rm(directory, { recursive: true, force: true })
    await unlock()
  }
}
