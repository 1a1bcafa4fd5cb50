import { type ObjectName, parseObjectName } from '../format/file-name.js'
import type { ObjectInfo } from '../store/object-store.js'
import { type DatabasePlace, objectKey } from './database-place.js'

/** An object at a place or below it. */
export interface ListedObject {
  /** Path from the place to the object: empty directly there, otherwise with `/` at its end. */
  readonly path: string
  /** Last part of its key. The text comes from the bucket: escape it before printing. */
  readonly name: string
  /** Meaning of the name; undefined if it means nothing here. */
  readonly parsed: ObjectName | undefined
  readonly size: number
  readonly etag: string
  readonly modified: Date
}

export interface ListingOptions {
  /** True to include objects further below. Default: only those directly at the place. */
  readonly isDeep?: boolean
  /** Prefix of paths and names. Default: any. */
  readonly startsWith?: string
  /** Name after which the listing begins. Default: with the first. */
  readonly startAfter?: string
  /** Called with the bytes of each object whose name no object of ours can have. */
  readonly onLeftOut?: (bytes: number) => void
}

/** Lists the objects at a place in the order of their keys, page by page. @throws EnvError errors of the store. */
export function listing(
  place: DatabasePlace,
  { isDeep = false, startsWith = '', startAfter, onLeftOut }: ListingOptions = {},
): AsyncIterable<ListedObject> {
  const prefix = objectKey(place, '')
  const options = {
    shallow: !isDeep,
    ...(startAfter !== undefined && { startAfter: objectKey(place, startAfter) }),
    ...(onLeftOut && { onLeftOut }),
  }
  const objects = place.store.list(`${prefix}${startsWith}`, options)
  return { [Symbol.asyncIterator]: () => listedObjects(objects, prefix.length) }
}

/** A copy: V8 makes a slice point to the text that it was cut from, which is a whole page of the listing here. */
export function detached(text: string): string {
  return Buffer.from(text).toString()
}

/** Not a generator: for a million objects, it would create more garbage than the objects themselves. */
function listedObjects(objects: AsyncIterable<ObjectInfo>, placeLength: number): AsyncIterator<ListedObject> {
  const iterator = objects[Symbol.asyncIterator]()
  const listed = (next: IteratorResult<ObjectInfo>): IteratorResult<ListedObject, undefined> => {
    if (next.done) return { done: true, value: undefined }
    const { key, size, etag, lastModified: modified } = next.value
    const nameAt = Math.max(placeLength, key.lastIndexOf('/') + 1)
    const name = detached(key.slice(nameAt))
    const path = key.slice(placeLength, nameAt)
    return { done: false, value: { path, name, parsed: parseObjectName(name), size, etag, modified } }
  }
  return {
    next: () => iterator.next().then(listed),
    return: async () => {
      await iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}
