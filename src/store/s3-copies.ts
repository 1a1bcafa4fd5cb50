import { randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import { EnvError } from '../env/env-error.js'
import { sdk } from './aws-sdk.js'
import type { ObjectInfo, ObjectKey, RequestOptions } from './object-store.js'
import type { EncryptionParameters } from './s3-encryption.js'
import type { S3Requests } from './s3-requests.js'
import { maxParts, writeIdMetadata } from './s3-uploads.js'
import type { UnfinishedUploads } from './unfinished-uploads.js'

/** S3 copies an object of up to 5 GiB, or such a part of one, in a request. */
const maxRequestBytes = 5 * 2 ** 30
/** S3 copies some 100 MB/s in a request. Four at a time take seconds for each. */
const partBytes = 512 * 2 ** 20
const concurrentParts = 4

/** An object as requests name it. */
export interface BucketObject {
  readonly Bucket: string
  readonly Key: string
}

/** Object to copy. */
export interface CopySource {
  readonly key: ObjectKey
  readonly object: BucketObject
  /** Undefined: small enough for one request. */
  readonly size: number | undefined
  head(): Promise<ObjectInfo>
}

export interface CopyTarget {
  readonly key: ObjectKey
  readonly object: BucketObject
}

/** Copies objects within S3. No byte passes through here. */
export class S3Copies {
  readonly #requests: S3Requests
  readonly #encryption: EncryptionParameters
  readonly #unfinished: UnfinishedUploads
  readonly #head: (key: ObjectKey, options: RequestOptions) => Promise<ObjectInfo>
  readonly #maxRequestBytes: number

  constructor(options: {
    readonly requests: S3Requests
    readonly encryption: EncryptionParameters
    readonly unfinished: UnfinishedUploads
    readonly head: (key: ObjectKey, options: RequestOptions) => Promise<ObjectInfo>
    /** Limit for one request. Default: that of S3. */
    readonly maxRequestBytes: number | undefined
  }) {
    this.#requests = options.requests
    this.#encryption = options.encryption
    this.#unfinished = options.unfinished
    this.#head = options.head
    this.#maxRequestBytes = options.maxRequestBytes ?? maxRequestBytes
  }

  /** @returns the ETag of the copy. */
  async copy(source: CopySource, target: CopyTarget, signal: AbortSignal | undefined): Promise<string> {
    if ((source.size ?? 0) > this.#maxRequestBytes) return await this.#copyInParts(source, target, signal)
    const command = new sdk.CopyObjectCommand({
      ...target.object,
      ...this.#encryption.create,
      ...this.#encryption.copySource,
      CopySource: encoded(source.object),
    })
    const output = await this.#send(source.key, signal, (abortSignal) =>
      this.#requests.client.send(command, { abortSignal }),
    )
    return output.CopyObjectResult?.ETag ?? ''
  }

  async #copyInParts(
    source: CopySource,
    target: CopyTarget,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const info = await source.head()
    const writeId = randomUUID()
    const create = new sdk.CreateMultipartUploadCommand({
      ...target.object,
      ...this.#encryption.create,
      Metadata: { ...info.metadata, [writeIdMetadata]: writeId },
    })
    // The signal does not end this request: without an answer, nobody could abort the upload.
    const { UploadId } = await this.#send(target.key, undefined, (abortSignal) =>
      this.#requests.client.send(create, { abortSignal }),
    )
    try {
      const Parts = await this.#copyParts(source, target, info, UploadId, signal)
      const complete = new sdk.CompleteMultipartUploadCommand({
        ...target.object,
        UploadId,
        MultipartUpload: { Parts },
      })
      return await this.#complete(target.key, writeId, signal, async (abortSignal) => {
        const { ETag = '' } = await this.#requests.client.send(complete, { abortSignal })
        return ETag
      })
    } catch (error) {
      // Leftover parts harm nobody, and this failure is the one to report.
      await this.#unfinished.abort({ key: target.key, id: UploadId! }).catch(() => undefined)
      throw error
    }
  }

  async #copyParts(
    source: CopySource,
    target: CopyTarget,
    { size, etag }: ObjectInfo,
    UploadId: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly PartNumber: number; readonly ETag: string | undefined }[]> {
    const length = Math.max(Math.min(partBytes, this.#maxRequestBytes), Math.ceil(size / maxParts))
    const limit = pLimit(concurrentParts)
    const numbers = Array.from({ length: Math.ceil(size / length) }, (_, at) => at + 1)
    return await limit.map(numbers, async (PartNumber) => {
      const start = (PartNumber - 1) * length
      const command = new sdk.UploadPartCopyCommand({
        ...target.object,
        ...this.#encryption.access,
        ...this.#encryption.copySource,
        UploadId,
        PartNumber,
        CopySource: encoded(source.object),
        CopySourceRange: `bytes=${start}-${Math.min(size, start + length) - 1}`,
        CopySourceIfMatch: etag,
      })
      try {
        const output = await this.#send(source.key, signal, (abortSignal) =>
          this.#requests.client.send(command, { abortSignal }),
        )
        return { PartNumber, ETag: output.CopyPartResult?.ETag }
      } catch (error) {
        limit.clearQueue()
        throw error
      }
    })
  }

  /** An attempt without an answer may have taken effect: the store then refuses the next one. */
  async #complete(
    key: ObjectKey,
    writeId: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<string>,
  ): Promise<string> {
    try {
      return await this.#send(key, signal, attempt)
    } catch (error) {
      if (!EnvError.is(error, 'NotFound')) throw error
      const found = await this.#head(key, { signal }).catch(() => undefined)
      if (found?.metadata[writeIdMetadata] !== writeId) throw error
      return found.etag
    }
  }

  #send<T>(
    key: ObjectKey,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#requests.send(
      'copy',
      key,
      (deadline) => {
        deadline.allowServerWork()
        return attempt(deadline.signal)
      },
      undefined,
      signal,
    )
  }
}

function encoded({ Bucket, Key }: BucketObject): string {
  return `${Bucket}/${Key}`.split('/').map(encodeURIComponent).join('/')
}
