import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { sdk } from './aws-sdk.js'
import { refuseForeignAnswers } from './foreign-answer.js'

/** How to reach S3 or a server that speaks its protocol. */
export interface S3Connection {
  /** Default: AWS_REGION, the profile's, or `us-east-1` where an endpoint is given. */
  readonly region?: string
  /** For servers other than AWS, e.g. `http://127.0.0.1:9000`. */
  readonly endpoint?: string
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true where an endpoint is given. */
  readonly forcePathStyle?: boolean
  /** Default: the SDK's own chain of environment, shared configuration files, and the machine's role. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** A profile of the shared AWS configuration files. */
  readonly profile?: string
  /** Until a connection stands. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** How long a connection may be silent during a request. Default 30 s. */
  readonly idleTimeoutMs?: number
}

/** Enough for 16 readers of 4 ranges each beside uploads; the SDK's 50 would queue them. */
const maxSockets = 128

/** Errors reach the caller; the SDK would print a line of its own for each streamed upload that fails. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

export function createS3Client(connection: S3Connection): S3Client {
  const { region, endpoint, forcePathStyle, credentials, profile } = connection
  const config: S3ClientConfig = {
    ...(profile !== undefined && { profile }),
    ...(credentials && { credentials }),
    ...(endpoint !== undefined && { endpoint, region: defaultRegion() }),
    ...(region !== undefined && { region }),
    forcePathStyle: forcePathStyle ?? endpoint !== undefined,
    // We retry ourselves: only who counts the attempts knows whether a conditional write met its own first one.
    maxAttempts: 1,
    // We send a CRC-32 of our own, and compare the one that the store keeps; the SDK's default costs twice the time.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would take a connection of its own for each request.
    expectContinueHeader: false,
    logger: silent,
    requestHandler: {
      connectionTimeout: connection.connectTimeoutMs ?? 5_000,
      socketTimeout: connection.idleTimeoutMs ?? 30_000,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
    },
  }
  const client = new sdk.S3Client(config)
  refuseForeignAnswers(client)
  return client
}

function defaultRegion(): string {
  return process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1'
}
