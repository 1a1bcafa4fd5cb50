import { DirectoryStore } from './directory-store.js'
import type { ObjectStore } from './object-store.js'
import type { S3StoreOptions } from './s3-store.js'
import { parseStoreUrl } from './store-url.js'

/** How to reach a store. What concerns S3 is ignored for a directory. */
export type OpenStoreOptions = Omit<S3StoreOptions, 'bucket' | 'prefix'>

/**
 * Opens the store that a URL names: `s3://bucket/prefix`, or `file:///directory`.
 * @throws TypeError
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  const parsed = parseStoreUrl(url)
  if (parsed.kind === 's3') {
    // Loaded here, for it brings the SDK along: half of the time in which a program starts.
    const { S3Store } = await import('./s3-store.js')
    return new S3Store({ ...options, bucket: parsed.bucket, prefix: parsed.prefix })
  }
  const { clock, onRequest } = options
  return new DirectoryStore({
    directory: parsed.directory,
    ...(clock && { clock }),
    ...(onRequest && { onRequest }),
  })
}
