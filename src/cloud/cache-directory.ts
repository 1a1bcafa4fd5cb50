import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import type { FileLock } from '../env/file-lock.js'
import type { Files } from '../env/files.js'
import { makeDirectory } from './local-directory.js'

export interface CacheDirectory {
  readonly directory: string
  close(): Promise<void>
}

/**
 * Opens the directory for one host's cache: `cache`, which survives a restart, or, if another living host of the same
 * root has that one, the first free of `cache-2`, `cache-3`… for this host's lifetime. Two hosts never share one, since
 * each evicts as it sees fit.
 */
export async function openCacheDirectory(files: Files, parent: string): Promise<CacheDirectory> {
  const durable = join(parent, 'cache')
  for (const path of [parent, durable]) await assertNoLink(files, path)
  await makeDirectory(files, parent)
  const lock = await lockDirectory(files, durable, async () => {
    await makeDirectory(files, durable)
    await removeAbandoned(files, parent)
  })
  return lock ? { directory: durable, close: () => lock.close() } : openTemporary(files, parent)
}

async function openTemporary(files: Files, parent: string): Promise<CacheDirectory> {
  for (let number = 2; ; number++) {
    const directory = join(parent, `cache-${number}`)
    const remove = () => files.rm(directory, { recursive: true, force: true })
    const lock = await lockDirectory(files, directory, async () => {
      // A killed host may have left one.
      await remove()
      await makeDirectory(files, directory)
    })
    if (lock) return { directory, close: () => remove().finally(() => lock.close()) }
  }
}

/**
 * Takes the lock on the file beside `directory`, then prepares the directory. Nobody ever deletes that file.
 * @returns undefined if another host has the lock.
 */
async function lockDirectory(
  files: Files,
  directory: string,
  prepare: () => Promise<void>,
): Promise<FileLock | undefined> {
  const lock = await files.lock(`${directory}.lock`)
  if (lock === undefined) return undefined
  try {
    await prepare()
    return lock
  } catch (error) {
    await lock.close()
    throw error
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

/** Removes what killed hosts have left. */
async function removeAbandoned(files: Files, parent: string): Promise<void> {
  for (const found of await files.readdir(parent)) {
    if (!/^cache-\d+$/.test(found)) continue
    const directory = join(parent, found)
    const lock = await lockDirectory(files, directory, () =>
      files.rm(directory, { recursive: true, force: true }),
    )
    await lock?.close()
  }
}
