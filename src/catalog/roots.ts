import type { DatabasePlace } from './database-place.js'
import { detached, type ListedObject, listing } from './listing.js'

/** The CLOUDMANIFESTs and pins at a place: who may need an object there. */
export interface Roots {
  readonly objects: readonly ListedObject[]
  /** Differs when one came or went, or got another owner. */
  readonly version: string
}

export async function listRoots(place: DatabasePlace): Promise<Roots> {
  const objects: ListedObject[] = []
  for await (const object of listing(place, { startsWith: 'CLOUD' }))
    objects.push({ ...object, etag: detached(object.etag) })
  const version = JSON.stringify(objects.map(({ name, etag, modified }) => [name, etag, modified.getTime()]))
  return { objects, version }
}
