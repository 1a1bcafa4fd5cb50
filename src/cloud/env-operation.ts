import type { LocalWritableFile } from '../env/env.js'
import { EnvError, toEnvError } from '../env/env-error.js'

/** A file whose sync commits something to the store. */
export function committing(file: LocalWritableFile): LocalWritableFile {
  const { synced } = file
  return synced ? { ...file, synced: (size) => commit(file.path, synced(size)) } : file
}

/**
 * Makes every failure of a commit retryable, unless the database belongs to somebody else. The store or the local disk
 * may accept later what it refuses now: when the credentials are valid again, the bucket is back, the disk can be
 * written or other files are closed. The failed request is not repeated for that, but the commit is, more and more
 * slowly.
 */
async function commit(path: string, action: Promise<void>): Promise<void> {
  try {
    await action
  } catch (thrown) {
    const error = toEnvError(thrown, `can't commit ${path}`)
    if (error.scope === 'fileSystem') throw error
    throw new EnvError(error.code, error.message, { scope: error.scope, retryable: true, cause: error })
  }
}

/** Waits for an operation on a path, and turns its failure into an EnvError that names both. */
export async function attempt<T>(operation: string, path: string, action: Promise<T>): Promise<T> {
  try {
    return await action
  } catch (error) {
    throw toEnvError(error, `can't ${operation} ${path}`)
  }
}
