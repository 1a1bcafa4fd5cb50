import type { ObjectKey, ObjectStore } from '../store/object-store.js'
import { urlPath } from '../store/store-url.js'

/** Where the objects of one database are: a bucket and the path below which their keys lie. */
export interface DatabasePlace {
  readonly store: ObjectStore
  /** The segments of the database's path joined with `/`; empty at the root of the bucket. */
  readonly path: string
}

/** Where a database's objects are looked for, in this order: at its own place, then at that of its source. */
export type Places = readonly [DatabasePlace, ...DatabasePlace[]]

export function objectKey(place: DatabasePlace, name: string): ObjectKey {
  return place.path === '' ? name : `${place.path}/${name}`
}

/** As errors name it, for example `s3://bucket/prod/orders/CLOUDMANIFEST`. */
export function objectUrl(place: DatabasePlace, name: string): string {
  return `${databaseUrl(place)}/${urlPath(name)}`
}

export function databaseUrl(place: DatabasePlace): string {
  const bucket = place.store.url.replace(/\/+$/, '')
  return place.path === '' ? bucket : `${bucket}/${urlPath(place.path)}`
}
