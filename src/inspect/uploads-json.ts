import type { UploadUsage } from './unfinished-uploads.js'

/** Unfinished multipart uploads, as `--json` has them. */
export interface JsonUploads {
  readonly uploads: number
  /** Bytes of their parts; null if the store does not report them, or if there are more than 1,000 uploads. */
  readonly bytes: number | null
  /** Time when the oldest was begun; null if there is none. */
  readonly oldest: Date | null
  /** The first 100. */
  readonly sample: readonly JsonUpload[]
  /** Reason why the store does not report any; null if it does. */
  readonly refusal: string | null
}

export interface JsonUpload {
  /** URL that the object would have. */
  readonly object: string
  readonly uploadId: string
  readonly started: Date
}

export function jsonUploads({ uploads, bytes, oldest, sample, refusal }: UploadUsage): JsonUploads {
  return {
    uploads,
    bytes: bytes ?? null,
    oldest: oldest ?? null,
    sample: sample.map(({ object, id, started }) => ({ object, uploadId: id, started })),
    refusal: refusal ?? null,
  }
}
