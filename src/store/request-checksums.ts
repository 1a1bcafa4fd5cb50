import { createHash } from 'node:crypto'
import type { S3Client } from '@aws-sdk/client-s3'
import type { RequestBody } from './put-body.js'
import { replayOf } from './replay.js'
import { base64Crc32, checksumOf, md5Of } from './s3-body.js'

/**
 * Checksums of request bodies: a CRC-32 in S3's own header, or an MD5 in HTTP's `Content-MD5` if the store refuses
 * S3's.
 *
 * A store may name the header that it refuses. Others say in general that something is not implemented; then the
 * request is repeated without, and its outcome tells whether the checksum was the reason:
 *
 * | state | a refusal by name | 501 | success, or another error, without checksums |
 * |---|---|---|---|
 * | sent | refused | doubted | |
 * | doubted | refused | needless (it was something else) | refused |
 * | needless | refused | needless | |
 * | refused | refused | refused | refused |
 */
export class RequestChecksums {
  readonly #server: string
  #state: 'sent' | 'doubted' | 'needless' | 'refused' = 'sent'

  /** @param server name for a warning. */
  constructor(server: string) {
    this.#server = server
  }

  /** The checksum of a whole body as a parameter of a PUT. */
  async parameterFor(
    body: RequestBody,
  ): Promise<{ readonly ChecksumCRC32: string } | { readonly ContentMD5: string }> {
    if (!this.areSent) return { ContentMD5: await md5Of(body) }
    return { ChecksumCRC32: base64Crc32(await checksumOf(body)) }
  }

  /** Makes every request of the client do so. A refused one fails with `ChecksumsRefused`: repeat it. */
  install(client: S3Client): void {
    client.middlewareStack.add(
      (next, context) => async (args) => {
        const withChecksums = replayOf(context)?.withChecksums ?? this.areSent
        // GET asks for the stored checksum.
        const carriesSome = hasChecksum(args.input) || context.commandName === 'GetObjectCommand'
        const input = withChecksums ? args.input : withoutChecksums(args.input)
        try {
          const result = await next({ ...args, input: input as typeof args.input })
          if (carriesSome && !withChecksums) this.#accepted()
          return result
        } catch (error) {
          if (!carriesSome) throw error
          throw this.#failed(error as SdkError, { withChecksums })
        }
      },
      { step: 'initialize', name: 'sendChecksums' },
    )
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const request = args.request as Request
          // Every store takes MD5 for this request, and some take nothing else.
          if (commandName === 'DeleteObjectsCommand') {
            request.headers = withoutChecksumHeaders(request.headers)
            request.headers['content-md5'] = base64Md5(Buffer.from(request.body as string | Uint8Array))
          } else if (!this.areSent) {
            request.headers = withoutChecksumHeaders(request.headers)
          }
          return next(args)
        },
      // After the SDK's own middleware, which adds a checksum to requests that need one and have none.
      { step: 'build', priority: 'low', name: 'replaceChecksumHeaders' },
    )
  }

  /** Reports whether requests carry S3's own checksums now. */
  get areSent(): boolean {
    return this.#state === 'sent' || this.#state === 'needless'
  }

  #accepted(): void {
    if (this.#state === 'doubted') this.#refuse()
  }

  /** The error with which the request is to fail. */
  #failed(error: SdkError, { withChecksums }: { readonly withChecksums: boolean }): unknown {
    const isVague = error.$metadata?.httpStatusCode === 501
    if (withChecksums && isRefusalByName(error)) {
      this.#refuse()
      return refused(error)
    }
    if (withChecksums && isVague && this.#state !== 'needless') {
      if (this.#state === 'sent') this.#state = 'doubted'
      return refused(error)
    }
    if (!withChecksums && this.#state === 'doubted' && error.$metadata?.httpStatusCode !== undefined) {
      if (isVague) this.#state = 'needless'
      else this.#refuse()
    }
    return error
  }

  #refuse(): void {
    if (this.#state === 'refused') return
    this.#state = 'refused'
    process.emitWarning(
      `${this.#server} refuses checksums (the headers x-amz-checksum-*). What is written there is guarded by Content-MD5 instead`,
      { code: 'CLOUDENV_NO_CHECKSUMS' },
    )
  }
}

interface Request {
  headers: Record<string, string>
  readonly body?: unknown
}

interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** Parameters of S3's own checksums that we send. */
interface ChecksumInput {
  readonly Body?: unknown
  readonly ContentMD5?: string
  readonly ChecksumCRC32?: string
  readonly ChecksumAlgorithm?: string
  readonly MultipartUpload?: { readonly Parts?: readonly { readonly ChecksumCRC32?: string }[] }
}

function hasChecksum(input: object): boolean {
  const { ChecksumCRC32, ChecksumAlgorithm, ContentMD5 } = input as ChecksumInput
  return ChecksumCRC32 !== undefined || ChecksumAlgorithm !== undefined || ContentMD5 !== undefined
}

function withoutChecksums(input: object): object {
  const { ChecksumCRC32, ChecksumAlgorithm, MultipartUpload, ...others } = input as ChecksumInput
  const isUnguarded = (ChecksumCRC32 ?? ChecksumAlgorithm) !== undefined && others.ContentMD5 === undefined
  return {
    ...others,
    ...(isUnguarded && others.Body instanceof Uint8Array && { ContentMD5: base64Md5(others.Body) }),
    ...(MultipartUpload && {
      MultipartUpload: { Parts: MultipartUpload.Parts?.map(({ ChecksumCRC32: _, ...part }) => part) },
    }),
  }
}

function withoutChecksumHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const isChecksum = (name: string) => /^x-amz-(checksum-|sdk-checksum-|trailer$)/i.test(name)
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isChecksum(name)))
}

function isRefusalByName({ message = '', $metadata }: SdkError): boolean {
  const namesHeader = /x-amz-(?:sdk-)?checksum|x-amz-trailer/i.test(message)
  const refuses = /not (?:\w+ )?(?:implemented|supported|allowed)|unsupported|unknown|unexpected/i.test(
    message,
  )
  return namesHeader && ($metadata?.httpStatusCode === 501 || ($metadata?.httpStatusCode === 400 && refuses))
}

function refused({ message, $metadata }: SdkError): Error {
  return Object.assign(new Error(message), { name: 'ChecksumsRefused', $metadata })
}

function base64Md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64')
}
