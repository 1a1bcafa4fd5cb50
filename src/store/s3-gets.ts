import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import { sdk } from './aws-sdk.js'
import { isForeign } from './foreign-answer.js'
import type { ObjectChecksums } from './object-checksum.js'
import type { ByteRange } from './object-store.js'
import { markReplay } from './replay.js'
import type { RequestChecksums } from './request-checksums.js'
import type { ConnectedClient } from './s3-client.js'
import type { RenewingCredentials } from './s3-credentials.js'

/** Fields of the answer to a GET that a store looks at. */
export type GetOutput = Pick<GetObjectCommandOutput, '$metadata'> & {
  readonly [Field in GetField]?: GetObjectCommandOutput[Field] | undefined
}

type GetField =
  | keyof ObjectChecksums
  | 'Body'
  | 'ContentEncoding'
  | 'ContentLength'
  | 'ContentRange'
  | 'ETag'
  | 'LastModified'
  | 'Metadata'

/**
 * GETs of contents, of which a reader makes thousands: the SDK's middleware would take three quarters of their CPU.
 *
 * The SDK sends the first one, for it knows how to find the server and to sign. Its request is the template of those
 * that follow, which its signer signs, with its credentials, and its handler sends. An answer that is not the content,
 * and an error, go to the SDK, which reads them as if it had sent the request. Where the template may have been the
 * reason, the SDK sends the next one too.
 */
export class S3Gets {
  readonly #client: S3Client
  readonly #checksums: RequestChecksums
  readonly #renewing: RenewingCredentials
  readonly #parameters: { readonly Bucket: string }
  #template: Template | undefined

  /** @param parameters those that all GETs have in common: the bucket, and a key of the customer's. */
  constructor({ client, checksums, renewing }: ConnectedClient, parameters: { readonly Bucket: string }) {
    this.#client = client
    this.#checksums = checksums
    this.#renewing = renewing
    this.#parameters = parameters
  }

  async get(key: string, range: ByteRange | undefined, abortSignal: AbortSignal): Promise<GetOutput> {
    const get: Get = { key, range: rangeHeader(range), abortSignal }
    const template = this.#template
    if (template?.withChecksums !== this.#checksums.areSent) return await this.#sendBySdk(get)
    return await this.#renewing('GET', (credentials) => this.#sendByTemplate(template, get, credentials))
  }

  async #sendByTemplate(template: Template, get: Get, credentials: unknown): Promise<GetOutput> {
    const { abortSignal } = get
    const request = template.requestFor(get)
    const signed = await this.#sign(template, request, credentials)
    if (!signed) return await this.#sendBySdk(get)
    const outcome = await this.#handle(signed.request, abortSignal)
    const { response, error } = outcome
    const output = response && contentIn(request, response)
    if (output) {
      signed.learnFrom(response)
      return output
    }
    if (abortSignal.aborted) {
      response?.body.destroy?.()
      throw error ?? abortSignal.reason
    }
    if (response && !isOfStore(response)) this.#forget(template)
    return await this.#readBySdk(get, outcome, template)
  }

  /** @returns undefined if the SDK no longer signs in this way. */
  async #sign(template: Template, request: HttpRequest, credentials: unknown): Promise<Signed | undefined> {
    try {
      return await template.sign(request, credentials)
    } catch {
      this.#forget(template)
      return undefined
    }
  }

  #forget(template: Template): void {
    if (this.#template === template) this.#template = undefined
  }

  async #handle(request: HttpRequest, abortSignal: AbortSignal): Promise<Outcome> {
    const handler = this.#client.config.requestHandler as unknown as Handler
    try {
      return await handler.handle(request, { abortSignal })
    } catch (error) {
      return { error }
    }
  }

  async #sendBySdk(get: Get): Promise<GetOutput> {
    const command = this.#command(get)
    let template: Template | undefined
    command.middlewareStack.add(
      (next, context) => (args) => {
        template = templateOf(args.request as HttpRequest, get.key, context)
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low', name: 'takeTemplate' },
    )
    const output = await this.#client.send(command, { abortSignal: get.abortSignal })
    this.#template = template
    return output
  }

  /** Reading of an outcome by the SDK. */
  async #readBySdk(get: Get, { response, error }: Outcome, { withChecksums }: Template): Promise<GetOutput> {
    const command = this.#command(get)
    command.middlewareStack.add(
      (_next, context) => {
        markReplay(context, { withChecksums })
        return async () => {
          if (response) return { response }
          throw error
        }
      },
      // In place of the handler.
      { step: 'deserialize', priority: 'low', name: 'useOutcome' },
    )
    try {
      return await this.#client.send(command, { abortSignal: get.abortSignal })
    } catch (failure) {
      // Nobody reads it if the SDK failed before.
      response?.body.destroy?.()
      throw failure
    }
  }

  #command({ key, range }: Get): InstanceType<typeof sdk.GetObjectCommand> {
    const command = new sdk.GetObjectCommand({
      ...this.#parameters,
      Key: key,
      ...(range && { Range: range }),
    })
    // Asks for the stored checksum without having the SDK check it: it would use JavaScript for most algorithms.
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as HttpRequest).headers, { [checksumMode]: 'ENABLED' })
        return next(args)
      },
      { step: 'build' },
    )
    return command
  }
}

const checksumMode = 'x-amz-checksum-mode'

interface Get {
  readonly key: string
  readonly range: string | undefined
  readonly abortSignal: AbortSignal
}

/** Request of the SDK, as far as it matters here. */
interface HttpRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

interface HttpResponse {
  readonly statusCode: number
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: NonNullable<GetOutput['Body']> & { destroy?(): void }
}

interface Handler {
  handle(request: HttpRequest, options: { readonly abortSignal: AbortSignal }): Promise<Outcome>
}

interface Outcome {
  readonly response?: HttpResponse
  readonly error?: unknown
}

interface Template {
  readonly withChecksums: boolean
  requestFor(get: Get): HttpRequest
  sign(request: HttpRequest, credentials: unknown): Promise<Signed>
}

interface Signed {
  readonly request: HttpRequest
  /** The answer tells by how much the clocks of store and machine differ. */
  learnFrom(response: HttpResponse): void
}

/** How the SDK chose to sign a request. */
interface AuthScheme {
  readonly httpAuthOption: { readonly schemeId: string; readonly signingProperties?: object }
  readonly signer: {
    sign(request: HttpRequest, credentials: unknown, properties: object): Promise<HttpRequest>
    successHandler?(response: HttpResponse, properties: object): void
  }
}

/** Those of one request alone, in lower case. */
const ownHeaders = new Set([
  'range',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'authorization',
  'x-amz-date',
  'x-amz-security-token',
  // Headers of a trace.
  'x-amzn-trace-id',
  'traceparent',
  'tracestate',
  'baggage',
])

/** @returns undefined if other objects may take something else than another path. */
function templateOf(request: HttpRequest, key: string, context: object): Template | undefined {
  const { __smithy_context, s3ExpressIdentity } = context as {
    readonly __smithy_context?: { readonly selectedHttpAuthScheme?: AuthScheme }
    readonly s3ExpressIdentity?: unknown
  }
  const scheme = __smithy_context?.selectedHttpAuthScheme
  const path = encodedPath(key)
  if (scheme?.httpAuthOption.schemeId !== 'aws.auth#sigv4' || s3ExpressIdentity !== undefined)
    return undefined
  if (!request.path.endsWith(`/${path}`)) return undefined
  const basePath = request.path.slice(0, -path.length)
  const shared = Object.entries(request.headers).filter(([name]) => !ownHeaders.has(name.toLowerCase()))
  const headers = Object.fromEntries(shared)
  const { httpAuthOption, signer } = scheme
  return {
    withChecksums: checksumMode in headers,
    requestFor: ({ key, range }) => ({
      ...request,
      path: basePath + encodedPath(key),
      headers: range === undefined ? headers : { ...headers, range },
    }),
    async sign(unsigned, credentials) {
      const properties = { ...httpAuthOption.signingProperties }
      return {
        request: await signer.sign(unsigned, credentials, properties),
        learnFrom: (response) => signer.successHandler?.(response, properties),
      }
    },
  }
}

/** Reports whether the answer tells of the object or the store, and not of the request. */
function isOfStore({ statusCode }: HttpResponse): boolean {
  return (
    statusCode === 404 ||
    statusCode === 416 ||
    statusCode === 429 ||
    (statusCode >= 500 && statusCode !== 501)
  )
}

/** A key in the path of a URL, as S3's signature takes it: RFC 3986 escapes more than `encodeURIComponent`. */
function encodedPath(key: string): string {
  const escaped = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, escaped)
}

function rangeHeader(range: ByteRange | undefined): string | undefined {
  return range && `bytes=${range.offset}-${range.offset + range.length - 1}`
}

const metadataPrefix = 'x-amz-meta-'

/** @returns undefined if the answer is something else than content, or one for the SDK to read or to refuse. */
function contentIn(request: HttpRequest, response: HttpResponse): GetOutput | undefined {
  const { statusCode, headers, body } = response
  if (statusCode !== 200 && statusCode !== 206) return undefined
  if (isForeign(request, response, { isNameless: false, isListing: false })) return undefined
  const modified = headers['last-modified']
  const LastModified = modified === undefined ? undefined : new Date(modified)
  if (LastModified && !(modified?.endsWith('GMT') && Number.isFinite(LastModified.getTime())))
    return undefined
  const Metadata: Record<string, string> = {}
  for (const name in headers)
    if (name.startsWith(metadataPrefix)) Metadata[name.slice(metadataPrefix.length)] = headers[name]!
  const length = headers['content-length']
  return {
    $metadata: { httpStatusCode: statusCode },
    Body: body,
    ChecksumCRC32: headers['x-amz-checksum-crc32'],
    ChecksumCRC32C: headers['x-amz-checksum-crc32c'],
    ChecksumSHA1: headers['x-amz-checksum-sha1'],
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
    ContentEncoding: headers['content-encoding'],
    ContentLength: length === undefined ? undefined : Number(length),
    ContentRange: headers['content-range'],
    ETag: headers.etag,
    LastModified,
    Metadata,
  }
}
