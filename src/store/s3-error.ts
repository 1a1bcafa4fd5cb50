import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { ForeignAnswer } from './foreign-answer.js'
import { PreconditionFailed } from './object-store.js'
import type { StoreOperation } from './store-request.js'

interface Meaning {
  readonly code: EnvErrorCode
  readonly retryable?: boolean
  readonly reason: string
  readonly advice?: string
}

// Who reads these has a shell or a program: whatever is set in only one of the two is named as it is called there.
const credentialAdvice =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, --profile, or in code the option "credentials" or "profile"'
const regionAdvice = 'Set AWS_REGION, --region, or in code the option "region" to the region of the bucket'
const endpointAdvice = 'the endpoint: --endpoint, or in code the option "endpoint"'
const busy: Meaning = {
  code: 'IOError',
  retryable: true,
  reason: 'the store asks for fewer requests',
  advice: 'It passes by itself',
}
const outage: Meaning = { code: 'IOError', retryable: true, reason: 'the store failed' }
const damaged: Meaning = { code: 'IOError', retryable: true, reason: 'the content was damaged on its way' }
const unreachable: Meaning = {
  code: 'IOError',
  retryable: true,
  reason: 'the store cannot be reached',
  advice: `Check the network and ${endpointAdvice}`,
}
const timedOut: Meaning = { code: 'TimedOut', retryable: true, reason: 'the store did not answer in time' }
const wrongRegion: Meaning = {
  code: 'InvalidArgument',
  reason: 'the bucket is in another region',
  advice: regionAdvice,
}
const wrongCredentials: Meaning = {
  code: 'IOError',
  reason: 'the store does not accept the credentials',
  advice: credentialAdvice,
}
const denied: Meaning = { code: 'IOError', reason: 'access denied' }
const expired: Meaning = {
  code: 'IOError',
  retryable: true,
  reason: 'the credentials have expired',
  advice: 'Renew them; work goes on then',
}

/** By the error's name (S3's error code), or its errno. */
const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { code: 'NotFound', reason: 'there is no such object' },
  NotFound: { code: 'NotFound', reason: 'there is no such object' },
  NoSuchBucket: {
    code: 'PathNotFound',
    reason: 'the bucket does not exist',
    advice: 'Create it, or correct the URL of the store',
  },
  ConditionalRequestConflict: {
    code: 'IOError',
    retryable: true,
    reason: 'another conditional write was under way',
  },
  PermanentRedirect: wrongRegion,
  TemporaryRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  CredentialsProviderError: { ...wrongCredentials, reason: 'there are no credentials' },
  InvalidAccessKeyId: wrongCredentials,
  SignatureDoesNotMatch: wrongCredentials,
  InvalidToken: wrongCredentials,
  AccessDenied: denied,
  AllAccessDisabled: denied,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  // The SDK has learned the difference of the clocks from the answer.
  RequestTimeTooSkewed: {
    code: 'IOError',
    retryable: true,
    reason: 'the clocks of store and machine differ',
  },
  SlowDown: busy,
  ThrottlingException: busy,
  TooManyRequests: busy,
  InternalError: outage,
  ServiceUnavailable: outage,
  XMinioServerNotInitialized: outage,
  RequestTimeout: timedOut,
  BadDigest: damaged,
  XAmzContentChecksumMismatch: damaged,
  XAmzContentSHA256Mismatch: damaged,
  IncompleteBody: damaged,
  XMinioStorageFull: { code: 'NoSpace', retryable: true, reason: 'the store is full' },
  QuotaExceeded: { code: 'NoSpace', retryable: true, reason: 'the store is full' },
  TimeoutError: timedOut,
  ETIMEDOUT: timedOut,
  AbortError: { code: 'IOError', retryable: true, reason: 'aborted' },
  ECONNREFUSED: unreachable,
  ECONNRESET: { ...outage, reason: 'the connection broke' },
  EPIPE: { ...outage, reason: 'the connection broke' },
  ERR_STREAM_PREMATURE_CLOSE: { ...outage, reason: 'the connection broke' },
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EPROTO: { code: 'IOError', reason: 'the server there speaks no TLS', advice: `Check ${endpointAdvice}` },
}

const toRead = 's3:GetObject on it, and s3:ListBucket on the bucket where it may not be there'
/** What may be done to the object by whoever may do so. */
const permissions: Readonly<Record<StoreOperation, string>> = {
  get: toRead,
  head: toRead,
  put: 's3:PutObject on it',
  list: 's3:ListBucket on the bucket',
  delete: 's3:DeleteObject on it',
  copy: 's3:GetObject on it, and s3:PutObject on its copy',
}

/** What the AWS SDK throws. */
interface SdkError {
  readonly name?: string
  readonly code?: unknown
  readonly message?: string
  readonly Region?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

/**
 * What an S3 request failed with, as ours. `object` is what messages call it, such as `s3://bucket/key`. Of the SDK's error
 * only name and message are kept: it may hold signatures.
 */
export function s3Error(error: unknown, operation: StoreOperation, object: string): EnvError {
  if (error instanceof EnvError) return error
  const what = `${operation} ${object}`
  if (error instanceof ForeignAnswer)
    return new EnvError('IOError', `${what}: ${error.message}. Check ${endpointAdvice}`)
  const sdk = error as SdkError
  const status = sdk.$metadata?.httpStatusCode
  const cause = new Error(`${sdk.name ?? 'Error'}: ${sdk.message ?? String(error)}`)

  const meaning = meaningOf(sdk, status)
  const { code, retryable = false, reason } = meaning
  const advice = meaning === denied ? `The credentials need ${permissions[operation]}` : meaning.advice
  const said =
    sdk.message && sdk.message !== 'UnknownError' && sdk.message !== reason ? sdk.message : undefined
  const details = [
    ...(status === undefined ? [] : [`HTTP ${status}`, sdk.name]),
    said,
    sdk.$metadata?.requestId && `request id ${sdk.$metadata.requestId}`,
  ]
  const message = `${what}: ${reason} (${details.filter(Boolean).join(', ')})${advice ? `. ${advice}` : ''}`
  if (status === 412) return new PreconditionFailed(message, cause)
  return new EnvError(code, message, { retryable, cause })
}

function meaningOf(sdk: SdkError, status: number | undefined): Meaning {
  const known = meanings[sdk.name ?? ''] ?? (typeof sdk.code === 'string' ? meanings[sdk.code] : undefined)
  if (known === wrongRegion || status === 301) {
    const region = sdk.Region ?? sdk.$response?.headers?.['x-amz-bucket-region']
    return typeof region === 'string' ? { ...wrongRegion, reason: `the bucket is in ${region}` } : wrongRegion
  }
  if (known) return known
  const reason = sdk.message ?? 'unknown error'
  if (status === undefined) return meaningOfLocal(reason)
  if (status === 412) return { code: 'Busy', reason: 'the object is not what it was expected to be' }
  if (status === 403) return denied
  if (status === 404) return meanings.NotFound!
  if (status === 429) return busy
  if (status >= 500 || status === 408) return outage
  return { code: status === 400 ? 'InvalidArgument' : 'IOError', reason }
}

/** Of errors that no server sent. */
function meaningOfLocal(reason: string): Meaning {
  if (/region is missing/i.test(reason))
    return { code: 'InvalidArgument', reason: 'no region is set', advice: regionAdvice }
  if (/could not load credentials/i.test(reason)) return meanings.CredentialsProviderError!
  return { code: 'IOError', reason: 'the request failed' }
}
