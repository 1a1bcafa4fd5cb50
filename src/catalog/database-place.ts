import type { ObjectKey, ObjectStore } from '../store/object-store.js'
import { urlPath } from '../store/store-url.js'

/** Location of one database's objects: a bucket and the path below which their keys lie. */
export interface DatabasePlace {
  readonly store: ObjectStore
  /** Segments of the database's path joined with `/`; empty at the root of the bucket. */
  readonly path: string
}

/** Places to search for a database's objects, in this order: its own place, then its source's. */
export type Places = readonly [DatabasePlace, ...DatabasePlace[]]

export function objectKey(place: DatabasePlace, name: string): ObjectKey {
  return place.path === '' ? name : `${place.path}/${name}`
}

export function isSamePlace(a: DatabasePlace, b: DatabasePlace): boolean {
  return a.store === b.store && a.path === b.path
}

/** URL of an object as errors name it, for example `s3://bucket/prod/orders/CLOUDMANIFEST`. */
export function objectUrl(place: DatabasePlace, name: string): string {
  return `${databaseUrl(place)}/${urlPath(name)}`
}

export function databaseUrl(place: DatabasePlace): string {
  const bucket = place.store.url.replace(/\/+$/, '')
  return place.path === '' ? bucket : `${bucket}/${urlPath(place.path)}`
}
