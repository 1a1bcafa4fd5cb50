import type { ObjectKey } from '../store/object-store.js'
import { type DatabasePlace, objectKey } from './database-place.js'

/** Metadata of an entry: the path of the database in the bucket. */
const registeredPath = 'dirname'

const registryPrefix = '.rockset/dbid/'

/**
 * Key in the bucket's registry under which rocksdb-cloud finds the path of a database by its id; undefined if this is
 * no id, since anybody may have written anything there.
 */
export function registryKey(identity: Uint8Array): ObjectKey | undefined {
  const id = Buffer.from(identity).toString('latin1').trim()
  return /^[\w-]{1,100}$/.test(id) ? `${registryPrefix}${id}` : undefined
}

export function isInRegistry(key: string): boolean {
  return key.startsWith(registryPrefix)
}

/** Writes the id of a database, and the entry of the registry by which rocksdb-cloud finds it. */
export async function putIdentity(place: DatabasePlace, identity: Uint8Array): Promise<void> {
  await place.store.put(objectKey(place, 'IDENTITY'), identity)
  await register(place, identity)
}

/** Writes the entry of a database in the registry. */
export async function register({ store, path }: DatabasePlace, identity: Uint8Array): Promise<void> {
  const key = registryKey(identity)
  if (key) await store.put(key, new Uint8Array(0), { metadata: { [registeredPath]: path } })
}
