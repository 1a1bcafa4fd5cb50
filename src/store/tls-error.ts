import type { S3Client } from '@aws-sdk/client-s3'
import { ForeignAnswer } from './foreign-answer.js'

/**
 * Names what goes wrong between a client and a server that disagree about TLS:
 *
 * | name | the client | the server |
 * |---|---|---|
 * | `ExpectsTls` | speaks http | answers with an alert of TLS, or a bare 400 |
 * | `NoHttp` | speaks http | answers with neither HTTP nor TLS |
 * | `NoTls` | speaks https | answers with something else |
 * | `TlsRefused` | speaks https | speaks TLS, but no version or cipher in common |
 * | `UnansweredPlain`, `UnansweredTls` | had no answer before | closes the connection, as some do for the other protocol |
 * | `CertificateUntrusted`, `CertificateOfOther`, `CertificateExpired` | speaks https | has a certificate that does not hold |
 */
export function nameTlsErrors(client: S3Client): void {
  let hasAnswered = false
  client.middlewareStack.add(
    (next) => async (args) => {
      const isTls = (args.request as { readonly protocol: string }).protocol === 'https:'
      try {
        const result = await next(args)
        hasAnswered = true
        return result
      } catch (error) {
        const failure = error as Failure
        const name =
          (isTls ? tlsName : plainName)(failure) ?? (hasAnswered ? undefined : unansweredName(failure, isTls))
        if (failure.$response) hasAnswered = true
        if (name === undefined) throw error
        const { message = '', $metadata } = failure
        throw Object.assign(new Error(reasonOf(message)), { name, $metadata })
      }
    },
    { step: 'finalizeRequest', priority: 'low', name: 'nameTlsErrors' },
  )
}

/** Errors of Node.js, of OpenSSL and of the SDK. */
interface Failure {
  readonly code?: unknown
  readonly message?: string
  /** The packet as it came, if that is not HTTP. */
  readonly rawPacket?: Uint8Array
  readonly $metadata?: object
  readonly $response?: { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> }
}

/** First byte of a record that holds an alert. */
const tlsAlert = 0x15

function plainName(failure: Failure): string | undefined {
  const { code, rawPacket, $response } = failure
  if (typeof code === 'string' && code.startsWith('HPE_'))
    return rawPacket?.[0] === tlsAlert ? 'ExpectsTls' : 'NoHttp'
  const isBare =
    $response?.statusCode === 400 &&
    !('x-amz-request-id' in $response.headers) &&
    !('content-type' in $response.headers)
  return isBare || (failure instanceof ForeignAnswer && failure.statusCode === 400) ? 'ExpectsTls' : undefined
}

function tlsName({ code, message = '' }: Failure): string | undefined {
  if (typeof code !== 'string') return undefined
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'CertificateOfOther'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'CertificateExpired'
  if (/^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA$|INVALID_PURPOSE$)/.test(code))
    return 'CertificateUntrusted'
  if (code !== 'EPROTO' && !code.startsWith('ERR_SSL_')) return undefined
  return /wrong version number|packet length too long|http request/i.test(message) ? 'NoTls' : 'TlsRefused'
}

/** OpenSSL's `error:0A00010B:SSL routines:ssl3_get_record:wrong version number:…` in short. */
function reasonOf(message: string): string {
  return /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(message)?.[1] ?? message
}

function unansweredName({ code }: Failure, isTls: boolean): string | undefined {
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return undefined
  return isTls ? 'UnansweredTls' : 'UnansweredPlain'
}
