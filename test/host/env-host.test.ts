import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Env, EnvListener } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { EnvHost } from '#src/host/env-host.js'
import { maxTransferBytes, Op } from '#src/host/wire.js'
import { deferred, scriptedEnv } from '../support/scripted-env.ts'
import { servedEnv } from '../support/served-env.ts'

const served = servedEnv()

test('the hand-shake says what the Env leaves to the client', async () => {
  const client = await served.serve({ localNames: ['*.log', 'LOG*'], localLocks: true })
  expect(client.localNames).toEqual(['*.log', 'LOG*'])
  expect(client.localLocks).toBe(true)
})

test('nobody but the owner may connect, from the first moment on', async () => {
  const socketPath = join(served.directory, 'narrow.sock')
  const umask = process.umask(0)
  const listening = EnvHost.listen(scriptedEnv({}), socketPath)
  const { mode } = statSync(socketPath)
  expect(process.umask(umask), 'the process has its mask back').toBe(0)
  expect(mode & 0o777).toBe(0o600)
  await (await listening).close()
})

test.each([
  ['exists', () => served.socketPath, { code: 'EADDRINUSE' }],
  [
    'is longer than the address of a socket',
    () => join(served.directory, 'x'.repeat(104)),
    { name: 'RangeError' },
  ],
])('a path that %s is refused, and the Env is closed', async (_, path, expected) => {
  await served.serve({})
  let closed = false
  const env = scriptedEnv({
    close: async () => {
      closed = true
    },
  })
  await expect(EnvHost.listen(env, path())).rejects.toMatchObject(expected)
  expect(closed).toBe(true)
  const client = await served.connect()
  await client.disconnect()
})

test('requests begin in the order in which they arrive, whatever their answers wait for', async () => {
  const begun: string[] = []
  const gate = deferred()
  const note = (name: string) => async (path: string) => {
    begun.push(`${name} ${path}`)
    await gate.promise
  }
  const client = await served.serve({ fileExists: note('fileExists'), deleteFile: note('deleteFile') })
  const all = []
  for (let i = 0; i < 50; i++) all.push(i % 3 === 0 ? client.deleteFile(`/${i}`) : client.exists(`/${i}`))
  all.push(client.size('/none').catch(() => {}))
  await client.until(() => client.answered.length === 2) // HELLO, and the size, which waits for nothing.
  expect(begun).toEqual(
    Array.from({ length: 50 }, (_, i) => `${i % 3 === 0 ? 'deleteFile' : 'fileExists'} /${i}`),
  )
  gate.resolve()
  await Promise.all(all)
})

test('1,000 requests in flight on one connection are each answered with their own, out of order', async () => {
  const gates = Array.from({ length: 1000 }, () => deferred())
  const allBegun = deferred()
  let begun = 0
  const client = await served.serve({
    getFileSize: async (path) => {
      if (++begun === gates.length) allBegun.resolve()
      const number = Number(path.slice(1))
      await gates[number]!.promise
      return number
    },
  })
  const first = client.nextId
  const sizes = gates.map((_, i) => client.size(`/${i}`))
  await allBegun.promise
  for (const gate of gates.toReversed()) gate.resolve()
  expect(await Promise.all(sizes)).toEqual(gates.map((_, i) => i))
  expect(client.answered.slice(1)).toEqual(gates.map((_, i) => first + i).reverse())
})

describe('an error reaches the client', () => {
  const sizeFailingWith = async (fail: () => unknown) => {
    const client = await served.serve({ getFileSize: fail as Env['getFileSize'] })
    return await client.size('/db/000009.sst').catch((error: unknown) => error)
  }

  test('an EnvError with its code, retryability, scope and message', async () => {
    const error = new EnvError('TimedOut', 'PUT s3://b/k: no answer', {
      retryable: true,
      scope: 'fileSystem',
    })
    const told = await sizeFailingWith(() => Promise.reject(error))
    expect(told).toMatchObject({ code: 'TimedOut', retryable: true, scope: 2, message: error.message })
  })

  test('a system error in RocksDB’s vocabulary, with the operation and the file', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const told = await sizeFailingWith(() => Promise.reject(full))
    expect(told).toMatchObject({
      code: 'NoSpace',
      retryable: true,
      message: 'getFileSize /db/000009.sst: no space left on device',
    })
  })

  test('an exception thrown synchronously, like a rejection', async () => {
    const told = await sizeFailingWith(() => {
      throw new TypeError('oops')
    })
    expect(told).toMatchObject({ code: 'IOError', message: 'getFileSize /db/000009.sst: oops' })
  })

  test('a value that the protocol cannot carry, and the connection continues', async () => {
    const client = await served.serve({ getFileSize: async () => Number.NaN })
    await expect(client.size('/db/a')).rejects.toMatchObject({ code: 'IOError' })
    expect(await client.freeSpace('/')).toBeGreaterThan(0)
  })
})

test('a listing that does not fit a frame is an error, and the connection continues', async () => {
  const client = await served.serve({ getChildren: async () => Array(100_000).fill('x'.repeat(100)) })
  await expect(client.children('/db')).rejects.toMatchObject({ code: 'IOError' })
  expect(await client.freeSpace('/')).toBeGreaterThan(0)
})

test('a fence is sent to every client', async () => {
  let listener: EnvListener | undefined
  const client = await served.serve({
    attach: (given) => {
      listener = given
    },
  })
  const other = await served.connect()
  listener!.fenced('/db', 'epoch 12 took over')
  for (const each of [client, other]) {
    await each.until(() => each.fenced.length === 1)
    expect(each.fenced).toEqual([{ directory: '/db', message: 'epoch 12 took over' }])
  }
  await other.disconnect()
})

test("a client that reads no answers delays its own requests, and does not use up the host's memory", async () => {
  const bytes = Buffer.alloc(maxTransferBytes)
  let reading = 0
  const client = await served.serve({
    newRandomAccessFile: async () => ({
      kind: 'served',
      read: async () => {
        reading++
        return bytes
      },
      close() {},
    }),
  })
  const opened = await client.request(Op.newRandomAccessFile, (out) => out.string('/a'))
  opened.u8()
  const handle = opened.u32()
  client.frames.socket.pause()
  const reads = Array.from({ length: 100 }, () =>
    client.request(Op.read, (out) => out.u32(handle).u64(0).u32(bytes.length)),
  )
  // Another connection is served all the while, and after it nothing of the first is left to begin.
  const other = await served.connect()
  for (let i = 0; i < 20; i++) await other.freeSpace('/')
  expect(reading).toBeLessThan(20)
  client.frames.socket.resume()
  for (const read of reads) expect((await read).bytes().length).toBe(bytes.length)
  expect(reading).toBe(100)
  await other.disconnect()
})

test('delayed requests begin once earlier ones are answered, however small the answers', async () => {
  const gate = deferred()
  const eightBegun = deferred()
  let begun = 0
  const client = await served.serve({
    newRandomAccessFile: async () => ({
      kind: 'served',
      read: async () => {
        if (++begun === 8) eightBegun.resolve()
        await gate.promise
        return Buffer.alloc(0)
      },
      close() {},
    }),
  })
  const opened = await client.request(Op.newRandomAccessFile, (out) => out.string('/a'))
  opened.u8()
  const handle = opened.u32()
  const reads = Array.from({ length: 30 }, () =>
    client.request(Op.read, (out) => out.u32(handle).u64(0).u32(maxTransferBytes)),
  )
  await eightBegun.promise
  expect(begun).toBe(8)
  gate.resolve()
  await Promise.all(reads)
  expect(begun).toBe(30)
})

test('closing the host ends its connections first, then closes the Env, once', async () => {
  const events: string[] = []
  const client = await served.serve({
    unlockFile: async () => void events.push('unlock'),
    close: async () => void events.push('close'),
  })
  await client.lock('/LOCK')
  const waiting = client.frames.closed.then(() => events.push('disconnected'))
  await Promise.all([served.close(), served.close()])
  await waiting
  expect(events.filter((event) => event !== 'disconnected')).toEqual(['unlock', 'close'])
  await expect(served.connect()).rejects.toMatchObject({ code: 'ENOENT' })
})
