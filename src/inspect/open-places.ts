import type { DatabasePlace, Places } from '../cloud/database-place.js'
import { type OpenStoreOptions, openStore } from '../store/open-store.js'

/**
 * Opens the stores of a database and of the one that it was cloned from, if that is named. They are the caller's to close.
 * @throws TypeError a URL names no store.
 */
export async function openPlaces(
  url: string,
  source: string | undefined,
  options: OpenStoreOptions,
): Promise<Places> {
  const own = await openPlace(url, options)
  if (source === undefined) return [own]
  try {
    return [own, await openPlace(source, options)]
  } catch (error) {
    own.store.close()
    throw error
  }
}

async function openPlace(url: string, options: OpenStoreOptions): Promise<DatabasePlace> {
  return { store: await openStore(url, options), path: '' }
}
