import { relative, sep } from 'node:path'
import type { DatabasePlace } from '../catalog/database-place.js'
import { isInRegistry } from '../catalog/registry.js'
import { EnvError } from '../env/env-error.js'
import { AbandonableStore } from '../store/abandonable-store.js'
import { isObjectKey } from '../store/object-key.js'
import { openUnchecked, type StoreOptions, type StoreSeams } from '../store/registry.js'
import { splitAtBucket } from '../store/store-url.js'

/** A bucket, and where in it the databases of an Env lie. */
export interface Bucket {
  readonly store: AbandonableStore
  /** The path inside the bucket, below which the databases lie. */
  readonly segments: readonly string[]
}

/**
 * The registry of databases lies at the root of a bucket, so the store is the whole bucket and the prefix is ours to
 * add. Other stores are taken as they are.
 */
export async function openBucket(url: string, options: StoreOptions, seams: StoreSeams): Promise<Bucket> {
  const { bucketUrl, path } = splitAtBucket(url, options)
  const store = new AbandonableStore(await openUnchecked(bucketUrl, options, seams))
  return { store, segments: path.split('/').filter((segment) => segment !== '') }
}

/**
 * Reports whether `key` belongs to an object of the database at this path, or is the common prefix of its objects;
 * false for a database nested in it.
 */
export function isDirectlyBelow(segments: readonly string[], key: string): boolean {
  const prefix = segments.map((segment) => `${segment}/`).join('')
  return key.startsWith(prefix) && !key.includes('/', prefix.length)
}

/**
 * Returns a check for the requests, by their key, that serve the database in a directory. Those to the registry count if
 * it `isAlone`, as nothing tells them apart.
 */
export function isForDatabase(
  bucket: Bucket,
  root: string,
  directory: string,
  { isAlone }: { readonly isAlone: boolean },
): (key: string) => boolean {
  const segments = [...bucket.segments, ...pathSegments(root, directory)]
  return (key) => isDirectlyBelow(segments, key) || (isAlone && isInRegistry(key))
}

/** The path of a database below the root, as the segments of its keys. */
export function pathSegments(root: string, directory: string): string[] {
  return relative(root, directory)
    .split(sep)
    .filter((segment) => segment !== '')
}

/**
 * Place of the database in a directory below the root of an Env.
 * @throws EnvError InvalidArgument: the path cannot be part of a key.
 */
export function placeOf({ store, segments }: Bucket, root: string, directory: string): DatabasePlace {
  const path = [...segments, ...pathSegments(root, directory)].join('/')
  if (path === '' || isObjectKey(path)) return { store, path }
  throw new EnvError(
    'InvalidArgument',
    `${JSON.stringify(directory)} can't hold a database: its path in the store, ${JSON.stringify(path)}, has a character ` +
      'that keys of objects can not have, or is longer than 1,024 bytes. Choose another path',
  )
}
