import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { filePieces } from './file-pieces.js'
import type { RequestBody } from './put-body.js'

/** A CRC-32 as S3 writes it in headers. */
export function base64Crc32(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}

/** Checksum of the whole body. This reads a file, which is cheap: it was written just now. */
export async function checksumOf(body: RequestBody): Promise<number> {
  let crc = 0
  await eachPiece(body, (piece) => {
    crc = crc32(piece, crc)
  })
  return crc
}

/** MD5 of the whole body, in the form of `Content-MD5`. */
export async function md5Of(body: RequestBody): Promise<string> {
  const hash = createHash('md5')
  await eachPiece(body, (piece) => hash.update(piece))
  return hash.digest('base64')
}

async function eachPiece(body: RequestBody, use: (piece: Uint8Array) => void): Promise<void> {
  if (body instanceof Uint8Array) return use(body)
  for await (const piece of filePieces(body, 1)) use(piece)
}

/**
 * Sends the body: as it is, or as a stream, which is always closed afterwards. The signal aborts when the caller's
 * does, and when the file cannot be read: the SDK would wait forever.
 */
export async function sendBody<T>(
  body: RequestBody,
  signal: AbortSignal,
  send: (content: Uint8Array | Readable, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (body instanceof Uint8Array) return await send(body, signal)
  if (body.size === 0) return await send(new Uint8Array(), signal)
  const broken = new AbortController()
  // The stream holds one piece, and asks for another once the socket has sent the one before. One is to spare.
  const stream = Readable.from(filePieces(body, 3), { objectMode: false, highWaterMark: 1 })
  stream.once('error', (error) => broken.abort(error))
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

function tooLong(maxBytes: number): Error {
  return Object.assign(new Error(`more than ${maxBytes} bytes`), { name: 'OversizedContent' })
}

function incomplete(got: number, expected: number): Error {
  return Object.assign(new Error(`got ${got} of ${expected} bytes`), { name: 'IncompleteBody' })
}
