import type { ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import { sdk } from './aws-sdk.js'
import { isObjectKey } from './object-key.js'
import type { RequestOptions } from './object-store.js'
import { decodeKey } from './s3-key.js'
import type { S3Requests } from './s3-requests.js'
import type { UnfinishedUpload, UnfinishedUploads, UploadName } from './unfinished-uploads.js'

/** The multipart uploads of a bucket, below a prefix of it. */
export class S3UnfinishedUploads implements UnfinishedUploads {
  readonly #requests: S3Requests
  readonly #bucket: string
  readonly #prefix: string

  /** @param prefix empty, or with a slash at its end. */
  constructor(requests: S3Requests, bucket: string, prefix: string) {
    this.#requests = requests
    this.#bucket = bucket
    this.#prefix = prefix
  }

  /**
   * MinIO accepts no prefix here except a whole key, and otherwise lists nothing. So this first asks for the whole
   * bucket: hardly any has more uploads than fit into one answer.
   */
  async *list(prefix: string, options: RequestOptions = {}): AsyncGenerator<UnfinishedUpload> {
    const first = await this.#page(prefix, {}, options)
    if (first.IsTruncated) {
      let isEmpty = true
      for await (const upload of this.#listBelow(prefix, options)) {
        isEmpty = false
        yield upload
      }
      if (!isEmpty) return
    }
    yield* this.#uploadsOf(first, prefix)
  }

  async abort({ key, id }: UploadName, { signal }: RequestOptions = {}): Promise<void> {
    const command = new sdk.AbortMultipartUploadCommand(this.#parameters(key, id))
    try {
      await this.#requests.send(
        'abortUpload',
        key,
        (deadline) => this.#requests.client.send(command, { abortSignal: deadline.signal }),
        undefined,
        signal,
      )
    } catch (error) {
      if (!EnvError.is(error, 'NotFound')) throw error
    }
  }

  async bytesOf({ key, id }: UploadName, { signal }: RequestOptions = {}): Promise<number> {
    let bytes = 0
    let marker: string | undefined
    do {
      const command = new sdk.ListPartsCommand({ ...this.#parameters(key, id), PartNumberMarker: marker })
      const send = () =>
        this.#requests.send(
          'listParts',
          key,
          (deadline) => this.#requests.client.send(command, { abortSignal: deadline.signal }),
          undefined,
          signal,
        )
      const page = await unlessNotFound(send())
      for (const { Size = 0 } of page?.Parts ?? []) bytes += Size
      const next: string | undefined = page?.IsTruncated ? page.NextPartNumberMarker : undefined
      // A marker that does not move would loop.
      marker = Number(next) > Number(marker ?? 0) ? next : undefined
    } while (marker !== undefined)
    return bytes
  }

  async *#listBelow(prefix: string, options: RequestOptions): AsyncGenerator<UnfinishedUpload> {
    let markers: Pick<ListMultipartUploadsCommandOutput, 'NextKeyMarker' | 'NextUploadIdMarker'> | undefined =
      {}
    while (markers) {
      const page: ListMultipartUploadsCommandOutput = await this.#page(
        prefix,
        {
          Prefix: this.#prefix + prefix,
          KeyMarker: markers.NextKeyMarker,
          UploadIdMarker: markers.NextUploadIdMarker,
        },
        options,
      )
      yield* this.#uploadsOf(page, prefix)
      const isFurther: boolean =
        page.NextKeyMarker !== markers.NextKeyMarker || page.NextUploadIdMarker !== markers.NextUploadIdMarker
      markers = page.IsTruncated && page.NextKeyMarker && isFurther ? page : undefined
    }
  }

  #page(
    prefix: string,
    parameters: {
      readonly Prefix?: string
      readonly KeyMarker?: string | undefined
      readonly UploadIdMarker?: string | undefined
    },
    { signal }: RequestOptions,
  ): Promise<ListMultipartUploadsCommandOutput> {
    const command = new sdk.ListMultipartUploadsCommand({
      Bucket: this.#bucket,
      EncodingType: 'url',
      ...parameters,
    })
    return this.#requests.send(
      'listUploads',
      prefix,
      (deadline) => this.#requests.client.send(command, { abortSignal: deadline.signal }),
      undefined,
      signal,
    )
  }

  *#uploadsOf(page: ListMultipartUploadsCommandOutput, prefix: string): Generator<UnfinishedUpload> {
    for (const { Key = '', UploadId, Initiated } of page.Uploads ?? []) {
      const fullKey = page.EncodingType === 'url' ? decodeKey(Key) : Key
      if (!fullKey.startsWith(this.#prefix + prefix) || UploadId === undefined) continue
      const key = fullKey.slice(this.#prefix.length)
      if (isObjectKey(key)) yield { key, id: UploadId, started: Initiated ?? new Date(0) }
    }
  }

  #parameters(key: string, id: string) {
    return { Bucket: this.#bucket, Key: this.#prefix + key, UploadId: id }
  }
}
