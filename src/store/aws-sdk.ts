import { createRequire } from 'node:module'

/**
 * The SDK, required: to import it takes Node.js nearly twice as long, for it looks through a CommonJS module of its size
 * for what it exports. Every process and every Env host that reaches S3 loads it.
 */
export const sdk: typeof import('@aws-sdk/client-s3') = createRequire(import.meta.url)('@aws-sdk/client-s3')
