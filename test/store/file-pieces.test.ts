import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { filePieces } from '#src/store/file-pieces.js'
import { sendBody } from '#src/store/s3-body.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MiB = 1024 * 1024
const content = randomBytes(40 * MiB + 12_345)
const file = join(temporaryDirectory('cloudenv-pieces'), 'file')
writeFileSync(file, content)

async function inOrder(offset: number, size: number, buffers: number): Promise<Uint8Array[]> {
  const pieces = []
  for await (const piece of filePieces({ file, offset, size }, buffers)) pieces.push(Buffer.from(piece))
  return pieces
}

test.each([
  ['the whole file', 0, content.length],
  ['a range', 5 * MiB + 7, 3 * MiB + 11],
  ['a few bytes at the end', content.length - 10, 10],
  ['nothing', 0, 0],
])('%s is read in order', async (_, offset, size) => {
  const read = Buffer.concat(await inOrder(offset, size, 2))
  expect(read.equals(content.subarray(offset, offset + size))).toBe(true)
})

test('a file is read into the same few buffers, and a piece outlasts as many more as it is said to', async () => {
  const memory = new Set<ArrayBufferLike>()
  const kept: { readonly at: number; readonly piece: Uint8Array }[] = []
  let at = 0
  for await (const piece of filePieces({ file, size: content.length }, 3)) {
    memory.add(piece.buffer)
    kept.push({ at, piece })
    at += piece.length
    for (const { at, piece } of kept.slice(-3))
      expect(content.subarray(at, at + piece.length).equals(piece)).toBe(true)
  }
  expect(memory.size).toBe(3)
})

test('a file that ends early, or is not there, is told by its name', async () => {
  const size = content.length + 1
  await expect(inOrder(0, size, 1)).rejects.toThrow(`${file} has ${content.length} bytes, expected ${size}`)
  const missing = filePieces({ file: `${file}-missing`, size: 1 }, 1).next()
  await expect(missing).rejects.toMatchObject({ code: 'IOError', message: /^cannot read .*-missing: ENOENT/ })
})

test('what is sent to a server that takes nothing for a while is the file all the same', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>

  const sent = sendBody({ file, size: content.length }, new AbortController().signal, (body) => {
    const put = request({ port, host: '127.0.0.1', method: 'PUT' })
    // As the SDK does.
    ;(body as Readable).pipe(put)
    return once(put, 'response')
  })
  const [incoming, response] = await arrived
  // The socket is full, and the stream holds all that it takes: whatever is read too early is read now.
  await expect.poll(() => (incoming.socket as { bytesRead: number }).bytesRead).toBeGreaterThan(0)
  for (let turns = 0; turns < 1000; turns++) await new Promise((resolve) => setImmediate(resolve))
  const received = Buffer.concat(await incoming.toArray())
  response.end()
  await sent
  expect(received.equals(content)).toBe(true)
  server.close()
})
