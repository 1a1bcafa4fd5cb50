import type { OpenStoreOptions } from '../store/open-store.js'
import type { StoreOptions, StoreSeams } from '../store/registry.js'
import type { Places } from './database-place.js'
import {
  type Locations,
  locationsOf,
  type OpenedPlaces,
  openLocations,
  splitAtUsedRoot,
} from './rooted-places.js'

/**
 * Opens the stores of a database and of its source, if a source is named. The caller closes them.
 * @param sourceOptions for the store of the source. Default: those of the database.
 * @throws TypeError a URL names no store, or an option is of none of them; EnvError of the module of a store.
 */
export async function openPlaces(
  url: string,
  source: string | undefined,
  { clock, random, onRequest, ...options }: OpenStoreOptions,
  sourceOptions: StoreOptions = options,
): Promise<Places> {
  const seams = { ...(clock && { clock }), ...(random && { random }), ...(onRequest && { onRequest }) }
  return (await openInspected(locationsOf(url, source, options, sourceOptions), seams)).places
}

/** Opens stores as `openRooted` does, at the URLs themselves: for who only looks at what lies directly there. */
export async function openInspected(
  locations: Locations,
  seams: Partial<StoreSeams> = {},
): Promise<OpenedPlaces> {
  return await openLocations(locations, splitAtUsedRoot, seams)
}
