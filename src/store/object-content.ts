import type { Readable } from 'node:stream'
import { hasChecksums } from './object-checksum.js'
import type { ByteRange } from './object-store.js'
import { receiveBody } from './s3-body.js'
import type { GetOutput } from './s3-gets.js'

/**
 * Memory limit for an object that is read as a whole, also if a server ignores that only a range was requested.
 * RocksDB's tables have 64 MiB by default.
 */
const maxWholeBytes = 80 * 1024 * 1024
/** Limit for an object of unannounced length: it may have no end, and takes more memory than it has bytes. */
const maxUnannouncedBytes = 32 * 1024 * 1024

/**
 * The content that a GET returned, checked against the request: proxies answer with other ranges, cut bodies, and
 * compress. A server may answer a request for a range with the whole object.
 */
export async function contentOf(
  { Body, ContentLength, ContentRange, ContentEncoding, $metadata, ...checksums }: GetOutput,
  range: ByteRange | undefined,
): Promise<{ readonly size: number; readonly body: Uint8Array }> {
  const stream = Body as Readable
  const refuse = (name: string, message: string): never => {
    stream.destroy()
    throw namedError(name, message)
  }
  if (/gzip|deflate|br|zstd/i.test(ContentEncoding ?? '')) {
    refuse('TransformedContent', `Content-Encoding: ${ContentEncoding}`)
  }
  if (ContentRange === undefined) {
    if ($metadata.httpStatusCode === 206)
      refuse('WrongRange', `asked for ${rangeText(range)}, got a part without Content-Range`)
    if (range && (ContentLength ?? 0) > maxWholeBytes) {
      refuse('RangeIgnored', `${ContentLength} bytes instead of ${range.length}`)
    }
    const maxBytes = ContentLength === undefined ? maxUnannouncedBytes : maxWholeBytes
    const whole = await receiveBody(stream, ContentLength, maxBytes)
    if (!hasChecksums(whole, checksums)) throw namedError('BadDigest', 'the checksum does not match')
    return {
      size: whole.length,
      body: range ? whole.subarray(range.offset, range.offset + range.length) : whole,
    }
  }
  const answered = parseContentRange(ContentRange)
  const isAsked = answered && isRange(answered, range ?? { offset: 0, length: answered.total })
  if (!isAsked) refuse('WrongRange', `asked for ${rangeText(range)}, got Content-Range: ${ContentRange}`)
  const { length, total } = answered as ContentRange
  if (ContentLength !== undefined && ContentLength !== length)
    refuse('IncompleteBody', `got ${ContentLength} of ${length} bytes`)
  return { size: total, body: await receiveBody(stream, length, length) }
}

function rangeText(range: ByteRange | undefined): string {
  return range ? `bytes ${range.offset}-${range.offset + range.length - 1}` : 'all bytes'
}

function namedError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}

/** Fields of a header such as `Content-Range: bytes 0-9/1234`. */
interface ContentRange {
  readonly offset: number
  readonly length: number
  /** Bytes of the whole object. */
  readonly total: number
}

/** @returns undefined if no store sends such a header with a part of an object. */
function parseContentRange(header: string): ContentRange | undefined {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header) ?? []
  if (first === undefined) return undefined
  return { offset: Number(first), length: Number(last) - Number(first) + 1, total: Number(total) }
}

/** Reports whether the returned range is the requested one, cut at the end of the object. */
function isRange(answered: ContentRange, asked: ByteRange): boolean {
  return (
    answered.offset === asked.offset &&
    answered.length === Math.min(asked.length, answered.total - asked.offset)
  )
}
