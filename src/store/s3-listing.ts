import type { _Object, CommonPrefix } from '@aws-sdk/client-s3'
import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { sdk } from './aws-sdk.js'
import { compareKeys, isObjectKey } from './object-key.js'
import type { ListOptions, ObjectInfo } from './object-store.js'

import { decodeKey } from './s3-key.js'
import type { S3Requests } from './s3-requests.js'
import type { Deadline } from './send.js'

/** A versioned bucket answers with such pages for thousands of deleted objects. */
const maxEmptyPages = 1000

/** S3's pages have 1,000 keys each: as tables of 64 MiB, 300 TiB. */
const maxPages = 5_000

/** Time of waiting for the store after which no page is requested. A page that S3 searches for takes it a second. */
const maxMs = 45_000
/** Extra time for each object: a store that lists 2,000 a second is slow, but its listing is not endless. */
const msPerObject = 0.5

/** Place in S3 of a store's keys. */
export interface S3Place {
  readonly requests: S3Requests
  readonly bucket: string
  /** Prefix of every key: empty, or with a `/` at its end. */
  readonly prefix: string
}

/**
 * Lists objects page by page, with version 2 of the request, or version 1 if the store has no other. Refuses anything
 * that cannot be a listing, since it may never end or hide objects: keys outside the request or out of order, and pages
 * that lead nowhere. Also refuses a listing beyond {@link maxPages}, or one that takes longer than {@link maxMs} and
 * the time that its objects add.
 */
export class S3Listing {
  readonly #place: S3Place
  readonly #clock: Clock
  #hasVersion2 = true

  constructor(place: S3Place, clock: Clock) {
    this.#place = place
    this.#clock = clock
  }

  async *list(prefix: string, options: ListOptions): AsyncGenerator<ObjectInfo> {
    const { prefix: own } = this.#place
    const start = options.startAfter === undefined ? '' : own + options.startAfter
    const query = { prefix: own + prefix, shallow: options.shallow ?? false }
    let after = start
    let lastKey = start
    let token: string | undefined
    let emptyPages = 0
    let leftMs = maxMs
    for (let pages = 0; ; pages++) {
      if (pages === maxPages) throw this.#endless(prefix, `after ${maxPages} pages`)
      const startMs = this.#clock.elapsed()
      const page = await this.#page(prefix, { ...query, after, token }, options.signal)
      leftMs -= this.#clock.elapsed() - startMs
      if (page === undefined) continue
      leftMs += page.objects.length * msPerObject
      if (leftMs < 0 && page.isTruncated) throw this.#endless(prefix, `in ${maxMs / 1000} s`)
      for (const { key: fullKey, size, etag, lastModified } of page.objects) {
        if (!fullKey.startsWith(query.prefix)) throw this.#refusal(prefix, `answers with ${quoted(fullKey)}`)
        if (compareKeys(fullKey, lastKey) <= 0)
          throw this.#refusal(prefix, `answers with ${quoted(fullKey)} after ${quoted(lastKey)}`)
        lastKey = fullKey
        const key = fullKey.slice(own.length)
        // Anybody may have put anything there; an entry with an impossible key is no object of ours.
        if (!isObjectKey(key)) options.onLeftOut?.(size)
        else yield { key, size, etag, lastModified, metadata: noMetadata }
      }
      if (!page.isTruncated) return
      if (page.lastEntry === undefined) emptyPages += 1
      else if (compareKeys(page.lastEntry, after) <= 0)
        throw this.#refusal(prefix, 'answers the same page again')
      else {
        after = page.lastEntry
        emptyPages = 0
      }
      if (emptyPages > maxEmptyPages || (page.token !== undefined && page.token === token))
        throw this.#refusal(prefix, 'answers with pages that lead nowhere')
      token = page.token
    }
  }

  /** @returns undefined if the store turned out to have no version 2: ask again. */
  async #page(prefix: string, query: PageQuery, signal: AbortSignal | undefined): Promise<Page | undefined> {
    const { requests, bucket } = this.#place
    const parameters = {
      Bucket: bucket,
      Prefix: query.prefix,
      // XML cannot hold every character of a key.
      EncodingType: 'url',
      ...(query.shallow && { Delimiter: '/' }),
    } as const
    if (!this.#hasVersion2) {
      const command = new sdk.ListObjectsCommand({
        ...parameters,
        ...(query.after && { Marker: query.after }),
      })
      const send = (deadline: Deadline) => requests.client.send(command, { abortSignal: deadline.signal })
      const output = await requests.send('list', prefix, send, undefined, signal)
      return this.#pageOf(prefix, output)
    }
    const command = new sdk.ListObjectsV2Command({
      ...parameters,
      ...(query.token === undefined
        ? query.after && { StartAfter: query.after }
        : { ContinuationToken: query.token }),
    })
    const send = (deadline: Deadline) => requests.client.send(command, { abortSignal: deadline.signal })
    const output = await requests.send('list', prefix, send, undefined, signal).catch((error: unknown) => {
      if (EnvError.is(error, 'NotSupported')) return undefined
      throw error
    })
    const page = output && {
      ...this.#pageOf(prefix, output),
      token: output.NextContinuationToken || undefined,
    }
    // Version 1 has a marker instead of tokens, and ignores StartAfter.
    const hasToken = query.token !== undefined
    const isVersion2 =
      page && !(page.isTruncated && page.token === undefined) && (hasToken || isAfter(page, query.after))
    if (isVersion2) return page
    this.#hasVersion2 = false
    return undefined
  }

  #pageOf(prefix: string, output: ListOutput): Page {
    const isEncoded = output.EncodingType === 'url'
    const decode = (text = '') => (isEncoded ? decodeKey(text) : text)
    const objects = (output.Contents ?? []).map(({ Key, Size, ETag = '', LastModified }) => {
      const key = decode(Key)
      if (Size === undefined || LastModified === undefined)
        throw this.#refusal(prefix, `tells neither size nor time of ${quoted(key)}`)
      return { key, size: Size, etag: ETag, lastModified: LastModified }
    })
    const lastFolder = output.CommonPrefixes?.at(-1)?.Prefix
    const last = [objects.at(-1)?.key, lastFolder === undefined ? undefined : decode(lastFolder)]
      .filter((entry) => entry !== undefined)
      .sort(compareKeys)
    return { objects, lastEntry: last.at(-1), isTruncated: output.IsTruncated ?? false, token: undefined }
  }

  #endless(prefix: string, until: string): EnvError {
    const { bucket, prefix: own } = this.#place
    return new EnvError(
      'NotSupported',
      `list s3://${bucket}/${own}${prefix}: the listing does not end ${until}. Name a place further down, where ` +
        'less lies, or let a lifecycle rule remove the old versions of a bucket that keeps them; or look what answers at ' +
        'the endpoint',
    )
  }

  #refusal(prefix: string, what: string): EnvError {
    const { bucket, prefix: own } = this.#place
    return new EnvError(
      'NotSupported',
      `list s3://${bucket}/${own}${prefix}: the store ${what}, which is no listing of S3. Buckets without order ("directory ` +
        'buckets") are not supported; otherwise check the endpoint and what lies between here and the store',
    )
  }
}

/** Shared: a listing may have a million entries. */
const noMetadata = Object.freeze({})

interface PageQuery {
  readonly prefix: string
  readonly shallow: boolean
  /** The entry before the page; empty for the first. */
  readonly after: string
  readonly token: string | undefined
}

interface Page {
  readonly objects: readonly {
    readonly key: string
    readonly size: number
    readonly etag: string
    readonly lastModified: Date
  }[]
  /** The last key or folder; undefined on an empty page. */
  readonly lastEntry: string | undefined
  readonly isTruncated: boolean
  readonly token: string | undefined
}

/** Fields that both versions answer. */
interface ListOutput {
  readonly Contents?: readonly _Object[] | undefined
  readonly CommonPrefixes?: readonly CommonPrefix[] | undefined
  readonly EncodingType?: string | undefined
  readonly IsTruncated?: boolean | undefined
}

function isAfter({ objects }: Page, after: string): boolean {
  const [first] = objects
  return first === undefined || after === '' || compareKeys(first.key, after) > 0
}

function quoted(key: string): string {
  return JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key)
}
