import { type OpenStoreOptions, openStores } from '../store/open-store.js'
import type { Places } from './database-place.js'
import { splitAtUsedRoot } from './rooted-places.js'
import { type OpenPlace, unknownServer } from './sources.js'

/**
 * Opens the stores of a database and of its source, if a source is named. The caller closes them.
 * @throws TypeError a URL names no store, or an option is of none of them; EnvError of the module of a store.
 */
export async function openPlaces(
  url: string,
  source: string | undefined,
  options: OpenStoreOptions,
): Promise<Places> {
  const urls = source === undefined ? [url] : [url, source]
  const split = await Promise.all(urls.map((one) => splitAtUsedRoot(one, options)))
  const stores = await openStores(
    split.map(({ rootUrl }) => rootUrl),
    options,
  )
  const [own, ...others] = split.map(({ path }, at) => ({ store: stores[at]!, path }))
  return [own!, ...others]
}

/** Opens sources that clones record, as often as they are asked for. */
export interface SourceOpener {
  readonly openPlace: OpenPlace
  close(): Promise<void>
}

/** @param options as for the store of the clone. */
export function sourceOpener(options: OpenStoreOptions): SourceOpener {
  const opened = new Map<string, Promise<Places>>()
  return {
    async openPlace(url, server) {
      if (server !== undefined) throw unknownServer(url, server)
      const places = opened.get(url) ?? openPlaces(url, undefined, options)
      opened.set(url, places)
      return (await places)[0]
    },
    async close() {
      for (const opening of opened.values()) {
        const places = await opening.catch(() => [])
        for (const { store } of places) await store.close()
      }
    },
  }
}
