import type { DatabasePlace } from '../catalog/database-place.js'
import type { Elsewhere, FindOptions, FoundDatabase } from '../catalog/find-databases.js'
import { checkDirectory } from './check-directory.js'
import { withProgress } from './output/progress.js'

/**
 * Finds every database at or below the place, in the order of their paths, and the objects that belong to none.
 * @throws EnvError PathNotFound: there is no such bucket, or no such directory.
 */
export async function foundDatabases(
  place: DatabasePlace,
  { withLost }: Pick<FindOptions, 'withLost'> = {},
): Promise<{ readonly databases: readonly FoundDatabase[]; readonly elsewhere: Elsewhere }> {
  const { findDatabases } = await import('../catalog/find-databases.js')
  const found = await withProgress('listing', { unit: 'objects' }, async (progress) => {
    const databases: FoundDatabase[] = []
    const search = findDatabases(place, { onObject: () => progress.add(1), withLost })
    for (;;) {
      const { done, value } = await search.next()
      if (done) return { databases: databases.sort(byPath), elsewhere: value }
      databases.push(value)
    }
  })
  if (found.databases.length === 0 && found.elsewhere.objects === 0) await checkDirectory(place)
  return found
}

function byPath(a: FoundDatabase, b: FoundDatabase): number {
  return Number(a.path > b.path) - Number(a.path < b.path)
}
