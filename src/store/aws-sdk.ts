import { createRequire } from 'node:module'

/**
 * The SDK, loaded with require(): an import takes Node.js nearly twice as long, since it scans so large a CommonJS
 * module for its exports. Every process and every Env host that reaches S3 loads it.
 */
const load = createRequire(import.meta.url)

export const sdk: typeof import('@aws-sdk/client-s3') = load('@aws-sdk/client-s3')

/** Credentials as the SDK finds them by itself. */
export const { defaultProvider }: typeof import('@aws-sdk/credential-provider-node') = load(
  '@aws-sdk/credential-provider-node',
)

/** Large objects, in parts. */
export const { Upload }: typeof import('@aws-sdk/lib-storage') = load('@aws-sdk/lib-storage')
