import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import type { PutBody } from './object-store.js'
import { type FileBody, tooShort, unreadable } from './put-body.js'

/** Pieces in which files are read: at 64 KiB, Node's default, an upload takes twice the time. */
const pieceBytes = 1024 * 1024

/** A CRC-32 as S3 writes it in headers. */
export function base64Crc32(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}

/** Checksum of the whole body. This reads a file, which is cheap: it was written just now. */
export async function checksumOf(body: PutBody): Promise<number> {
  let crc = 0
  await eachPiece(body, (piece) => {
    crc = crc32(piece, crc)
  })
  return crc
}

/** MD5 of the whole body, in the form of `Content-MD5`. */
export async function md5Of(body: PutBody): Promise<string> {
  const hash = createHash('md5')
  await eachPiece(body, (piece) => hash.update(piece))
  return hash.digest('base64')
}

async function eachPiece(body: PutBody, use: (piece: Uint8Array) => void): Promise<void> {
  if (body instanceof Uint8Array) return use(body)
  if (body.size === 0) return
  let size = 0
  try {
    for await (const piece of readFileStream(body)) {
      use(piece)
      size += piece.length
    }
  } catch (error) {
    throw unreadable(body, error)
  }
  if (size !== body.size) throw tooShort(body, size)
}

/**
 * Sends the body: as it is, or as a stream, which is always closed afterwards. The signal aborts when the caller's
 * does, and when the file cannot be read: the SDK would wait forever.
 */
export async function sendBody<T>(
  body: PutBody,
  signal: AbortSignal,
  send: (content: Uint8Array | Readable, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (body instanceof Uint8Array) return await send(body, signal)
  if (body.size === 0) return await send(new Uint8Array(), signal)
  const broken = new AbortController()
  const stream = readFileStream(body)
  stream.once('error', (error) => broken.abort(unreadable(body, error)))
  try {
    return await send(stream, AbortSignal.any([broken.signal, signal]))
  } catch (error) {
    throw broken.signal.aborted ? broken.signal.reason : error
  } finally {
    stream.destroy()
  }
}

/** Body of the answer, which must have the announced length, and no more than `maxBytes`. */
export async function receiveBody(
  stream: Readable,
  length: number | undefined,
  maxBytes: number,
): Promise<Buffer> {
  if (length === undefined) return await receiveUnannounced(stream, maxBytes)
  if (length > maxBytes) {
    stream.destroy()
    throw tooLong(maxBytes)
  }
  const body = Buffer.allocUnsafe(length)
  let filled = 0
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    if (filled + piece.length > length) throw incomplete(filled + piece.length, length)
    body.set(piece, filled)
    filled += piece.length
  }
  if (filled !== length) throw incomplete(filled, length)
  return body
}

async function receiveUnannounced(stream: Readable, maxBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    bytes += piece.length
    if (bytes > maxBytes) throw tooLong(maxBytes)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function readFileStream({ file, size }: FileBody): Readable {
  return createReadStream(file, { highWaterMark: pieceBytes, end: size - 1 })
}

function tooLong(maxBytes: number): Error {
  return Object.assign(new Error(`more than ${maxBytes} bytes`), { name: 'OversizedContent' })
}

function incomplete(got: number, expected: number): Error {
  return Object.assign(new Error(`got ${got} of ${expected} bytes`), { name: 'IncompleteBody' })
}
