import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { type Clock, systemClock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { sdk } from './aws-sdk.js'
import { assertObjectKey, isKeyPrefix, isObjectKey } from './object-key.js'
import {
  type ByteRange,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  PreconditionFailed,
  type PutBody,
  type PutOptions,
  type PutResult,
  type StoredObject,
} from './object-store.js'
import { bodySize } from './put-body.js'
import { base64Crc32, checksumOf, receiveBody, sendBody } from './s3-body.js'
import { createS3Client, type S3Connection } from './s3-client.js'
import { type EncryptionParameters, encryptionParameters, type S3Encryption } from './s3-encryption.js'
import { s3Error } from './s3-error.js'
import { copyParts, type PartsTarget, uploadParts } from './s3-parts.js'
import { S3Requests } from './s3-requests.js'
import type { RequestListener } from './store-request.js'
import { urlPath } from './store-url.js'

export interface S3StoreOptions extends S3Connection {
  readonly bucket: string
  /** Segments joined with `/`, without one at either end. Default: none, the whole bucket. */
  readonly prefix?: string
  readonly encryption?: S3Encryption
  /** Called after each request, each attempt counted. */
  readonly onRequest?: RequestListener
  readonly clock?: Clock
  readonly random?: () => number
}

/** Up to here one PUT is fastest; above, parts in parallel. */
const maxSinglePutBytes = 64 * 1024 * 1024
/** Parts of a copy are not transferred, so they are as large as a whole copy may be: 5 GiB. */
const copyPartBytes = 5 * 2 ** 30
/** S3's limit for one request. */
const maxDeletions = 1000
/** Tells a writer that repeats a conditional write whether the object that it meets is its own. */
const writeIdMetadata = 'cloudenv-write-id'

/** An object store in a bucket of S3, or of a server that speaks its protocol. */
export class S3Store implements ObjectStore {
  readonly url: string
  readonly #bucket: string
  readonly #prefix: string
  readonly #requests: S3Requests
  readonly #encryption: EncryptionParameters

  constructor(options: S3StoreOptions) {
    const { bucket, prefix = '', encryption, clock = systemClock, random = Math.random, onRequest } = options
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.url = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${urlPath(prefix)}`
    this.#encryption = encryptionParameters(encryption)
    this.#requests = new S3Requests({
      client: createS3Client(options),
      url: this.url,
      clock,
      random,
      onRequest,
    })
  }

  async get(key: ObjectKey, range?: ByteRange): Promise<StoredObject> {
    const object = this.#object(key)
    if (range?.length === 0) return { ...(await this.head(key)), body: new Uint8Array() }
    const command = new sdk.GetObjectCommand({
      ...object,
      ...this.#encryption.access,
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
    })
    // Asks for the stored checksum without the SDK checking it: it would use JavaScript for most algorithms.
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as { headers: object }).headers, { 'x-amz-checksum-mode': 'ENABLED' })
        return next(args)
      },
      { step: 'build' },
    )
    const found = await this.#requests.send(
      'get',
      key,
      async () => {
        const output = await this.#requests.client.send(command).catch(unlessBeyondEnd)
        if (output === undefined) return undefined
        const received = await receiveBody(output.Body as Readable, output.ContentLength)
        const size = totalSize(output.ContentRange) ?? received.length
        const whole = output.ContentRange === undefined
        if (whole) verify(received, output.ChecksumCRC32)
        const body = whole && range ? received.subarray(range.offset, range.offset + range.length) : received
        return { ...infoOf(key, output, size), body }
      },
      (result) => result?.body.length ?? 0,
    )
    return found ?? { ...(await this.head(key)), body: new Uint8Array() }
  }

  async head(key: ObjectKey): Promise<ObjectInfo> {
    const command = { ...this.#object(key), ...this.#encryption.access }
    const output = await this.#requests.send('head', key, () =>
      this.#requests.client.send(new sdk.HeadObjectCommand(command)),
    )
    return infoOf(key, output, output.ContentLength ?? 0)
  }

  async put(key: ObjectKey, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    const object = this.#object(key)
    const { condition, signal } = options
    const large = bodySize(body) > maxSinglePutBytes
    const writeId = condition !== undefined || large ? randomUUID() : undefined
    const metadata = { ...options.metadata, ...(writeId && { [writeIdMetadata]: writeId }) }
    const conditions =
      condition === undefined
        ? {}
        : condition === 'absent'
          ? { IfNoneMatch: '*' }
          : { IfMatch: condition.etag }

    if (large) {
      const upload = await uploadParts(this.#target(key, metadata), body, signal)
      return await this.#commit(key, options, writeId, () => upload.complete(conditions)).catch(
        upload.abandon,
      )
    }
    const parameters = {
      ...object,
      ...this.#encryption.create,
      ...conditions,
      Metadata: metadata,
      ContentLength: bodySize(body),
      ChecksumCRC32: base64Crc32(await checksumOf(body)),
    }
    return await this.#commit(key, options, writeId, () =>
      this.#requests.once(
        'put',
        key,
        () =>
          sendBody(body, signal, async (content, abortSignal) => {
            const command = new sdk.PutObjectCommand({ ...parameters, Body: content })
            const output = await this.#requests.client.send(command, abortSignal && { abortSignal })
            return output.ETag ?? ''
          }),
        () => bodySize(body),
      ),
    )
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    // Nothing can be there, and some servers refuse to look.
    if (!isKeyPrefix(prefix)) return
    let token: string | undefined
    do {
      const command = new sdk.ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#prefix + prefix,
        // XML cannot hold every character of a key.
        EncodingType: 'url',
        ...(options.shallow && { Delimiter: '/' }),
        ...(options.startAfter !== undefined && { StartAfter: this.#prefix + options.startAfter }),
        ...(token !== undefined && { ContinuationToken: token }),
      })
      const page = await this.#requests.send('list', prefix, () => this.#requests.client.send(command))
      for (const { Key = '', Size = 0, ETag = '', LastModified = new Date(0) } of page.Contents ?? []) {
        const key = decodeKey(Key).slice(this.#prefix.length)
        // Anybody may have put anything there; what cannot be a key of ours is none of our objects.
        if (!isObjectKey(key)) {
          options.onLeftOut?.(Size)
          continue
        }
        yield { key, size: Size, etag: ETag, lastModified: LastModified, metadata: {} }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async deleteMany(keys: readonly ObjectKey[]): Promise<void> {
    const objects = keys.map((key) => ({ Key: this.#object(key).Key }))
    for (let start = 0; start < objects.length; start += maxDeletions) {
      const batch = objects.slice(start, start + maxDeletions)
      const command = { Bucket: this.#bucket, Delete: { Objects: batch, Quiet: true } }
      const key = keys[start]!
      await this.#requests.send('delete', key, async () => {
        const { Errors = [] } = await this.#requests.client.send(new sdk.DeleteObjectsCommand(command))
        if (Errors.length > 0) throw this.#deletionError(Errors, batch.length)
      })
    }
  }

  async copy(source: ObjectKey, target: ObjectKey): Promise<PutResult> {
    const copySource = `${this.#bucket}/${this.#object(source).Key}`
      .split('/')
      .map(encodeURIComponent)
      .join('/')
    const command = new sdk.CopyObjectCommand({
      ...this.#object(target),
      ...this.#encryption.create,
      ...this.#encryption.copySource,
      CopySource: copySource,
    })
    const output = await this.#requests.send('copy', source, () =>
      this.#requests.client.send(command).catch(unlessTooLarge),
    )
    if (output) return { etag: output.CopyObjectResult?.ETag ?? '' }

    const info = await this.head(source)
    const writeId = randomUUID()
    const parts = this.#target(target, { ...info.metadata, [writeIdMetadata]: writeId })
    const upload = await copyParts(parts, info, copySource, copyPartBytes)
    return await this.#commit(target, {}, writeId, () => upload.complete({})).catch(upload.abandon)
  }

  close(): void {
    this.#requests.client.destroy()
  }

  #object(key: ObjectKey): { readonly Bucket: string; readonly Key: string } {
    assertObjectKey(key)
    return { Bucket: this.#bucket, Key: this.#prefix + key }
  }

  #target(key: ObjectKey, metadata: Readonly<Record<string, string>>): PartsTarget {
    const { Bucket, Key } = this.#object(key)
    return {
      requests: this.#requests,
      bucket: Bucket,
      key,
      fullKey: Key,
      metadata,
      encryption: this.#encryption,
    }
  }

  /**
   * Repeats the request that makes an object visible. When an attempt got no answer it may have taken
   * effect all the same, and then the next one is refused: by a condition that its own first attempt
   * broke, or because the parts are used up. Whose object is there now tells.
   */
  async #commit(
    key: ObjectKey,
    { condition, signal }: PutOptions,
    writeId: string | undefined,
    attempt: () => Promise<string>,
  ): Promise<PutResult> {
    let mayHaveTakenEffect = false
    return await this.#requests.retried(async () => {
      try {
        return { etag: await attempt() }
      } catch (error) {
        if (EnvError.is(error) && error.retryable) mayHaveTakenEffect = true
        else if (mayHaveTakenEffect && writeId !== undefined) {
          const found = await this.#writtenBy(key, writeId)
          if (found) return found
        }
        throw ofCondition(error, condition)
      }
    }, signal)
  }

  async #writtenBy(key: ObjectKey, writeId: string): Promise<PutResult | undefined> {
    const command = { ...this.#object(key), ...this.#encryption.access }
    try {
      const output = await this.#requests.once('head', key, () =>
        this.#requests.client.send(new sdk.HeadObjectCommand(command)),
      )
      return output.Metadata?.[writeIdMetadata] === writeId ? { etag: output.ETag ?? '' } : undefined
    } catch (error) {
      if (EnvError.is(error, 'NotFound')) return undefined
      throw error
    }
  }

  #deletionError(errors: readonly DeletionError[], count: number): EnvError {
    const translated = errors.map(({ Key = '', Code, Message }) =>
      s3Error(
        { name: Code, message: Message ?? Code },
        'delete',
        `${errors.length} of ${count} objects, first s3://${this.#bucket}/${urlPath(Key)}`,
      ),
    )
    return translated.find((error) => !error.retryable) ?? translated[0]!
  }
}

interface DeletionError {
  readonly Key?: string | undefined
  readonly Code?: string | undefined
  readonly Message?: string | undefined
}

/** What GET, HEAD and LIST say of an object alike. */
function infoOf(
  key: ObjectKey,
  output: {
    readonly ETag?: string | undefined
    readonly LastModified?: Date | undefined
    readonly Metadata?: Record<string, string> | undefined
  },
  size: number,
): ObjectInfo {
  const { [writeIdMetadata]: _, ...metadata } = output.Metadata ?? {}
  return { key, size, etag: output.ETag ?? '', lastModified: output.LastModified ?? new Date(0), metadata }
}

/** `bytes 0-9/1234` */
function totalSize(contentRange: string | undefined): number | undefined {
  const total = /\/(\d+)$/.exec(contentRange ?? '')?.[1]
  return total === undefined ? undefined : Number(total)
}

/** Objects written in parts have a checksum of checksums, `…-N`, which says nothing here. */
function verify(body: Uint8Array, checksum: string | undefined): void {
  if (checksum === undefined || checksum.includes('-') || checksum === base64Crc32(crc32(body))) return
  throw Object.assign(new Error('the checksum does not match'), { name: 'BadDigest' })
}

function unlessBeyondEnd(error: unknown): undefined {
  if (statusOf(error) === 416) return undefined
  throw error
}

function unlessTooLarge(error: unknown): undefined {
  const { name, message } = error as Error
  if (name === 'EntityTooLarge' || (name === 'InvalidRequest' && message.includes('larger than')))
    return undefined
  throw error
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode
}

/** `If-Match` where nothing is: servers answer 404. */
function ofCondition(error: unknown, condition: PutOptions['condition']): unknown {
  const expectedObject = condition !== undefined && condition !== 'absent'
  if (!expectedObject || !EnvError.is(error, 'NotFound')) return error
  return new PreconditionFailed(error.message, error)
}

/** A space may come as `+`, a plus never does. */
function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '))
}
