import { findEntry, listEntries, type RegistryEntry, removeEntry } from '../catalog/registry.js'
import { withRooted } from '../catalog/rooted-places.js'
import type { ObjectStore } from '../store/object-store.js'
import type { StoreOptions } from '../store/registry.js'

/**
 * The registry of a bucket: the path of each database there, by its id. rocksdb-cloud finds databases by it, and refuses to
 * open one whose entry names another path; this program only writes it.
 *
 * @param url of anything in the bucket, of which the registry is at the root.
 *
 * @example
 * ```ts
 * await listRegistry('s3://my-bucket') // [{ id: '8d2e…', path: 'prod/orders', registered: … }]
 * ```
 */
export async function listRegistry(
  url: string,
  options: StoreOptions & { readonly onEntry?: () => void } = {},
): Promise<readonly RegistryEntry[]> {
  const { onEntry, ...store } = options
  return await inBucket(url, store, (bucket) => listEntries(bucket, onEntry))
}

/**
 * Entry of a database in the registry.
 * @returns undefined if there is none.
 */
export async function findInRegistry(
  url: string,
  id: string,
  options: StoreOptions = {},
): Promise<RegistryEntry | undefined> {
  return await inBucket(url, options, (bucket) => findEntry(bucket, id))
}

/**
 * Removes the entry of a database that is not there any more. The database itself is not touched.
 * @returns whether there was one.
 */
export async function removeFromRegistry(
  url: string,
  id: string,
  options: StoreOptions = {},
): Promise<boolean> {
  return await inBucket(url, options, (bucket) => removeEntry(bucket, id))
}

async function inBucket<T>(
  url: string,
  options: StoreOptions,
  work: (bucket: ObjectStore) => Promise<T>,
): Promise<T> {
  return await withRooted([{ url, options }], ({ places: [{ store }] }) => work(store))
}
