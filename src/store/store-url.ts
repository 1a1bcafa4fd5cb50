/**
 * The URLs of stores, and of databases and objects in them. They are written in one way, for both schemes: in a path, a
 * byte may be written as `%` and two hexadecimal digits, and every other character stands for itself, so that
 * `s3://bucket/my%20data` and `s3://bucket/my data` are the same place. There is no query and no fragment: `%`, `?` and `#`
 * of a name are written `%25`, `%3F` and `%23`. What we print, {@link urlPath} has escaped: it can be given back as it is, and
 * a shell finds nothing in it to obey.
 */

import { resolve } from 'node:path'
import { isObjectKey } from './object-key.js'

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
  if (/[?#]/.test(url)) {
    throw unusable(
      url,
      'settings such as the region are options, not part of the URL, and in a name "?" is written %3F, "#" %23',
    )
  }
  if (url.startsWith('s3://')) return { kind: 's3', ...bucketOf(url) }
  if (url.startsWith('file:')) return { kind: 'directory', directory: directoryOf(url) }
  throw unusable(url, 'its scheme is neither s3 nor file')
}

/**
 * The URL of a store, a database or an object, however it was written, as we print it.
 * @throws TypeError
 */
export function printedUrl(url: string): string {
  const parsed = parseStoreUrl(url)
  if (parsed.kind === 'directory') return `file://${urlPath(resolve(parsed.directory))}`
  return `s3://${[parsed.bucket, urlPath(parsed.prefix)].filter((part) => part !== '').join('/')}`
}

/** A path, or the key of an object, as it is written in a URL. */
export function urlPath(path: string): string {
  return path.replace(notAsItIs, (character) =>
    Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(
      '',
    ),
  )
}

/** What has a meaning in a URL or to a shell, and what cannot be seen. */
const notAsItIs = /[^\w\-.~/:@=+,\u{80}-\u{10ffff}]|[\p{C}\p{Z}]/gu

/**
 * Checks the URL of a server.
 * @param name what whoever gave it calls it.
 * @throws TypeError
 */
export function checkEndpoint(endpoint: unknown, name = '"endpoint"'): void {
  const isUrl = typeof endpoint === 'string' && /^https?:\/\//.test(endpoint) && URL.canParse(endpoint)
  if (isUrl) return
  throw new TypeError(
    `expected ${name} to be a URL such as "http://127.0.0.1:9000", got ${JSON.stringify(endpoint)}`,
  )
}

/**
 * Whatever a bucket may be called, or could be before 2018 in us-east-1, and still can on servers other than AWS:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
const bucketName = /^[A-Za-z0-9._-]{3,255}$/

function bucketOf(url: string): { readonly bucket: string; readonly prefix: string } {
  const [bucket = '', ...path] = url.slice('s3://'.length).split('/')
  if (bucket === '') throw unusable(url, 'it names no bucket')
  if (!bucketName.test(bucket)) {
    throw unusable(
      url,
      'its bucket is called as none can be: expected 3 to 63 lower-case letters, digits, "-" and "." (old ones may be ' +
        'longer, with upper-case letters and "_")',
    )
  }
  const prefix = pathOf(url, path.filter((segment) => segment !== '').join('/'))
  if (prefix !== '' && !isObjectKey(prefix)) throw unusable(url, 'its path is longer than a key can be')
  return { bucket, prefix }
}

function directoryOf(url: string): string {
  // `file://data/x` would be the directory /x of a host named data, `file:data` a relative path.
  if (!url.startsWith('file:///')) throw unusable(url, 'the directory must be an absolute path')
  return pathOf(url, url.slice('file://'.length))
}

function pathOf(url: string, written: string): string {
  if (/%2f/i.test(written)) throw unusable(url, 'a name in its path has an encoded "/"')
  const path = decoded(url, written)
  if (path.split('/').some((segment) => segment === '.' || segment === '..'))
    throw unusable(url, 'its path has a segment "." or ".."')
  if (/\p{Cc}/u.test(path)) throw unusable(url, 'its path has a control character')
  return path
}

function decoded(url: string, written: string): string {
  try {
    return decodeURIComponent(written)
  } catch {
    throw unusable(url, 'its path has a "%" that escapes no character: the "%" of a name is written %25')
  }
}

function unusable(url: string, reason: string): TypeError {
  return new TypeError(
    `expected the URL of a store, such as "s3://bucket/prefix" or "file:///directory", got ${JSON.stringify(withoutCredentials(url))}: ${reason}`,
  )
}

/** Of `s3://key:secret@bucket`, as some programs take it, what may be told. */
function withoutCredentials(url: string): string {
  return url.replace(/(?<=:\/\/)[^@]*:[^@]*@/, '…@')
}
