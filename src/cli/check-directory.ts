import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { DatabasePlace } from '../catalog/database-place.js'
import { EnvError } from '../env/env-error.js'

/**
 * Fails if the store's directory does not exist. A store takes it for an empty one, but for people it is a slip, or a
 * disk that is away.
 * @throws EnvError PathNotFound, as for a missing bucket.
 */
export async function checkDirectory({ store: { url } }: DatabasePlace): Promise<void> {
  if (!url.startsWith('file:')) return
  const isThere = await stat(fileURLToPath(url)).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (!isThere) throw new EnvError('PathNotFound', `${url}: there is no such directory`)
}
