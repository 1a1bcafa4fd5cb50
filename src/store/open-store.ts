import { realSystem } from '../env/system.js'
import type { ObjectStore } from './object-store.js'
import { checkStoreOptions, openUnchecked, type StoreOptions, type StoreSeams } from './registry.js'

/** How to reach a store, and what it needs of this program. */
export type OpenStoreOptions = StoreOptions & Partial<StoreSeams>

/**
 * Opens the store that a URL names: `s3://bucket/prefix`, `file:///directory`, or one of a scheme that the option
 * `storeModule` opens.
 * @throws TypeError a URL names no store, or an option is unknown, or of another store; EnvError of the module.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  const [store] = await openStores([url], options)
  return store!
}

/**
 * Opens several stores, each with those of the options that it takes. An option has to be of one of them.
 * @throws TypeError, EnvError: see {@link openStore}. No store is left open then.
 */
export async function openStores(
  urls: readonly string[],
  { clock = realSystem.clock, random = realSystem.random.next, onRequest, ...options }: OpenStoreOptions,
): Promise<readonly ObjectStore[]> {
  checkStoreOptions(options, urls, 'openStore')
  const stores: ObjectStore[] = []
  try {
    for (const url of urls) stores.push(await openUnchecked(url, options, { clock, random, onRequest }))
    return stores
  } catch (error) {
    for (const store of stores) await store.close()
    throw error
  }
}
