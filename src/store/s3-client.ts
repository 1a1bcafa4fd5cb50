import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Clock } from '../env/clock.js'
import { limitAnswers } from './answer-limits.js'
import { sdk } from './aws-sdk.js'
import { refuseForeignAnswers } from './foreign-answer.js'
import { httpsAgent } from './https-agent.js'
import { RequestChecksums } from './request-checksums.js'
import type { S3Connection } from './s3-connection.js'
import { credentialsConfig, type RenewingCredentials, renewRefusedCredentials } from './s3-credentials.js'
import { checkEndpoint } from './store-url.js'
import { nameTlsErrors } from './tls-error.js'

/** Enough for 16 readers of 4 ranges each beside uploads; the SDK's 50 would queue them. */
const maxSockets = 128

/** Errors reach the caller; the SDK would print its own line for each failed streamed upload. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** A client, and what its requests have in common with those that are sent past its middleware. */
export interface ConnectedClient {
  readonly client: S3Client
  readonly checksums: RequestChecksums
  readonly renewing: RenewingCredentials
}

/** @throws EnvError InvalidArgument: an environment variable is unusable. */
export function createS3Client(connection: S3Connection, clock: Clock): ConnectedClient {
  const { region, forcePathStyle, credentials, profile } = connection
  const endpoint = connection.endpoint ?? endpointOfEnvironment()
  const isPlain = endpoint?.startsWith('http://')
  const config: S3ClientConfig = {
    ...(profile !== undefined && { profile }),
    credentials: credentialsConfig(credentials, profile),
    ...(endpoint !== undefined && { endpoint, region: defaultRegion() }),
    ...(region !== undefined && { region }),
    forcePathStyle: forcePathStyle ?? endpoint !== undefined,
    // We retry ourselves: only the counter of the attempts knows whether a conditional write met its own first one.
    maxAttempts: 1,
    // The other mode holds requests back by a count that lacks those sent past the middleware.
    retryMode: 'standard',
    // We send our own CRC-32, and compare the stored one; the SDK's default costs twice the time.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would take a separate connection for each request.
    expectContinueHeader: false,
    logger: silent,
    requestHandler: {
      connectionTimeout: connection.connectTimeoutMs ?? 5_000,
      socketTimeout: connection.idleTimeoutMs ?? 30_000,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: isPlain ? { keepAlive: true, maxSockets } : httpsAgent({ keepAlive: true, maxSockets }),
    },
  }
  const client = new sdk.S3Client(config)
  const checksums = new RequestChecksums(endpoint ?? 'S3')
  checksums.install(client)
  const renewing = renewRefusedCredentials(client, clock)
  nameTlsErrors(client)
  refuseForeignAnswers(client)
  limitAnswers(client)
  return { client, checksums, renewing }
}

/** The endpoint that the SDK would find. The SDK would address the bucket as a host there: `bucket.localhost`. */
export function endpointOfEnvironment(): string | undefined {
  if (process.env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === 'true') return undefined
  const variable = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find((name) => process.env[name])
  if (variable === undefined) return undefined
  checkEndpoint(process.env[variable], `the environment variable ${variable}`)
  return process.env[variable]
}

function defaultRegion(): string {
  return process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1'
}
