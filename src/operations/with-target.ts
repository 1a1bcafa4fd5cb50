import type { DatabasePlace, Places } from '../catalog/database-place.js'
import { locationsOf, withRooted } from '../catalog/rooted-places.js'
import type { OpenPlace } from '../catalog/sources.js'
import type { StoreOptions } from '../store/registry.js'
import type { SourceOptions } from './source-options.js'

interface Opened {
  /** The database, then its source if one is named. */
  readonly places: Places
  readonly target: DatabasePlace
  readonly openPlace: OpenPlace
}

type TargetOptions = SourceOptions & { readonly store?: StoreOptions; readonly newStore?: StoreOptions }

/** Opens the places of a database and of one that is made of it, works there, and closes the stores. */
export async function withTarget<T>(
  url: string,
  newUrl: string,
  { source, store = {}, sourceStore, newStore = store }: TargetOptions,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const [first, ...sources] = locationsOf(url, source, store, sourceStore)
  const locations = [first, ...sources, { url: newUrl, options: newStore }] as const
  return await withRooted(locations, ({ places: [own, ...others], openPlace }) =>
    work({ places: [own, ...others.slice(0, -1)], target: others.at(-1)!, openPlace }),
  )
}
