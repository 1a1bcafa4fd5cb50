import { type DatabasePlace, objectKey, objectUrl } from '../catalog/database-place.js'
import { mapLimited } from '../catalog/map-limited.js'
import { EnvError } from '../env/env-error.js'
import type { UnfinishedUpload, UnfinishedUploads } from '../store/unfinished-uploads.js'

/**
 * Multipart uploads that were begun and neither completed nor aborted. The store bills their parts; no listing has
 * them.
 */
export interface UploadUsage {
  readonly uploads: number
  /** Bytes of their parts; undefined if the store does not report them, or if there are more than 1,000 uploads. */
  readonly bytes: number | undefined
  /** Time when the oldest was begun. */
  readonly oldest: Date | undefined
  /** The first 100, by key. */
  readonly sample: readonly FoundUpload[]
  /** Reason why the store does not report any. */
  readonly refusal: string | undefined
}

export interface FoundUpload {
  /** URL that the object would have. It comes from the bucket: escape it before printing. */
  readonly object: string
  readonly id: string
  readonly started: Date
}

const maxMeasured = 1_000
const maxSample = 100
const concurrentReads = 8

/**
 * Unfinished uploads below a place.
 * @param shallow only those of objects directly there.
 */
export async function surveyUploads(
  place: DatabasePlace,
  { shallow = false }: { readonly shallow?: boolean } = {},
): Promise<UploadUsage> {
  const { unfinishedUploads } = place.store
  const none = { uploads: 0, bytes: 0, oldest: undefined, sample: [], refusal: undefined }
  if (!unfinishedUploads) return none
  const prefix = objectKey(place, '')
  const found: UnfinishedUpload[] = []
  try {
    for await (const upload of unfinishedUploads.list(prefix)) {
      if (!shallow || !upload.key.slice(prefix.length).includes('/')) found.push(upload)
    }
  } catch (error) {
    // A store without this feature, or one that hides it from these credentials, is no reason to show nothing at all.
    if (!EnvError.is(error)) throw error
    return { ...none, bytes: undefined, refusal: error.message }
  }
  let oldest: Date | undefined
  for (const { started } of found) if (!oldest || started < oldest) oldest = started
  return {
    uploads: found.length,
    bytes: await bytesOf(unfinishedUploads, found),
    oldest,
    sample: found.slice(0, maxSample).map(({ key, id, started }) => ({
      object: objectUrl(place, key.slice(prefix.length)),
      id,
      started,
    })),
    refusal: undefined,
  }
}

async function bytesOf(
  unfinished: UnfinishedUploads,
  uploads: readonly UnfinishedUpload[],
): Promise<number | undefined> {
  if (uploads.length > maxMeasured) return undefined
  try {
    const sizes = await mapLimited(uploads, concurrentReads, (upload) => unfinished.bytesOf(upload))
    return sizes.reduce((sum, bytes) => sum + bytes, 0)
  } catch (error) {
    if (!EnvError.is(error)) throw error
    return undefined
  }
}
