import type { DatabasePlace } from '../catalog/database-place.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import { copyFile, isServerSide } from './copy-file.js'
import { forEachLimited } from './for-each-limited.js'

/** Requests of the store's own work, of which each may take a minute. */
const concurrentCopies = 8
/** Each has 16 MiB in memory, or a file on disk. */
const concurrentStreams = 4

export interface CopyFilesOptions {
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined
  /** Called with the bytes of all files; again when the database has changed so much that it begins anew. */
  readonly onStart?: ((bytes: number) => void) | undefined
  /** Called with the bytes of each file that is there. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/**
 * Copies those files to another place that are not there yet.
 * @param isThere reports whether the place has a file.
 * @param onCopied called for each file that was copied.
 * @throws FileGoneError, EnvError
 */
export async function copyFiles(
  files: readonly StoredFile[],
  target: DatabasePlace,
  { isThere, onCopied }: { isThere(file: StoredFile): boolean; onCopied(file: StoredFile): void },
  { signal, onStart, onBytes }: CopyFilesOptions,
): Promise<void> {
  onStart?.(totalSize(files))
  const concurrency = files.every((file) => isServerSide(file, target)) ? concurrentCopies : concurrentStreams
  await forEachLimited(files, { concurrency, signal }, async (file, ended) => {
    if (!isThere(file)) {
      await copyFile(file, target, ended)
      onCopied(file)
    }
    onBytes?.(file.size)
  })
}
