import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
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

/** The checksum of the whole body. A file is read for it, which is cheap: it was written just now. */
export async function checksumOf(body: PutBody): Promise<number> {
  if (body instanceof Uint8Array) return crc32(body)
  let crc = 0
  if (body.size === 0) return crc
  let size = 0
  try {
    for await (const piece of readFileStream(body)) {
      crc = crc32(piece, crc)
      size += piece.length
    }
  } catch (error) {
    throw unreadable(body, error)
  }
  if (size !== body.size) throw tooShort(body, size)
  return crc
}

/** One part of the body, in memory. */
export async function partOf(body: PutBody, offset: number, length: number): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(offset, offset + length)
  const file = await open(body.file).catch((error) => {
    throw unreadable(body, error)
  })
  try {
    const part = Buffer.allocUnsafe(length)
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await file.read(part, filled, length - filled, offset + filled)
      if (bytesRead === 0) throw tooShort(body, offset + filled)
      filled += bytesRead
    }
    return part
  } finally {
    await file.close()
  }
}

/**
 * Sends the body: as it is, or as a stream that is closed afterwards whatever happens. The signal
 * aborts when the caller's does, and when the file cannot be read: the SDK would wait for ever.
 */
export async function sendBody<T>(
  body: PutBody,
  signal: AbortSignal | undefined,
  send: (content: Uint8Array | Readable, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (body instanceof Uint8Array) return await send(body, signal)
  if (body.size === 0) return await send(new Uint8Array(), signal)
  const broken = new AbortController()
  const stream = readFileStream(body)
  stream.once('error', (error) => broken.abort(unreadable(body, error)))
  try {
    return await send(stream, AbortSignal.any([broken.signal, ...(signal ? [signal] : [])]))
  } catch (error) {
    throw broken.signal.aborted ? broken.signal.reason : error
  } finally {
    stream.destroy()
  }
}

/** The answer's body, which must be as long as it was announced to be. */
export async function receiveBody(stream: Readable, length: number | undefined): Promise<Buffer> {
  if (length === undefined) return Buffer.concat(await stream.toArray())
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

function readFileStream({ file, size }: FileBody): Readable {
  return createReadStream(file, { highWaterMark: pieceBytes, end: size - 1 })
}

function incomplete(got: number, expected: number): Error {
  return Object.assign(new Error(`got ${got} of ${expected} bytes`), { name: 'IncompleteBody' })
}
