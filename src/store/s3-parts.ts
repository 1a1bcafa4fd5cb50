import { crc32 } from 'node:zlib'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { sdk } from './aws-sdk.js'
import type { ObjectInfo, ObjectKey, PutBody } from './object-store.js'
import { bodySize } from './put-body.js'
import { base64Crc32, partOf } from './s3-body.js'
import type { EncryptionParameters } from './s3-encryption.js'
import type { S3Requests } from './s3-requests.js'

/** S3 takes no more parts than this for one object. */
const maxParts = 10_000
/** With four parts under way an upload holds 32 MiB, and keeps a fast line busy. */
const uploadPartBytes = 8 * 1024 * 1024
const concurrentParts = 4

/** The object to be written. */
export interface PartsTarget {
  readonly requests: S3Requests
  readonly bucket: string
  /** As the store calls it, for messages. */
  readonly key: ObjectKey
  /** As S3 calls it. */
  readonly fullKey: string
  readonly metadata: Readonly<Record<string, string>>
  readonly encryption: EncryptionParameters
}

/** All parts are in the store; {@link UploadedParts.complete} makes an object of them. */
export interface UploadedParts {
  /** One attempt. */
  complete(conditions: { readonly IfMatch?: string; readonly IfNoneMatch?: string }): Promise<string>
  /** Frees the parts as well as it can, and throws what made them useless. */
  abandon(reason: unknown): Promise<never>
}

export async function uploadParts(
  target: PartsTarget,
  body: PutBody,
  signal: AbortSignal | undefined,
): Promise<UploadedParts> {
  const { requests, key } = target
  const checksums = { ChecksumAlgorithm: 'CRC32' } as const
  return await inParts(
    { target, size: bodySize(body), partBytes: uploadPartBytes, checksums },
    async (part, { offset, length }) => {
      const content = await partOf(body, offset, length)
      const checksum = base64Crc32(crc32(content))
      const command = { ...part, ...target.encryption.access, Body: content, ChecksumCRC32: checksum }
      const { ETag } = await requests.send(
        'put',
        key,
        () => requests.client.send(new sdk.UploadPartCommand(command), signal && { abortSignal: signal }),
        () => length,
        signal,
      )
      return { ETag, ChecksumCRC32: checksum }
    },
  )
}

/** Copies inside the store what is too large for one request. */
export async function copyParts(
  target: PartsTarget,
  source: ObjectInfo,
  copySource: string,
  partBytes: number,
): Promise<UploadedParts> {
  const { requests } = target
  // Servers differ in whether the parts of a copy may have checksums; nothing passes through here that could be damaged.
  const options = { target, size: source.size, partBytes, checksums: {} }
  return await inParts(options, async (part, { offset, length }) => {
    const command = {
      ...part,
      ...target.encryption.access,
      ...target.encryption.copySource,
      CopySource: copySource,
      CopySourceIfMatch: source.etag,
      CopySourceRange: `bytes=${offset}-${offset + length - 1}`,
    }
    const { CopyPartResult } = await requests.send('copy', source.key, () =>
      requests.client.send(new sdk.UploadPartCopyCommand(command)),
    )
    return { ETag: CopyPartResult?.ETag }
  })
}

interface PartParameters {
  readonly Bucket: string
  readonly Key: string
  readonly UploadId: string | undefined
  readonly PartNumber: number
}

async function inParts(
  options: {
    readonly target: PartsTarget
    readonly size: number
    readonly partBytes: number
    readonly checksums: { readonly ChecksumAlgorithm?: 'CRC32' }
  },
  transfer: (
    part: PartParameters,
    range: { readonly offset: number; readonly length: number },
  ) => Promise<Omit<CompletedPart, 'PartNumber'>>,
): Promise<UploadedParts> {
  const { target, size, checksums } = options
  const { requests, key, metadata, encryption } = target
  const { client } = requests
  const object = { Bucket: target.bucket, Key: target.fullKey }
  const create = { ...object, ...encryption.create, ...checksums, Metadata: metadata }
  const { UploadId } = await requests.send('put', key, () =>
    client.send(new sdk.CreateMultipartUploadCommand(create)),
  )
  const upload = { ...object, UploadId }
  const abandon = async (reason: unknown): Promise<never> => {
    const abort = () => client.send(new sdk.AbortMultipartUploadCommand(upload))
    // Parts that are left all the same cost money until the bucket's own clean-up, and harm nobody.
    await requests.send('delete', key, abort).catch(() => {})
    throw reason
  }

  const partBytes = Math.max(options.partBytes, Math.ceil(size / maxParts))
  const count = Math.ceil(size / partBytes)
  const parts: CompletedPart[] = []
  let next = 1
  let failed = false
  const work = async () => {
    while (next <= count && !failed) {
      const PartNumber = next++
      const offset = (PartNumber - 1) * partBytes
      const range = { offset, length: Math.min(partBytes, size - offset) }
      parts[PartNumber - 1] = { PartNumber, ...(await transfer({ ...upload, PartNumber }, range)) }
    }
  }
  const workers = Array.from({ length: concurrentParts }, () =>
    work().catch((error) => {
      failed = true
      throw error
    }),
  )
  try {
    await Promise.all(workers)
  } catch (error) {
    await Promise.allSettled(workers)
    return await abandon(error)
  }

  return {
    abandon,
    async complete(conditions) {
      const command = new sdk.CompleteMultipartUploadCommand({
        ...upload,
        ...encryption.access,
        ...conditions,
        MultipartUpload: { Parts: parts },
      })
      const { ETag } = await requests.once('put', key, () => client.send(command))
      return ETag ?? ''
    },
  }
}
