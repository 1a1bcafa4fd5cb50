import { EnvError, unlessNotFound } from '../env/env-error.js'
import type { ByteRange, ObjectKey, RequestOptions, StoredObject } from '../store/object-store.js'
import { type DatabasePlace, objectKey, objectUrl } from './database-place.js'

export interface Found<T> {
  readonly place: DatabasePlace
  readonly object: T
}

/** Room for 400,000 openings for writing, each with a record of 40 bytes. */
export const maxCloudManifestBytes = 16 * 2 ** 20
/**
 * Limit for reading and committing alike: a MANIFEST is held in memory, and sent with each commit. A file takes some
 * 300 bytes of it.
 */
export const maxManifestBytes = 256 * 2 ** 20
/** A UUID takes 36 bytes, the id of a clone some more. */
export const maxIdentityBytes = 1000
/** Bytes to fetch before the size is known. */
export const firstBytes = 4 * 2 ** 20

/** A whole object, fetched if it is no larger than its limit. */
export interface BoundedObject extends Found<StoredObject> {
  /** Last part of its key. */
  readonly name: string
  /** URL as errors name it. */
  readonly url: string
  /** Corruption if the object is too large; the body is then only its beginning. */
  readonly oversized: EnvError | undefined
}

/** Decides when a large object is fetched and used. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

const atOnce: InTurn = (work) => work()

/**
 * Fetches the object at the first place that has it, and hands it on.
 * @param inTurn delays the fetch and the use of an object beyond {@link firstBytes}. Default: no delay.
 * @returns undefined if no place has it.
 */
export async function fetchBounded<T>(
  places: readonly DatabasePlace[],
  name: string,
  maxBytes: number,
  use: (found: BoundedObject) => T | Promise<T>,
  inTurn: InTurn = atOnce,
): Promise<T | undefined> {
  const fetch = async (length: number): Promise<BoundedObject | undefined> => {
    const found = await getFirst(places, name, { offset: 0, length })
    if (!found) return undefined
    const { size } = found.object
    const url = objectUrl(found.place, name)
    const message = `${url} is corrupt: it has ${size} bytes, more than ${maxBytes}, the most it may have`
    return {
      ...found,
      name,
      url,
      oversized: size > maxBytes ? new EnvError('Corruption', message) : undefined,
    }
  }
  const first = await fetch(firstBytes)
  if (!first || first.oversized || first.object.size <= first.object.body.length) return first && use(first)
  return await inTurn(async () => {
    // Fetch all of it again, not only the rest: it may have been replaced meanwhile.
    const whole = await fetch(maxBytes)
    return whole && (await use(whole))
  })
}

/** Object of that name, or a range of it, at the first place that has it. */
export async function getFirst(
  places: readonly DatabasePlace[],
  name: string,
  range: ByteRange,
  options?: RequestOptions,
): Promise<Found<StoredObject> | undefined> {
  return findFirst(places, ({ store }, key) => store.get(key, range, options), name)
}

/** Result of `look` at the first place that has an object of that name. */
export async function findFirst<T>(
  places: readonly DatabasePlace[],
  look: (place: DatabasePlace, key: ObjectKey) => Promise<T>,
  name: string,
): Promise<Found<T> | undefined> {
  for (const place of places) {
    const object = await unlessNotFound(look(place, objectKey(place, name)))
    if (object) return { place, object }
  }
  return undefined
}
