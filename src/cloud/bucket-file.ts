import { cloneAdvice } from '../catalog/clone.js'
import { objectKey, objectUrl, type Places } from '../catalog/database-place.js'
import type { Manifest } from '../catalog/manifest.js'
import { bringBack } from '../catalog/problem.js'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import { blobFileSize } from '../format/blob-file-size.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { epochOf } from '../format/epoch.js'
import { blobFileName, objectName, tableFileName } from '../format/file-name.js'
import type { ChunkedFile } from '../table/chunk-cache.js'

/** A live table or blob file. The first read finds out at which place it is. */
export class BucketFile implements ChunkedFile {
  /** The last part of its key, with the epoch. */
  readonly name: string
  readonly size: number
  readonly #places: Places
  #found: number | undefined

  constructor(name: string, size: number, places: Places) {
    this.name = name
    this.size = size
    this.#places = places
  }

  /** URL of the object: at the first place, until it was read from another one. */
  get url(): string {
    return objectUrl(this.#places[this.#found ?? 0]!, this.name)
  }

  async fetch(offset: number, length: number): Promise<Uint8Array> {
    for (let at = this.#found ?? 0; at < this.#places.length; at++) {
      const place = this.#places[at]!
      const object = await unlessNotFound(place.store.get(objectKey(place, this.name), { offset, length }))
      if (!object) continue
      this.#found = at
      if (object.size === this.size) return object.body
      throw new EnvError(
        'Corruption',
        `${objectUrl(place, this.name)} has ${object.size} bytes in the store instead of ${this.size}, as the MANIFEST ` +
          `says. ${bringBack}`,
      )
    }
    const places = this.#places.map((place) => objectUrl(place, this.name)).join(' and ')
    throw new EnvError(
      'Corruption',
      `${places} ${this.#places.length > 1 ? 'are' : 'is'} missing in the store, and the MANIFEST references it. ` +
        ((await cloneAdvice(this.#places)) ??
          'Where a compaction has replaced it just now, try again; otherwise bring the object back'),
    )
  }
}

/** The live files of a state, by the name that RocksDB knows. */
export function bucketFiles(
  places: Places,
  { cloudManifest, manifest }: { readonly cloudManifest: CloudManifest; readonly manifest: Manifest },
): Map<string, BucketFile> {
  const files = new Map<string, BucketFile>()
  const stored = (kind: 'table' | 'blob', fileNumber: number, size: number) =>
    new BucketFile(
      objectName({ kind, number: fileNumber, epoch: epochOf(cloudManifest, fileNumber) }),
      size,
      places,
    )
  for (const { number, size } of manifest.liveTables.values()) {
    files.set(tableFileName(number), stored('table', number, size))
  }
  for (const blobFile of manifest.liveBlobFiles.values()) {
    const { number } = blobFile
    files.set(blobFileName(number), stored('blob', number, blobFileSize(blobFile)))
  }
  return files
}
