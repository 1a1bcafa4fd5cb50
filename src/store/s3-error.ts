import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { ForeignAnswer } from './foreign-answer.js'
import { PreconditionFailed, Throttled } from './object-store.js'
import { retryAfterMs } from './retry-after.js'
import type { S3Operation } from './s3-operation.js'

interface Meaning {
  readonly code: EnvErrorCode
  readonly retryable?: boolean
  readonly reason: string
  readonly advice?: string
}

// Readers have a shell or a program: a setting that only one of the two has is named as it is called there.
const credentialAdvice =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, --profile, or in code the option "credentials" or "profile"'
const regionAdvice = 'Set AWS_REGION, --region, or in code the option "region" to the region of the bucket'
const endpointAdvice = 'the endpoint: --endpoint, or in code the option "endpoint"'
const busy: Meaning = {
  code: 'IOError',
  retryable: true,
  reason: 'the store is overloaded and asks for fewer requests',
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

const transport = (reason: string, advice: string): Meaning => ({ code: 'IOError', reason, advice })
const unanswered: Meaning = {
  code: 'IOError',
  retryable: true,
  reason: 'the connection broke before any answer',
}

/** Meanings by the error's name (S3's error code), or its errno. */
const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { code: 'NotFound', reason: 'there is no such object' },
  NotFound: { code: 'NotFound', reason: 'there is no such object' },
  NoSuchBucket: {
    code: 'PathNotFound',
    reason: 'the bucket does not exist',
    advice: 'Create it, set the option "createBucketIfMissing", or correct the URL of the store',
  },
  BucketAlreadyExists: {
    code: 'InvalidArgument',
    reason: 'somebody else has a bucket of that name',
    advice: 'Choose another one',
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
  SignatureDoesNotMatch: {
    code: 'IOError',
    reason: 'the store does not accept the credentials, for the signature is not that of the request',
    advice:
      `${credentialAdvice}. If they are right, something between here and the store (a proxy, a load balancer) changes ` +
      'requests: it has to pass on the path, the header Host and every header x-amz-* as they are',
  },
  // See s3-credentials.ts.
  CredentialsRenewed: { ...wrongCredentials, retryable: true },
  // See request-checksums.ts.
  ChecksumsRefused: { code: 'NotSupported', retryable: true, reason: 'the store refuses checksums' },
  InvalidToken: wrongCredentials,
  AccessDenied: denied,
  AllAccessDisabled: denied,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  // The SDK has learned the clock difference from the answer.
  RequestTimeTooSkewed: {
    code: 'IOError',
    retryable: true,
    reason: 'the clocks of store and machine differ',
  },
  SlowDown: busy,
  Throttling: busy,
  ThrottlingException: busy,
  RequestLimitExceeded: busy,
  TooManyRequests: busy,
  ServiceUnavailable: outage,
  InternalError: outage,
  XMinioServerNotInitialized: outage,
  RequestTimeout: timedOut,
  BadDigest: damaged,
  XAmzContentChecksumMismatch: damaged,
  XAmzContentSHA256Mismatch: damaged,
  IncompleteBody: damaged,
  WrongRange: { ...damaged, reason: 'the answer has other bytes than were asked for' },
  RangeIgnored: {
    code: 'NotSupported',
    reason: 'the server answers a request for a part of an object with all of it',
    advice:
      'Something between here and the store may remove the header Range; a store without ranges cannot be used',
  },
  TransformedContent: {
    code: 'IOError',
    reason: 'the content was compressed on its way',
    advice: 'Turn compression off in the proxy between here and the store',
  },
  // See answered-etag.ts.
  NoEtag: {
    code: 'NotSupported',
    reason: 'two versions of the object could not be told apart',
    advice: `Something between here and the store may remove the header ETag. Check ${endpointAdvice}`,
  },
  OversizedContent: {
    code: 'IOError',
    reason: 'the content is longer than can be',
    advice: 'Look at what lies there, or between here and the store',
  },
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
  // See https-agent.ts.
  ProxyError: {
    code: 'IOError',
    retryable: true,
    reason: 'the proxy does not connect to the store',
    advice: 'Check HTTPS_PROXY, or exempt the store in NO_PROXY',
  },
  // See tls-error.ts.
  ExpectsTls: transport('the server expects TLS', `Write https:// instead of http:// in ${endpointAdvice}`),
  NoHttp: transport('the server speaks no HTTP', `Check ${endpointAdvice}`),
  NoTls: transport('the server speaks no TLS', `Write http:// instead of https:// in ${endpointAdvice}`),
  TlsRefused: transport(
    'the server and Node.js have no version or cipher of TLS in common',
    'Allow TLS 1.2 or 1.3 at the server',
  ),
  UnansweredPlain: { ...unanswered, advice: `If the server speaks TLS, write https:// in ${endpointAdvice}` },
  UnansweredTls: { ...unanswered, advice: `If the server speaks no TLS, write http:// in ${endpointAdvice}` },
  CertificateUntrusted: transport(
    "the server's certificate is of an authority that is not trusted here",
    'Name a file with the certificate of that authority (PEM) in the environment variable AWS_CA_BUNDLE, or in ' +
      'NODE_EXTRA_CA_CERTS before Node.js starts',
  ),
  CertificateOfOther: transport(
    "the server's certificate is for another name",
    `Use a name that the certificate has in ${endpointAdvice}. For a bucket with dots in its name use --path-style, or in code ` +
      '"forcePathStyle": true',
  ),
  CertificateExpired: transport(
    "the server's certificate does not hold at this time",
    'Renew it, or set the clock of this machine',
  ),
  NotImplemented: {
    code: 'NotSupported',
    reason: 'the store does not implement this',
    advice: 'docs/stores.md says what a store has to have',
  },
}

const toRead = 's3:GetObject on it, and s3:ListBucket on the bucket where it may not be there'
/** Permissions that an operation needs on the object. */
const permissions: Readonly<Record<S3Operation, string>> = {
  get: toRead,
  head: toRead,
  put: 's3:PutObject on it',
  list: 's3:ListBucket on the bucket',
  delete: 's3:DeleteObject on it',
  copy: 's3:GetObject on it, and s3:PutObject on its copy',
  listUploads: 's3:ListBucketMultipartUploads on the bucket',
  listParts: 's3:ListMultipartUploadParts on it',
  abortUpload: 's3:AbortMultipartUpload on it',
  createBucket: 's3:CreateBucket on it',
}

/** An error that the AWS SDK throws. */
interface SdkError {
  readonly name?: string
  readonly code?: unknown
  readonly message?: string
  readonly Region?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

/**
 * The EnvError for a failed S3 request. `object` is its name in messages, such as `s3://bucket/key`. Keeps only the
 * name and message of the SDK's error, which may hold signatures.
 */
export function s3Error(error: unknown, operation: S3Operation, object: string): EnvError {
  if (error instanceof EnvError) return error
  const what = `${operation} ${object}`
  if (error instanceof ForeignAnswer)
    return new EnvError('IOError', `${what}: ${error.message}. Check ${endpointAdvice}`)
  const sdk = error as SdkError
  const status = sdk.$metadata?.httpStatusCode
  const saidText = shown(sdk.message ?? String(error))
  const cause = new Error(`${shown(sdk.name ?? 'Error')}: ${saidText}`)

  const meaning = meaningOf(sdk, status, operation)
  const { code, retryable = false, reason } = meaning
  const advice = meaning === denied ? `The credentials need ${permissions[operation]}` : meaning.advice
  const said = sdk.message && sdk.message !== 'UnknownError' && saidText !== reason ? saidText : undefined
  const { requestId } = sdk.$metadata ?? {}
  const details = [
    ...(status === undefined ? [] : [`HTTP ${status}`, shown(sdk.name ?? '')]),
    said,
    requestId && `request id ${shown(requestId)}`,
  ]
  const message = `${what}: ${reason} (${details.filter(Boolean).join(', ')})${advice ? `. ${advice}` : ''}`
  if (status === 412) return new PreconditionFailed(message, cause)
  if (meaning === busy)
    return new Throttled(message, { retryAfterMs: retryAfterMs(sdk.$response?.headers), cause })
  return new EnvError(code, message, { retryable, cause })
}

function meaningOf(sdk: SdkError, status: number | undefined, operation: S3Operation): Meaning {
  const ofCode = typeof sdk.code === 'string' ? meanings[sdk.code] : undefined
  // The SDK calls a broken connection a TimeoutError too.
  const known = sdk.name === 'TimeoutError' ? (ofCode ?? timedOut) : (meanings[sdk.name ?? ''] ?? ofCode)
  if (known === wrongRegion || status === 301) {
    const region = sdk.Region ?? sdk.$response?.headers?.['x-amz-bucket-region']
    return typeof region === 'string'
      ? { ...wrongRegion, reason: `the bucket is in ${shown(region)}` }
      : wrongRegion
  }
  if (known) return known
  const reason = shown(sdk.message ?? 'unknown error')
  if (status === undefined) return meaningOfLocal(reason)
  if (status === 412) return { code: 'Busy', reason: 'the object is not what it was expected to be' }
  if (status === 403) return denied
  if (status === 404) return meanings.NotFound!
  // S3 names no reason in the answer to a HEAD. Anything else without one comes from a gateway whose store is down.
  if (status === 429 || (status === 503 && operation === 'head')) return busy
  if (status === 501) return meanings.NotImplemented!
  if (status >= 500 || status === 408) return outage
  return { code: status === 400 ? 'InvalidArgument' : 'IOError', reason }
}

const maxShownLength = 500

/** Text from a server: any length, and any character that a terminal obeys. */
function shown(text: string): string {
  const start = text
    .slice(0, maxShownLength)
    .replace(/[\p{Cc}\p{Cf}\p{Z}]+/gu, ' ')
    .trim()
  return text.length > maxShownLength ? `${start}…` : start
}

/** Meaning of an error that no server sent. */
function meaningOfLocal(reason: string): Meaning {
  if (/region is missing/i.test(reason))
    return { code: 'InvalidArgument', reason: 'no region is set', advice: regionAdvice }
  if (/could not load credentials/i.test(reason)) return meanings.CredentialsProviderError!
  return { code: 'IOError', reason: 'the request failed' }
}
