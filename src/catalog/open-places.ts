import { type OpenStoreOptions, openStores } from '../store/open-store.js'
import type { Places } from './database-place.js'

/**
 * Opens the stores of a database and of its source, if a source is named. The caller closes them.
 * @throws TypeError a URL names no store, or an option is of none of them; EnvError of the module of a store.
 */
export async function openPlaces(
  url: string,
  source: string | undefined,
  options: OpenStoreOptions,
): Promise<Places> {
  const [own, ...others] = await openStores(source === undefined ? [url] : [url, source], options)
  return [{ store: own!, path: '' }, ...others.map((store) => ({ store, path: '' }))]
}
