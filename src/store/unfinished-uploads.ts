import type { ObjectKey, RequestOptions } from './object-store.js'

/**
 * Uploads in parts that were begun and neither completed nor abandoned. No listing of objects shows them, and the store
 * keeps and bills their parts until they are aborted. A killed process leaves them behind.
 */
export interface UnfinishedUploads {
  /** Uploads whose key starts with `prefix`. If a bucket has more than 1,000, MinIO lists only the first of them. */
  list(prefix: string, options?: RequestOptions): AsyncIterable<UnfinishedUpload>
  /** Frees the parts. If the upload is under way after all, its writer fails with `NotFound`, and may begin anew. */
  abort(upload: UploadName, options?: RequestOptions): Promise<void>
  /** Bytes of the parts that are there. 0 if the upload is gone. */
  bytesOf(upload: UploadName, options?: RequestOptions): Promise<number>
}

export interface UploadName {
  readonly key: ObjectKey
  readonly id: string
}

export interface UnfinishedUpload extends UploadName {
  readonly started: Date
}
