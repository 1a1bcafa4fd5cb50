import { type FileHandle, open } from 'node:fs/promises'
import { type FileBody, tooShort, unreadable } from './put-body.js'

/** At 64 KiB, Node's own size, an upload takes twice the time. */
const pieceBytes = 1024 * 1024

/**
 * Reads a file, or a range of one, piece by piece, into so many buffers in turn. A new buffer for each piece would cost
 * more CPU than all else that it takes to send it, most of it in the garbage collector.
 * @param buffers 1: a piece is valid until the next one is asked for. 2: until the one after the next is, and so on.
 * @throws EnvError: the file cannot be read, or is shorter than it was said to be.
 */
export async function* filePieces(body: FileBody, buffers: number): AsyncGenerator<Uint8Array, void> {
  const { file, offset = 0, size } = body
  const handle = await open(file).catch((error) => {
    throw unreadable(body, error)
  })
  try {
    const newBuffer = () => Buffer.allocUnsafeSlow(Math.min(pieceBytes, size))
    const ring = Array.from({ length: buffers }, newBuffer)
    for (let done = 0, turn = 0; done < size; turn = (turn + 1) % buffers) {
      const piece = ring[turn]!.subarray(0, size - done)
      const bytesRead = await readInto(piece, handle, offset + done, body)
      if (bytesRead === 0) throw tooShort(body, offset + done)
      yield piece.subarray(0, bytesRead)
      done += bytesRead
    }
  } finally {
    await handle.close()
  }
}

async function readInto(
  piece: Uint8Array,
  handle: FileHandle,
  position: number,
  body: FileBody,
): Promise<number> {
  try {
    return (await handle.read(piece, 0, piece.length, position)).bytesRead
  } catch (error) {
    throw unreadable(body, error)
  }
}
