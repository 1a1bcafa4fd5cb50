import type { S3Client } from '@aws-sdk/client-s3'

/**
 * An answer that is not from S3: from a web site, the console of a store, or a proxy. The SDK would take a page of HTML
 * for an empty listing, for the content of an object, or for a missing one.
 */
export class ForeignAnswer extends Error {
  override readonly name = 'ForeignAnswer'
  readonly statusCode: number

  constructor({ protocol, hostname, port }: Request, { statusCode, headers }: Response) {
    const server = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`
    const type = /^[\w.+-]+\/[\w.+-]+/.exec(contentType(headers))?.[0]
    super(`${server} does not answer as S3 does (HTTP ${statusCode}${type === undefined ? '' : `, ${type}`})`)
    this.statusCode = statusCode
  }
}

/** Makes the client's requests fail with a {@link ForeignAnswer} if they get one. */
export function refuseForeignAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const request = args.request as Request
        const isListing = commandName === 'ListObjectsV2Command' || commandName === 'ListObjectsCommand'
        const result = await next(args).catch((error: unknown) => {
          const { $response, $fault, Code } = error as SdkError
          const isNameless = $fault !== undefined && Code === undefined && request.method !== 'HEAD'
          if ($response && isForeign(request, $response, { isNameless, isListing }))
            throw new ForeignAnswer(request, $response)
          throw error
        })
        const response = result.response as Response
        const isNameless = isListing && (result.output as { readonly Name?: string }).Name === undefined
        if (isForeign(request, response, { isNameless, isListing })) {
          response.body?.destroy?.()
          throw new ForeignAnswer(request, response)
        }
        return result
      },
    // Outside the middleware that reads the answer, to check its result too.
    { step: 'deserialize', priority: 'high', name: 'refuseForeignAnswers' },
  )
}

interface Request {
  readonly method: string
  /** With the colon. */
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
}

interface Response {
  readonly statusCode: number
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: { destroy?(): void }
}

/** An error that the SDK throws for an answer. */
interface SdkError {
  readonly $response?: Response
  /** Set for errors that the server reported, not for those in reading its answer. */
  readonly $fault?: unknown
  readonly Code?: string
}

/** Reports whether an answer is not from S3. @param isNameless the body should be a listing and is none, or reports an error without S3's code for it. */
export function isForeign(
  { method }: Request,
  { statusCode, headers }: Response,
  { isNameless, isListing }: { readonly isNameless: boolean; readonly isListing: boolean },
): boolean {
  // A gateway between us and S3 reports in its own words that S3 is unavailable.
  if (statusCode === 408 || statusCode === 429 || (statusCode >= 500 && statusCode !== 501)) return false
  if (isListing && isNameless) return true
  if ('x-amz-request-id' in headers || 'x-amz-bucket-region' in headers) return false
  // Not every S3 server sends these, but errors and lists are XML, and an object has an ETag.
  const type = contentType(headers)
  if (/^(?:application|text)\/xml\b/.test(type)) return isNameless
  if (statusCode >= 300) return method !== 'HEAD' || type !== ''
  return statusCode !== 204 && (!('etag' in headers) || type.startsWith('text/html'))
}

function contentType(headers: Readonly<Record<string, string>>): string {
  return headers['content-type']?.toLowerCase() ?? ''
}
