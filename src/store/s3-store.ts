import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { realSystem } from '../env/system.js'
import { answeredEtag } from './answered-etag.js'
import { sdk } from './aws-sdk.js'
import type { ConcurrencyLimit } from './concurrency-limit.js'
import { contentOf } from './object-content.js'
import { assertObjectKey, isKeyPrefix } from './object-key.js'
import {
  type ByteRange,
  type CopyOptions,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  PreconditionFailed,
  type PutBody,
  type PutOptions,
  type PutResult,
  type RequestOptions,
  type StoredObject,
} from './object-store.js'
import { bodySize } from './put-body.js'
import type { RequestChecksums } from './request-checksums.js'
import { sendBody } from './s3-body.js'
import { createS3Client, endpointOfEnvironment } from './s3-client.js'
import type { S3Connection } from './s3-connection.js'
import { S3Copies } from './s3-copies.js'
import { S3Deletions } from './s3-deletions.js'
import { type EncryptionParameters, encryptionParameters, type S3Encryption } from './s3-encryption.js'
import { S3Gets } from './s3-gets.js'
import { S3Listing } from './s3-listing.js'
import { S3Requests } from './s3-requests.js'
import { S3UnfinishedUploads } from './s3-unfinished-uploads.js'
import { S3Uploads } from './s3-uploads.js'
import type { RequestListener } from './store-request.js'
import { urlPath } from './store-url.js'

export interface S3StoreOptions extends S3Connection {
  readonly bucket: string
  /** Segments joined with `/`, with none at either end. Default: none, the whole bucket. */
  readonly prefix?: string
  readonly encryption?: S3Encryption
  /** See `StoreOptions`. */
  readonly createBucketIfMissing?: boolean
  /** Largest object that one request copies. Default: 5 GiB, the limit of S3. */
  readonly maxCopyBytes?: number
  /** Called after each request; each attempt counts. */
  readonly onRequest?: RequestListener
  /** Called once, with the limit on requests that it has while it throttles. */
  readonly onLimit?: (limit: ConcurrencyLimit) => void
  readonly clock?: Clock
  readonly random?: () => number
}

/**
 * Limit for one streamed PUT, which most tables and all conditional writes take: RocksDB's tables have 64 MiB of blocks by
 * default, and an index and a filter beside them. Larger objects go in parallel parts.
 */
const maxStreamedBytes = 72 * 1024 * 1024

/** An object store in a bucket of S3, or of a server that speaks its protocol. */
export class S3Store implements ObjectStore {
  readonly url: string
  readonly server: string
  readonly unfinishedUploads: S3UnfinishedUploads
  readonly #bucket: string
  readonly #prefix: string
  readonly #requests: S3Requests
  readonly #checksums: RequestChecksums
  readonly #gets: S3Gets
  readonly #listing: S3Listing
  readonly #deletions: S3Deletions
  readonly #uploads: S3Uploads
  readonly #copies: S3Copies
  readonly #encryption: EncryptionParameters
  /** How the store is reached, but for its place. */
  readonly #access: unknown

  constructor(options: S3StoreOptions) {
    const {
      bucket,
      prefix = '',
      encryption,
      clock = realSystem.clock,
      random = realSystem.random.next,
      onRequest,
      onLimit,
    } = options
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.server = options.endpoint ?? endpointOfEnvironment() ?? 'AWS'
    this.url = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${urlPath(prefix)}`
    this.#encryption = encryptionParameters(encryption)
    const connected = createS3Client(options, clock)
    const { client, checksums } = connected
    this.#checksums = checksums
    this.#requests = new S3Requests({
      client,
      url: this.url,
      clock,
      random,
      onRequest,
      onLimit,
      timeoutMs: options.requestTimeoutMs,
      hedgeAfterMs: options.hedgeAfterMs,
      bucketToCreate: options.createBucketIfMissing ? bucket : undefined,
    })
    this.#gets = new S3Gets(connected, { Bucket: bucket, ...this.#encryption.access })
    const place = { requests: this.#requests, bucket, prefix: this.#prefix }
    this.#listing = new S3Listing(place, clock)
    this.#deletions = new S3Deletions(place)
    this.unfinishedUploads = new S3UnfinishedUploads(this.#requests, bucket, this.#prefix)
    this.#uploads = new S3Uploads({
      requests: this.#requests,
      checksums,
      unfinished: this.unfinishedUploads,
      head: (key, options) => this.head(key, options),
      clock,
    })
    this.#copies = new S3Copies({
      requests: this.#requests,
      encryption: this.#encryption,
      unfinished: this.unfinishedUploads,
      head: (key, options) => this.head(key, options),
      maxRequestBytes: options.maxCopyBytes,
    })
    const { endpoint, region, profile, credentials, forcePathStyle } = options
    this.#access = { endpoint, region, profile, credentials, forcePathStyle, encryption }
  }

  async get(key: ObjectKey, range?: ByteRange, options: RequestOptions = {}): Promise<StoredObject> {
    const object = this.#object(key)
    if (range?.length === 0) return { ...(await this.head(key, options)), body: new Uint8Array() }
    const { signal } = options
    const get = (attempt: number) =>
      this.#requests.sendOnce<StoredObject | undefined>(
        { operation: 'get', key, attempt, rangeBytes: range?.length, bytesOf: receivedBytes, signal },
        async (deadline) => {
          const output = await this.#gets.get(object.Key, range, deadline.signal).catch(unlessBeyondEnd)
          if (output === undefined) return undefined
          deadline.allow(output.ContentLength)
          const { size, body } = await contentOf(output, range)
          return { ...infoOf(key, output, size), body }
        },
      )
    const found = await this.#requests.retry(get, signal)
    return found ?? { ...(await this.head(key, options)), body: new Uint8Array() }
  }

  async head(key: ObjectKey, { signal }: RequestOptions = {}): Promise<ObjectInfo> {
    const command = { ...this.#object(key), ...this.#encryption.access }
    return await this.#requests.send(
      'head',
      key,
      async (deadline) => {
        const output = await this.#requests.client.send(new sdk.HeadObjectCommand(command), {
          abortSignal: deadline.signal,
        })
        return infoOf(key, output, output.ContentLength ?? 0)
      },
      undefined,
      signal,
    )
  }

  async put(key: ObjectKey, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    const { condition, metadata = {}, signal } = options
    const parameters = { ...this.#object(key), ...this.#encryption.create, Metadata: metadata }
    const size = bodySize(body)
    if (condition === undefined && size > maxStreamedBytes)
      return { etag: await this.#uploads.put(key, body, parameters, signal) }

    const put = async (attempt: number) => {
      const checksum = await this.#checksums.parameterFor(body)
      return await this.#requests.sendOnce(
        { operation: 'put', key, attempt, bytesOf: () => size, signal },
        (deadline) => {
          deadline.allow(size)
          return sendBody(body, deadline.signal, async (content, abortSignal) => {
            const command = new sdk.PutObjectCommand({
              ...parameters,
              ...conditionParameters(condition),
              ...checksum,
              ContentLength: size,
              Body: content,
            })
            const output = await this.#requests.client.send(command, { abortSignal })
            return answeredEtag(output.ETag)
          })
        },
      )
    }
    try {
      return { etag: await this.#requests.retry(put, signal) }
    } catch (error) {
      throw ofCondition(error, condition)
    }
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    // Nothing can be there, and some servers refuse to look.
    return isKeyPrefix(prefix) ? this.#listing.list(prefix, options) : emptyListing()
  }

  async deleteMany(keys: readonly ObjectKey[], options: RequestOptions = {}): Promise<void> {
    keys.forEach(assertObjectKey)
    await this.#deletions.delete(keys, options)
  }

  async copy(source: ObjectKey, target: ObjectKey, options: CopyOptions = {}): Promise<PutResult> {
    const { size, from = this, signal } = options
    if (!(from instanceof S3Store))
      throw new TypeError('expected "from" to be a store that copiesFrom accepts')
    const head = () => from.head(source, { signal })
    const etag = await this.#copies.copy(
      { key: source, object: from.#object(source), size, head },
      { key: target, object: this.#object(target) },
      signal,
    )
    return { etag }
  }

  /** True for a bucket that is reached in the same way: with the same credentials at the same server. */
  copiesFrom(other: ObjectStore): boolean {
    return other instanceof S3Store && isDeepStrictEqual(other.#access, this.#access)
  }

  async close(): Promise<void> {
    await this.#uploads.close()
    this.#requests.client.destroy()
  }

  #object(key: ObjectKey): { readonly Bucket: string; readonly Key: string } {
    assertObjectKey(key)
    return { Bucket: this.#bucket, Key: this.#prefix + key }
  }
}

/** Fields that GET and HEAD have in common. */
function infoOf(
  key: ObjectKey,
  output: {
    readonly ETag?: string | undefined
    readonly LastModified?: Date | undefined
    readonly Metadata?: Record<string, string> | undefined
  },
  size: number,
): ObjectInfo {
  return {
    key,
    size,
    etag: answeredEtag(output.ETag),
    lastModified: output.LastModified ?? new Date(0),
    metadata: output.Metadata ?? {},
  }
}

function receivedBytes(object: StoredObject | undefined): number {
  return object?.body.length ?? 0
}

function unlessBeyondEnd(error: unknown): undefined {
  if (statusOf(error) === 416) return undefined
  throw error
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode
}

function conditionParameters(condition: PutOptions['condition']): {
  readonly IfMatch?: string
  readonly IfNoneMatch?: string
} {
  if (condition === undefined) return {}
  return condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }
}

/** Servers answer 404 to `If-Match` if there is no object. */
function ofCondition(error: unknown, condition: PutOptions['condition']): unknown {
  const expectedObject = condition !== undefined && condition !== 'absent'
  if (!expectedObject || !EnvError.is(error, 'NotFound')) return error
  return new PreconditionFailed(error.message, error)
}

async function* emptyListing(): AsyncGenerator<never> {}
