import { EnvError } from '../env/env-error.js'
import type { RequestOptions } from '../store/object-store.js'
import { type DatabasePlace, databaseUrl } from './database-place.js'
import { getFirst } from './get-first.js'
import { bringBack } from './repair-advice.js'

/** A table or blob file in the store. */
export interface StoredFile {
  readonly place: DatabasePlace
  /** Place of the clone that reads the file at its source: a savepoint copies it there. */
  readonly copy?: DatabasePlace
  /** Last part of its key, with the epoch. */
  readonly objectName: string
  readonly size: number
  readonly modified: Date
}

/** Fetches a range of it. @throws EnvError PathNotFound: it is gone; Corruption: it has another size now. */
export async function fetchStored(
  { place, copy, objectName, size: expected }: StoredFile,
  offset: number,
  length: number,
  options?: RequestOptions,
): Promise<Uint8Array> {
  const url = `${databaseUrl(place)}/${objectName}`
  const found = await getFirst(copy ? [place, copy] : [place], objectName, { offset, length }, options)
  if (!found) {
    throw new FileGoneError(
      `${url} is gone from the store. A reader of an older state has to open the ` +
        'database again; for anybody else the object has to be brought back',
    )
  }
  const { body, size } = found.object
  if (size === expected) return body
  throw new EnvError(
    'Corruption',
    `${url} has ${size} bytes in the store instead of the ${expected} it had. ${bringBack}`,
  )
}

/** The store has no such file any more. Not NotFound, which RocksDB takes for a file that was never there. */
export class FileGoneError extends EnvError {
  constructor(message: string) {
    super('PathNotFound', message)
  }
}
