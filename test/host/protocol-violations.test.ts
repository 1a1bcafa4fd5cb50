import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { EnvHost } from '#src/host/env-host.js'
import { type FrameReader, maxFrameBytes, maxTransferBytes, Op, protocolVersion } from '#src/host/wire.js'
import { scriptedEnv } from '../support/scripted-env.ts'
import { FrameSocket, frame, HostError, helloFrame, WireClient } from '../support/wire-client.ts'

let temp: string
let socketPath: string
let host: EnvHost
const warnings: string[] = []

beforeAll(async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)))
  temp = await mkdtemp(join(tmpdir(), 'host-'))
  socketPath = join(temp, 'host.sock')
  host = await EnvHost.listen(scriptedEnv({}), socketPath)
})

afterAll(async () => {
  await host.close()
  await rm(temp, { recursive: true })
  vi.restoreAllMocks()
})

beforeEach(() => {
  warnings.length = 0
})

/** Checks that the next client is served as usual. */
afterEach(async () => {
  const client = await WireClient.connect(socketPath)
  expect(await client.freeSpace('/')).toBeGreaterThan(0)
  await client.disconnect()
})

const header = (length: number, ...body: number[]) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(length)
  return Buffer.concat([bytes, Buffer.from(body)])
}

describe('the connection ends on', () => {
  const path = '/db/CURRENT'
  test.each<[name: string, bytes: Buffer, reason: RegExp]>([
    ['an empty frame', header(0), /frame of 0 bytes/],
    ['a frame of more than 8 MiB', header(maxFrameBytes + 1), /frame of 8388609 bytes/],
    ['a frame too short to hold a request id', header(2, Op.fileExists, 7), /less bytes/],
    ['an unknown op', frame(77, 5), /op 77 is not a request/],
    ['an op of the host’s', frame(Op.result, 5), /op 128 is not a request/],
    ['a second HELLO', helloFrame('again'), /op 1 is not a request/],
    ['a payload too short for its op', frame(Op.renameFile, 5, (out) => out.string(path)), /less bytes/],
    [
      'a payload too long for its op',
      frame(Op.fileExists, 5, (out) => out.string(path).u8(0)),
      /1 bytes more/,
    ],
    ['a request without an id', frame(Op.fileExists, 0, (out) => out.string(path)), /without a request id/],
    ['a path that is not UTF-8', frame(Op.fileExists, 5, (out) => out.bytes(Buffer.from([0xff]))), /UTF-8/],
    [
      'a READ of more than 4 MiB',
      frame(Op.read, 5, (out) =>
        out
          .u32(1)
          .u64(0)
          .u32(maxTransferBytes + 1),
      ),
      /transfer of/,
    ],
    [
      'an APPEND of more than 4 MiB',
      frame(Op.append, 5, (out) => out.u32(1).bytes(Buffer.alloc(maxTransferBytes + 1))),
      /transfer of/,
    ],
  ])('%s, and the host logs whose and why', async (_, bytes, reason) => {
    const client = await WireClient.connect(socketPath, 'db_bench (pid 99)')
    client.frames.socket.write(bytes)
    await client.frames.closed
    expect(warnings).toEqual([expect.stringMatching(reason)])
    expect(warnings[0]).toContain('db_bench (pid 99)')
  })

  test('anything but a HELLO at its start', async () => {
    for (const bytes of [
      frame(Op.getFreeSpace, 1, (out) => out.string('/')),
      helloFrame('me', protocolVersion, 0x12345678),
      frame(Op.hello, 0, (out) => out.u32(0x564e4543).u16(protocolVersion).string('me')),
    ]) {
      const socket = await FrameSocket.connect(socketPath)
      socket.socket.write(bytes)
      await socket.closed
    }
  })

  test('garbage, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 4, maxLength: 400 }),
        fc.boolean(),
        async (bytes, greeted) => {
          const frames = await FrameSocket.connect(socketPath)
          if (greeted) frames.socket.write(helloFrame('garbage'))
          // Ending our side makes the host close in any case: some garbage is the beginning of a frame.
          frames.socket.end(bytes)
          await frames.closed
        },
      ),
      { numRuns: 200 },
    )
  })
})

test('another version is answered with both versions, and the connection closed', async () => {
  const frames = await FrameSocket.connect(socketPath)
  const answer = new Promise<FrameReader>((resolve) => {
    frames.onFrame = resolve
  })
  // A later version may have more in its HELLO than this one understands.
  const hello = frame(Op.hello, 1, (out) =>
    out
      .u32(0x564e4543)
      .u16(protocolVersion + 1)
      .u64(1)
      .u64(2),
  )
  frames.socket.write(Buffer.concat([hello, frame(Op.getFreeSpace, 2, (out) => out.string('/'))]))
  const refused = await answer
  expect(refused.op).toBe(Op.error)
  const error = new HostError(refused)
  expect(error.code).toBe('InvalidArgument')
  expect(error.message).toMatch(new RegExp(`version ${protocolVersion} .* version ${protocolVersion + 1}`))
  await frames.closed
})

test('frames may be split at any byte', async () => {
  const requests = [
    frame(Op.createDirIfMissing, 2, (out) => out.string('/split')),
    frame(Op.getChildren, 3, (out) => out.string('/split')),
    frame(Op.fileExists, 4, (out) => out.string('/none')),
    frame(Op.getFreeSpace, 5, (out) => out.string('/')),
  ]
  const stream = Buffer.concat([helloFrame('split'), ...requests])
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: stream.length - 1 }), async (at) => {
      const frames = await FrameSocket.connect(socketPath)
      const answered: number[] = []
      const all = new Promise<void>((resolve) => {
        frames.onFrame = ({ id }) => {
          answered.push(id)
          if (answered.length === 5) resolve()
        }
      })
      frames.socket.setNoDelay(true)
      await new Promise((resolve) => frames.socket.write(stream.subarray(0, at), resolve))
      await new Promise((resolve) => setImmediate(resolve))
      frames.socket.write(stream.subarray(at))
      await all
      expect(answered.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
      frames.socket.destroy()
      await frames.closed
    }),
    { numRuns: 100 },
  )
})

test('a client that hangs up in the middle of a frame or with requests in flight disturbs no other', async () => {
  const client = await WireClient.connect(socketPath)
  for (let i = 0; i < 100; i++) client.freeSpace('/').catch(() => {})
  client.frames.socket.write(frame(Op.getFreeSpace, 999, (out) => out.string('/a/long/path')).subarray(0, 10))
  await client.disconnect()
  expect(warnings).toEqual([])
})
