import { bringBack, type Problem } from '../catalog/problem.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { EnvError } from '../env/env-error.js'
import {
  blobFooterSize,
  blobHeaderSize,
  blobRecordHeaderSize,
  decodeBlobHeader,
  decodeBlobRecordHeader,
} from '../format/blob-file.js'
import type { BlobReference } from '../format/blob-reference.js'
import { type RangedSource, rangedObject } from './ranged-source.js'

/**
 * A blob file as tables refer to it. References reveal two kinds of damage that the file itself does not: a wrong
 * compression in its header, which has no checksum, and another file of the same size in its place.
 */
export class BlobTarget {
  readonly #stored: StoredFile
  #isFollowed = false

  constructor(stored: StoredFile) {
    this.#stored = stored
  }

  /** Reports whether the file has room for such a value. */
  hasRoomFor({ offset, size }: BlobReference, key: Uint8Array): boolean {
    const first = blobHeaderSize + blobRecordHeaderSize + key.length
    return offset >= first && offset + size <= this.#stored.size - blobFooterSize
  }

  /** True for one reference to the file, which is to be followed: two requests for each would take too long. */
  isFirst(): boolean {
    const isFirst = !this.#isFollowed
    this.#isFollowed = true
    return isFirst
  }

  /**
   * Problem of the file by this reference to it. The verification of the file itself finds all others.
   * @param reference has room in it.
   * @param table readable name of the table that has the reference.
   */
  async follow(reference: BlobReference, key: Uint8Array, table: string): Promise<Problem | undefined> {
    const { place, objectName, size } = this.#stored
    try {
      const source = rangedObject(place, objectName, size)
      if (!(await problemOf(source, reference, key, table))) return undefined
      // The answer may have been bad and the object sound.
      await source.forget()
      return await problemOf(source, reference, key, table)
    } catch (error) {
      const isTold = ['Corruption', 'NotSupported', 'NotFound'] as const
      if (isTold.some((code) => EnvError.is(error, code))) return undefined
      throw error
    }
  }
}

async function problemOf(
  source: RangedSource,
  reference: BlobReference,
  key: Uint8Array,
  table: string,
): Promise<Problem | undefined> {
  const { name } = source
  const { compression } = decodeBlobHeader(await source.read(0, blobHeaderSize), name)
  if (!(await hasRecord(source, reference, key))) {
    const message = `${name} holds another blob file: what ${table} refers to is not there. ${bringBack}`
    return { code: 'swapped', object: name, message }
  }
  if (compression === reference.compression) return undefined
  const message =
    `${name} is corrupt at byte 0: by the header here its values have ${compression}, and by ${table} ` +
    `${reference.compression}. ${bringBack}`
  return { code: 'corrupt', object: name, message }
}

async function hasRecord(
  source: RangedSource,
  { offset, size }: BlobReference,
  key: Uint8Array,
): Promise<boolean> {
  const start = offset - key.length - blobRecordHeaderSize
  const bytes = await source.read(start, blobRecordHeaderSize + key.length)
  try {
    const header = decodeBlobRecordHeader(bytes.subarray(0, blobRecordHeaderSize), source.name, start)
    const isSame = Buffer.compare(bytes.subarray(blobRecordHeaderSize), key) === 0
    return isSame && header.keyLength === key.length && header.valueLength === size
  } catch (error) {
    if (EnvError.is(error, 'Corruption')) return false
    throw error
  }
}
