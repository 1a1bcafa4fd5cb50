// A host whose behaviour on a connection the test decides, right or wrong.
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { FrameDecoder, FrameReader, FrameWriter, magic, Op, protocolVersion } from '#src/host/wire.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** The host's reaction to a frame. */
export type Behaviour = (socket: Socket, frame: FrameReader) => void

/** Listens until the test file ends. Returns the path of the socket. */
export async function rawHost(behaviour: Behaviour): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    const decoder = new FrameDecoder()
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      decoder.push(chunk)
      for (let body = decoder.next(); body !== undefined; body = decoder.next()) {
        behaviour(socket, new FrameReader(body))
      }
    })
  })
  const path = join(temporaryDirectory(), 'host.sock')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  afterAll(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return path
}

/** Shakes hands properly; the behaviour concerns everything after that. */
export function greeted(behaviour: Behaviour): Behaviour {
  return (socket, frame) => {
    if (frame.op !== Op.hello) return behaviour(socket, frame)
    socket.write(greeting(frame.id, magic, protocolVersion))
  }
}

export function greeting(id: number, greetingMagic: number, version: number): Buffer {
  const out = new FrameWriter().begin(Op.result, id).u32(greetingMagic).u16(version).bool(false).u32(0)
  out.finish()
  return out.take()
}

/** Any bytes as a frame, with any length. */
export function rawFrame(length: number, body: readonly number[] | Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(length)
  return Buffer.concat([head, Buffer.from(body)])
}

/** A frame with this payload. */
export function frame(op: number, id: number, payload: readonly number[] | Buffer = []): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(op)
  head.writeUInt32LE(id, 1)
  return rawFrame(5 + payload.length, Buffer.concat([head, Buffer.from(payload)]))
}
