/**
 * The URLs of stores, and of databases and objects in them. All schemes are written in one way: in a path, a byte may
 * be written as `%` and two hexadecimal digits, and every other character stands for itself, so that
 * `s3://bucket/my%20data` and `s3://bucket/my data` are the same place. There is no query and no fragment: `%`, `?` and
 * `#` in a name are written `%25`, `%3F` and `%23`. {@link urlPath} escapes what we print: it can be given back as it
 * is, and contains nothing that a shell obeys.
 */

import { resolve } from 'node:path'
import { describe } from '../options/describe.js'
import { isObjectKey } from './object-key.js'

/** Parts of a store's URL. */
export type StoreUrl =
  | {
      readonly kind: 's3'
      readonly bucket: string
      /** Segments joined with `/`; empty for the whole bucket. */
      readonly prefix: string
    }
  | { readonly kind: 'directory'; readonly directory: string }
  /** Any other scheme. */
  | {
      readonly kind: 'module'
      /** In the form in which we print it. */
      readonly url: string
    }

/** The option that decides which schemes there are. */
export interface SchemeOptions {
  readonly storeModule?: unknown
}

/**
 * Reads `s3://bucket/prefix`, `file:///directory`, or with a module the URL of any other scheme.
 * @throws TypeError
 */
export function parseStoreUrl(url: string, { storeModule }: SchemeOptions = {}): StoreUrl {
  if (/[?#]/.test(url)) {
    throw unusable(
      url,
      'settings such as the region are options, not part of the URL, and in a name "?" is written %3F, "#" %23',
    )
  }
  if (url.startsWith('s3://')) return { kind: 's3', ...bucketOf(url) }
  if (url.startsWith('file:')) return { kind: 'directory', directory: directoryOf(url) }
  const [, scheme, place] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(url) ?? []
  if (scheme === undefined || place === undefined) throw unusable(url, 'its scheme is neither s3 nor file')
  if (storeModule !== undefined) return { kind: 'module', url: `${scheme}://${placeOf(url, place)}` }
  throw unusable(
    url,
    'its scheme is neither s3 nor file, and no module was named that opens it: --store-module, or in code the option "storeModule"',
  )
}

/**
 * The whole bucket that a URL leads into, and the path in it; a store of another kind is taken as it is.
 * @throws TypeError
 */
export function splitAtBucket(
  url: string,
  options?: SchemeOptions,
): { readonly bucketUrl: string; readonly path: string } {
  const parsed = parseStoreUrl(url, options)
  if (parsed.kind !== 's3') return { bucketUrl: url, path: '' }
  return { bucketUrl: `s3://${parsed.bucket}`, path: parsed.prefix }
}

/**
 * The URL of a store, a database or an object as we print it, however it was written.
 * @throws TypeError
 */
export function printedUrl(url: string, options?: SchemeOptions): string {
  const parsed = parseStoreUrl(url, options)
  if (parsed.kind === 'module') return parsed.url
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

/** Characters that have a meaning in a URL or to a shell, and invisible ones. */
const notAsItIs = /[^\w\-.~/:@=+,\u{80}-\u{10ffff}]|[\p{C}\p{Z}]/gu

/**
 * Checks the URL of a server.
 * @param name of the setting, as its user calls it.
 * @throws TypeError
 */
export function checkEndpoint(endpoint: unknown, name = '"endpoint"'): void {
  const isUrl = typeof endpoint === 'string' && /^https?:\/\//.test(endpoint) && URL.canParse(endpoint)
  if (isUrl) return
  throw new TypeError(
    `expected ${name} to be a URL such as "http://127.0.0.1:9000", got ${describe(typeof endpoint === 'string' ? withoutCredentials(endpoint) : endpoint)}`,
  )
}

/**
 * Names that a bucket may have, or could have before 2018 in us-east-1, and still can on servers other than AWS:
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

/** The part after the scheme. What is before its first slash may be empty. */
function placeOf(url: string, written: string): string {
  if (/^[^/]*@/.test(written)) throw unusable(url, 'credentials are options, not part of the URL')
  const [host = '', ...path] = written.split('/')
  const place = pathOf(url, [host, ...path.filter((segment) => segment !== '')].join('/'))
  if (place === '') throw unusable(url, 'it names no place')
  return urlPath(place)
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

/** The URL without its secrets: some programs accept `s3://key:secret@bucket`. */
function withoutCredentials(url: string): string {
  return url.replace(/(?<=:\/\/)[^@]*:[^@]*@/, '…@')
}
