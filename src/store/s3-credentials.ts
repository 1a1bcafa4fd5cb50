import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { exportedFunction } from '../env/exported-function.js'
import { defaultProvider } from './aws-sdk.js'
import { replayOf } from './replay.js'

/** A key to S3. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** Renewed five minutes before. Default: the credentials hold until the store refuses them. */
  readonly expiration?: Date
}

/**
 * A function of yours that returns credentials, given as a module because the thread that hosts the Env loads it. It is
 * called for the first request, before the credentials expire, and when the store refuses them.
 *
 * @example
 * credentials: { module: new URL('./vault.js', import.meta.url).href, export: 'readKey', options: { role: 'orders' } }
 */
export interface CredentialsModule {
  /** An absolute path, a URL or a package's name. */
  readonly module: string
  /** Name of the function that the module exports: `(options) => S3Credentials | Promise<S3Credentials>`. */
  readonly export: string
  /** Passed to that function. Copied to another thread. */
  readonly options?: unknown
}

/** The option "credentials" in the SDK's terms. */
export function credentialsConfig(
  credentials: S3Credentials | CredentialsModule | undefined,
  profile: string | undefined,
): NonNullable<S3ClientConfig['credentials']> {
  if (credentials && 'module' in credentials) return () => credentialsOfModule(credentials)
  if (credentials) return credentials
  return (options) =>
    defaultProvider({
      ...(profile !== undefined && { profile }),
      // Otherwise the SDK reads the shared files only once per process.
      ignoreCache: true,
      logger: undefined,
      ...(options?.callerClientConfig && { parentClientConfig: options.callerClientConfig }),
    } as Parameters<typeof defaultProvider>[0])(options)
}

/** At most one renewal in this time: finding credentials may cost a process or a request. */
const minRenewalMs = 5_000

/** Sends a request of that method with the credentials that hold now, and looks at its failure. */
export type RenewingCredentials = <T>(
  method: string,
  send: (credentials: S3Credentials) => Promise<T>,
) => Promise<T>

/**
 * Reads the client's credentials again when the store refuses them: their file was replaced, or the session was
 * prolonged. A request that was refused with credentials that have changed since fails with `CredentialsRenewed`:
 * repeat it.
 * @returns what the client's own requests now do, for those that are sent past its middleware.
 */
export function renewRefusedCredentials(client: S3Client, clock: Clock): RenewingCredentials {
  const { credentials } = client.config
  let renewedAt = Number.NEGATIVE_INFINITY
  const renewing: RenewingCredentials = async (method, send) => {
    const used = await credentials()
    try {
      return await send(used)
    } catch (error) {
      if (!isAboutCredentials(error as SdkError, method)) throw error
      if (clock.elapsed() - renewedAt >= minRenewalMs && isSame(used, await credentials())) {
        renewedAt = clock.elapsed()
        // The store's answer tells more than the reason why nothing better was found.
        await credentials({ forceRefresh: true }).catch(() => undefined)
        renewedAt = clock.elapsed()
      }
      if (isSame(used, await credentials())) throw error
      throw Object.assign(new Error('the store refused the credentials that were used before'), {
        name: 'CredentialsRenewed',
      })
    }
  }
  client.middlewareStack.add(
    (next, context) => (args) => {
      const { method } = args.request as { readonly method: string }
      return replayOf(context) ? next(args) : renewing(method, () => next(args))
    },
    { step: 'finalizeRequest', priority: 'high', name: 'renewRefusedCredentials' },
  )
  return renewing
}

interface SdkError {
  readonly name?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const refusals = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'TokenRefreshRequired',
  'RequestExpired',
])

function isAboutCredentials({ name = '', $metadata }: SdkError, method: string): boolean {
  const status = $metadata?.httpStatusCode
  // Not every store has its own name for an expired key, and without a body HEAD has no name for anything.
  return refusals.has(name) || status === 401 || status === 403 || (status === 400 && method === 'HEAD')
}

function isSame(a: S3Credentials, b: S3Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  )
}

async function credentialsOfModule(from: CredentialsModule): Promise<S3Credentials> {
  const name = `"${from.export}" of ${from.module}`
  const read = await exportedFunction(from.module, from.export, '"credentials.module"')
  let found: S3Credentials
  try {
    found = (await read(from.options)) as S3Credentials
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EnvError('IOError', `${name} gives no credentials: ${reason}`, {
      retryable: true,
      cause: error,
    })
  }
  // The message must not quote the returned value.
  if (!isText(found?.accessKeyId) || !isText(found.secretAccessKey))
    throw new EnvError(
      'InvalidArgument',
      `expected ${name} to return "accessKeyId" and "secretAccessKey" as strings`,
    )
  const { expiration, ...key } = found
  // JSON has it as a string.
  return expiration === undefined ? key : { ...key, expiration: new Date(expiration) }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
