import { fileURLToPath } from 'node:url'
import { DirectoryStore } from './directory-store.js'
import type { ObjectStore } from './object-store.js'
import { S3Store, type S3StoreOptions } from './s3-store.js'

/** How to reach a store. What concerns S3 is ignored for a directory. */
export type OpenStoreOptions = Omit<S3StoreOptions, 'bucket' | 'prefix'>

/**
 * Opens the store that a URL names: `s3://bucket/prefix`, or `file:///directory`.
 * @throws TypeError
 */
export function openStore(url: string, options: OpenStoreOptions = {}): ObjectStore {
  if (url.startsWith('s3://')) return new S3Store({ ...options, ...parseS3Url(url) })
  if (url.startsWith('file:')) {
    const { clock, onRequest } = options
    return new DirectoryStore({
      directory: directoryOf(url),
      ...(clock && { clock }),
      ...(onRequest && { onRequest }),
    })
  }
  throw unusable(url, 'its scheme is neither s3 nor file')
}

function parseS3Url(url: string): { readonly bucket: string; readonly prefix: string } {
  if (/[?#]/.test(url)) throw unusable(url, 'settings such as the region are options, not part of the URL')
  const [bucket = '', ...path] = url.slice('s3://'.length).split('/')
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/.test(bucket)) throw unusable(url, 'it names no bucket')
  const segments = path.filter((segment) => segment !== '')
  if (segments.includes('.') || segments.includes('..'))
    throw unusable(url, 'its path has a segment "." or ".."')
  return { bucket, prefix: segments.join('/') }
}

function directoryOf(url: string): string {
  // `file://data/x` would be the directory /x of a host named data, `file:data` a relative path.
  if (!url.startsWith('file:///')) throw unusable(url, 'the directory must be an absolute path')
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw unusable(url, (error as Error).message)
  }
}

function unusable(url: string, reason: string): TypeError {
  return new TypeError(
    `expected the URL of a store, such as "s3://bucket/prefix" or "file:///directory", got ${JSON.stringify(url)}: ${reason}`,
  )
}
