import { fileURLToPath } from 'node:url'

/** What the URL of a store says. */
export type StoreUrl =
  | {
      readonly kind: 's3'
      readonly bucket: string
      /** Segments joined with `/`; empty for the whole bucket. */
      readonly prefix: string
    }
  | { readonly kind: 'directory'; readonly directory: string }

/**
 * Reads `s3://bucket/prefix` or `file:///directory`.
 * @throws TypeError
 */
export function parseStoreUrl(url: string): StoreUrl {
  if (/\/\.{1,2}(?:\/|$)/.test(url)) throw unusable(url, 'its path has a segment "." or ".."')
  if (url.startsWith('s3://')) return { kind: 's3', ...bucketOf(url) }
  if (url.startsWith('file:')) return { kind: 'directory', directory: directoryOf(url) }
  throw unusable(url, 'its scheme is neither s3 nor file')
}

/**
 * Checks the URL of a server.
 * @throws TypeError
 */
export function checkEndpoint(endpoint: unknown): void {
  const isUrl = typeof endpoint === 'string' && /^https?:\/\//.test(endpoint) && URL.canParse(endpoint)
  if (isUrl) return
  throw new TypeError(
    `expected "endpoint" to be a URL such as "http://127.0.0.1:9000", got ${JSON.stringify(endpoint)}`,
  )
}

function bucketOf(url: string): { readonly bucket: string; readonly prefix: string } {
  if (/[?#]/.test(url)) throw unusable(url, 'settings such as the region are options, not part of the URL')
  const [bucket = '', ...path] = url.slice('s3://'.length).split('/')
  if (/^[A-Za-z0-9][A-Za-z0-9._-]?$/.test(bucket))
    throw unusable(url, 'its bucket has a name of fewer than 3 characters')
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/.test(bucket)) throw unusable(url, 'it names no bucket')
  return { bucket, prefix: path.filter((segment) => segment !== '').join('/') }
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
