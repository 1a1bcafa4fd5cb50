/** The options of a store in S3. Apart from the client, so that to check them does not load the SDK. */
import { describeKind } from '../options/describe.js'
import {
  type Check,
  type Checks,
  checkRecord,
  flag,
  group,
  secretText,
  text,
  timerMs,
  unchecked,
} from '../options/shape.js'
import type { CredentialsModule, S3Credentials } from './s3-credentials.js'
import { checkEndpoint } from './store-url.js'

/** How to reach S3 or a server that speaks its protocol. */
export interface S3Connection {
  /** Default: AWS_REGION, the profile's, or `us-east-1` if an endpoint is given. */
  readonly region?: string
  /** For servers other than AWS, e.g. `http://127.0.0.1:9000`. Default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL. */
  readonly endpoint?: string
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true if an endpoint is given. */
  readonly forcePathStyle?: boolean
  /**
   * Default: the SDK's own chain of environment, shared configuration files, and the machine's role. All but fixed
   * credentials are read again before they expire, and when the store refuses them.
   */
  readonly credentials?: S3Credentials | CredentialsModule
  /** A profile of the shared AWS configuration files. */
  readonly profile?: string
  /** Longest wait for a connection to be established. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** How long a connection may be silent during a request. Default 30 s. */
  readonly idleTimeoutMs?: number
  /**
   * How long one request may take, including the wait for a connection. Content comes on top, at 64 KiB a second: a
   * table of 64 MiB may take 17 minutes more. Default 30 s.
   */
  readonly requestTimeoutMs?: number
  /**
   * Time after which a read of up to 1 MiB that has no answer is sent once more, beside the first;
   * what answers first is taken, and the other one ended. At most one request in ten reads is sent
   * so, and none while the store throttles. Choose what one read in fifty or a hundred takes.
   * Default: never.
   */
  readonly hedgeAfterMs?: number
}

const example = '{ accessKeyId, secretAccessKey }'
const terms = { of: 'cloudEnv', example, describe: describeKind }

const expiry: Check = (value, name) => {
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    throw new TypeError(`expected "${name}" to be a Date, got ${describeKind(value)}`)
}

const fixedCredentials = group<S3Credentials>(
  {
    accessKeyId: secretText,
    secretAccessKey: secretText,
    sessionToken: secretText,
    expiration: expiry,
    // The SDK's providers return them, and its client adds the last one to the given credentials.
    ...{ accountId: unchecked, credentialScope: unchecked, $source: unchecked },
  },
  { ...terms, required: ['accessKeyId', 'secretAccessKey'] },
)

const credentialsModule = group<CredentialsModule>(
  { module: text, export: text, options: unchecked },
  { ...terms, example: '{ module, export }', required: ['module', 'export'] },
)

const credentials: Check = (value, name) => {
  checkRecord(value, name, terms)
  const check = 'module' in value ? credentialsModule : fixedCredentials
  check(value, name)
}

export const s3ConnectionChecks: Checks<S3Connection> = {
  region: text,
  endpoint: (value) => checkEndpoint(value),
  forcePathStyle: flag,
  credentials,
  profile: text,
  connectTimeoutMs: timerMs,
  idleTimeoutMs: timerMs,
  requestTimeoutMs: timerMs,
  hedgeAfterMs: timerMs,
}
