import { unlessNotFound } from '../env/env-error.js'
import type { ObjectKey, ObjectStore } from '../store/object-store.js'
import { type DatabasePlace, objectKey } from './database-place.js'
import { mapLimited } from './map-limited.js'

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

/**
 * Writes the id of a database, and before it the entry of the registry by which rocksdb-cloud finds it: whoever finds an
 * IDENTITY takes its entry for written.
 */
export async function putIdentity(place: DatabasePlace, identity: Uint8Array): Promise<void> {
  await register(place, identity)
  await place.store.put(objectKey(place, 'IDENTITY'), identity)
}

/** Writes the entry of a database in the registry. */
export async function register({ store, path }: DatabasePlace, identity: Uint8Array): Promise<void> {
  const key = registryKey(identity)
  if (key) await store.put(key, new Uint8Array(0), { metadata: { [registeredPath]: path } })
}

/** An entry of the registry: a database by its id. */
export interface RegistryEntry {
  /** Id of the database. */
  readonly id: string
  /** Path of the database in the bucket, as whoever registered it wrote it. The text comes from the bucket. */
  readonly path: string
  /** Time when the entry was written. */
  readonly registered: Date
}

const concurrentLooks = 16

/** Entries of the registry in the order of their ids. A listing has no metadata: it takes a request for each entry. */
export async function listEntries(store: ObjectStore, onEntry?: () => void): Promise<RegistryEntry[]> {
  const ids: string[] = []
  for await (const { key } of store.list(registryPrefix, { shallow: true }))
    ids.push(key.slice(registryPrefix.length))
  const entries = await mapLimited(ids, concurrentLooks, async (id) => {
    const entry = await findEntry(store, id)
    onEntry?.()
    return entry
  })
  return entries.filter((entry) => entry !== undefined)
}

/** @returns undefined if there is none. */
export async function findEntry(store: ObjectStore, id: string): Promise<RegistryEntry | undefined> {
  const key = registryKey(Buffer.from(id))
  if (!key) return undefined
  const found = await unlessNotFound(store.head(key))
  return (
    found && { id: id.trim(), path: found.metadata[registeredPath] ?? '', registered: found.lastModified }
  )
}

/** @returns whether there was one. */
export async function removeEntry(store: ObjectStore, id: string): Promise<boolean> {
  const key = registryKey(Buffer.from(id))
  if (!key || !(await findEntry(store, id))) return false
  await store.deleteMany([key])
  return true
}
