import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { DatabasePlace } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'

/**
 * A store takes a directory that is not there for an empty one. To people it is a slip, or a disk that is away.
 * @throws EnvError PathNotFound, as of a bucket that is not there.
 */
export async function checkDirectory({ store: { url } }: DatabasePlace): Promise<void> {
  if (!url.startsWith('file:')) return
  const isThere = await stat(fileURLToPath(url)).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (!isThere) throw new EnvError('PathNotFound', `${url}: there is no such directory`)
}
