import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Env, EnvListener, LocalCopy, SparseFile, WritableFile } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { EnvHost } from '#src/host/env-host.js'
import { maxTransferBytes, Op } from '#src/host/wire.js'
import { deferred, scriptedEnv } from '../support/scripted-env.ts'
import { WireClient } from '../support/wire-client.ts'

let temp: string
let socketPath: string
let host: EnvHost | undefined

beforeEach(async () => {
  temp = await mkdtemp(join(tmpdir(), 'host-'))
  socketPath = join(temp, 'host.sock')
})

afterEach(async () => {
  await host?.close()
  host = undefined
  await rm(temp, { recursive: true })
})

async function serve(methods: Partial<Env>): Promise<WireClient> {
  host = await EnvHost.listen(scriptedEnv(methods), socketPath)
  return await WireClient.connect(socketPath)
}

test('the hand-shake says what the Env leaves to the client', async () => {
  const client = await serve({ localNames: ['*.log', 'LOG*'], localLocks: true })
  expect(client.localNames).toEqual(['*.log', 'LOG*'])
  expect(client.localLocks).toBe(true)
})

test('nobody but the owner may connect', async () => {
  await serve({})
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
})

test.each([
  ['exists', () => socketPath, { code: 'EADDRINUSE' }],
  ['is longer than the address of a socket', () => join(temp, 'x'.repeat(104)), { name: 'RangeError' }],
])('a path that %s is not listened on, and the Env closed', async (_, path, expected) => {
  await serve({})
  let closed = false
  const env = scriptedEnv({
    close: async () => {
      closed = true
    },
  })
  await expect(EnvHost.listen(env, path())).rejects.toMatchObject(expected)
  expect(closed).toBe(true)
  const client = await WireClient.connect(socketPath)
  await client.disconnect()
})

test('requests are begun in the order in which they arrive, whatever their answers wait for', async () => {
  const begun: string[] = []
  const gate = deferred()
  const note = (name: string) => async (path: string) => {
    begun.push(`${name} ${path}`)
    await gate.promise
  }
  const client = await serve({ fileExists: note('fileExists'), deleteFile: note('deleteFile') })
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
  const client = await serve({
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
    const client = await serve({ getFileSize: fail as Env['getFileSize'] })
    return await client.size('/db/000009.sst').catch((error: unknown) => error)
  }

  test('an EnvError with its code, whether to retry, its scope and its message', async () => {
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

  test('an exception thrown at once, as one that is rejected with', async () => {
    const told = await sizeFailingWith(() => {
      throw new TypeError('oops')
    })
    expect(told).toMatchObject({ code: 'IOError', message: 'getFileSize /db/000009.sst: oops' })
  })

  test('a value that the protocol cannot carry, and the connection goes on', async () => {
    const client = await serve({ getFileSize: async () => Number.NaN })
    await expect(client.size('/db/a')).rejects.toMatchObject({ code: 'IOError' })
    expect(await client.freeSpace('/')).toBeGreaterThan(0)
  })
})

test('a listing that does not fit a frame is an error, and the connection goes on', async () => {
  const client = await serve({ getChildren: async () => Array(100_000).fill('x'.repeat(100)) })
  await expect(client.children('/db')).rejects.toMatchObject({ code: 'IOError' })
  expect(await client.freeSpace('/')).toBeGreaterThan(0)
})

describe('a local writable file', () => {
  const open = async (client: WireClient) => {
    const answer = await client.request(Op.newWritableFile, (out) => out.string('/db/1.sst'))
    expect(answer.u8()).toBe(0)
    const [handle, path] = [answer.u32(), answer.string()]
    return { handle, path, wantsSync: answer.bool(), wantsClose: answer.bool() }
  }

  test('that the Env wants to hear nothing of asks for no SYNC and no CLOSE', async () => {
    const client = await serve({ newWritableFile: async (path) => ({ kind: 'local', path }) })
    expect(await open(client)).toMatchObject({ path: '/db/1.sst', wantsSync: false, wantsClose: false })
  })

  test('is synced with its size, which waits, and sealed with its size, before what the client asks next', async () => {
    const events: string[] = []
    const sealing = deferred()
    const client = await serve({
      newWritableFile: async (path): Promise<WritableFile> => ({
        kind: 'local',
        path,
        synced: async (size) => void events.push(`synced ${size}`),
        sealed: async (size) => {
          events.push(`sealed ${size}`)
          await sealing.promise
        },
      }),
      fsyncDirectory: async () => {
        events.push('fsync')
        return { localPath: undefined }
      },
    })
    const { handle, wantsSync, wantsClose } = await open(client)
    expect([wantsSync, wantsClose]).toEqual([true, true])
    await client.request(Op.sync, (out) => out.u32(handle).u64(4096))
    client.notify(Op.close, (out) => out.u32(handle).u64(8192))
    await client.fsyncDirectory('/db')
    expect(events).toEqual(['synced 4096', 'sealed 8192', 'fsync'])
    sealing.reject(new Error('told at the fsync, not here'))
    await expect(client.request(Op.sync, (out) => out.u32(handle).u64(0))).rejects.toMatchObject({
      code: 'InvalidArgument',
    })
  })

  test('is not sealed when its writer dies', async () => {
    let sealed = false
    const client = await serve({
      newWritableFile: async (path): Promise<WritableFile> => ({
        kind: 'local',
        path,
        sealed: async () => {
          sealed = true
        },
      }),
    })
    await open(client)
    await client.disconnect()
    await host!.close()
    expect(sealed).toBe(false)
  })
})

describe('a sparse file', () => {
  class Sparse implements SparseFile {
    readonly kind = 'sparse'
    readonly size = 100_000
    readonly ensured: [number, number][] = []
    readonly releasedGenerations: number[] = []
    closed = false
    onEvicted: ((copy: LocalCopy) => void) | undefined
    copy: LocalCopy | undefined
    bytes: Uint8Array | undefined

    location() {
      return this.copy
    }
    async ensure(offset: number, length: number) {
      this.ensured.push([offset, length])
      return this.bytes ?? this.copy!
    }
    released({ generation }: LocalCopy) {
      this.releasedGenerations.push(generation)
    }
    close() {
      this.closed = true
    }
  }

  const copyOf = (generation: number): LocalCopy => ({
    generation,
    path: `/cache/${generation}`,
    chunkMapPath: `/cache/${generation}.map`,
  })

  const serveSparse = async (file: Sparse) => {
    const client = await serve({ newRandomAccessFile: async () => file })
    const answer = await client.request(Op.newRandomAccessFile, (out) => out.string('/db/1.sst'))
    expect(answer.u8()).toBe(1)
    const handle = answer.u32()
    expect(answer.u64()).toBe(file.size)
    const present = answer.bool()
    const copy = present ? readCopy(answer) : undefined
    answer.end()
    return { client, handle, copy }
  }

  const readCopy = (answer: { u32(): number; string(): string; bool(): boolean }) => {
    const [generation, path] = [answer.u32(), answer.string()]
    return { generation, path, chunkMapPath: answer.bool() ? answer.string() : undefined }
  }

  const ensure = (client: WireClient, handle: number, offset: number, length: number) =>
    client.request(Op.ensure, (out) => out.u32(handle).u64(offset).u64(length))

  test('opens with its copy, and ensures ranges clamped to its size', async () => {
    const file = new Sparse()
    file.copy = copyOf(1)
    const { client, handle, copy } = await serveSparse(file)
    expect(copy).toEqual(file.copy)
    file.copy = { ...copyOf(2), chunkMapPath: undefined }
    const answer = await ensure(client, handle, 90_000, 50_000)
    expect(answer.u8()).toBe(0)
    expect(readCopy(answer)).toEqual(file.copy)
    await ensure(client, handle, 200_000, 1)
    expect(file.ensured).toEqual([
      [90_000, 10_000],
      [100_000, 0],
    ])
  })

  test('may answer with the bytes themselves, but not with more than was asked for', async () => {
    const file = new Sparse()
    file.bytes = Buffer.from('abc')
    const { client, handle, copy } = await serveSparse(file)
    expect(copy).toBeUndefined()
    const answer = await ensure(client, handle, 0, 3)
    expect(answer.u8()).toBe(1)
    expect(answer.bytes().toString()).toBe('abc')
    await expect(ensure(client, handle, 0, 2)).rejects.toMatchObject({ code: 'IOError' })
  })

  test('evicts a copy by telling the client, and is told when the client has let go of it', async () => {
    const file = new Sparse()
    file.copy = copyOf(1)
    const { client, handle } = await serveSparse(file)
    file.onEvicted!(copyOf(1))
    await client.until(() => client.evicted.length === 1)
    expect(client.evicted).toEqual([{ handle, generation: 1 }])
    expect(file.releasedGenerations).toEqual([])
    client.notify(Op.released, (out) => out.u32(handle).u32(1))
    client.notify(Op.released, (out) => out.u32(handle).u32(1))
    client.notify(Op.released, (out) => out.u32(handle + 1).u32(1))
    await client.freeSpace('/')
    expect(file.releasedGenerations).toEqual([1])
  })

  test('releases at once a copy that the client was never told of', async () => {
    const file = new Sparse()
    const { client } = await serveSparse(file)
    file.onEvicted!(copyOf(7))
    expect(file.releasedGenerations).toEqual([7])
    await client.freeSpace('/')
    expect(client.evicted).toEqual([])
  })

  test.each(['CLOSE', 'a disconnect'])('gives back every copy on %s', async (how) => {
    const file = new Sparse()
    file.copy = copyOf(1)
    const { client, handle } = await serveSparse(file)
    file.copy = copyOf(2)
    await ensure(client, handle, 0, 1)
    if (how === 'CLOSE') {
      client.notify(Op.close, (out) => out.u32(handle).u64(0))
      await client.freeSpace('/')
    } else {
      await client.disconnect()
      await host!.close()
    }
    expect(file.releasedGenerations).toEqual([1, 2])
    expect(file.closed).toBe(true)
    expect(file.onEvicted).toBeUndefined()
  })
})

test('a fence is told to every client', async () => {
  let listener: EnvListener | undefined
  const client = await serve({
    attach: (given) => {
      listener = given
    },
  })
  const other = await WireClient.connect(socketPath)
  listener!.fenced('/db', 'epoch 12 took over')
  for (const each of [client, other]) {
    await each.until(() => each.fenced.length === 1)
    expect(each.fenced).toEqual([{ directory: '/db', message: 'epoch 12 took over' }])
  }
  await other.disconnect()
})

test('a handle is only good for what the file can do, and only on its own connection', async () => {
  const client = await serve({})
  await client.write('/a', 'abc')
  const opened = await client.request(Op.newRandomAccessFile, (out) => out.string('/a'))
  opened.u8()
  const handle = opened.u32()
  const read = (by: WireClient) => by.request(Op.read, (out) => out.u32(handle).u64(0).u32(3))
  expect((await read(client)).bytes().toString()).toBe('abc')
  const append = client.request(Op.append, (out) => out.u32(handle).bytes(Buffer.from('x')))
  await expect(append).rejects.toMatchObject({ code: 'InvalidArgument' })
  const other = await WireClient.connect(socketPath)
  await expect(read(other)).rejects.toMatchObject({ code: 'InvalidArgument' })
  await other.disconnect()
})

describe('when a client is gone', () => {
  test('its locks are freed only after what it had under way has ended', async () => {
    const events: string[] = []
    const gate = deferred()
    const client = await serve({
      unlockFile: async (path) => void events.push(`unlock ${path}`),
      deleteFile: async () => {
        await gate.promise
        events.push('deleted')
      },
    })
    await client.lock('/LOCK')
    client.deleteFile('/a').catch(() => {})
    await client.freeSpace('/')
    await client.disconnect()
    const next = await WireClient.connect(socketPath)
    const locked = next.lock('/LOCK').then(() => events.push('locked by the next'))
    await next.freeSpace('/')
    expect(events).toEqual([])
    gate.resolve()
    await locked
    expect(events).toEqual(['deleted', 'unlock /LOCK', 'locked by the next'])
    await next.disconnect()
  })

  test('what it has open is closed, and what it had been opening too', async () => {
    const gate = deferred()
    const firstClosed = deferred()
    const closed: string[] = []
    const client = await serve({
      newSequentialFile: async (path) => {
        if (path === '/slow') await gate.promise
        return {
          kind: 'served',
          read: async () => Buffer.alloc(0),
          close: () => {
            closed.push(path)
            firstClosed.resolve()
          },
        }
      },
    })
    await client.openReadable('/quick', Op.newSequentialFile)
    client.openReadable('/slow', Op.newSequentialFile).catch(() => {})
    await client.freeSpace('/')
    await client.disconnect()
    await firstClosed.promise
    gate.resolve()
    await host!.close()
    expect(closed).toEqual(['/quick', '/slow'])
  })

  test('a lock that it was still waiting for is freed', async () => {
    const gate = deferred()
    const unlocked: string[] = []
    const client = await serve({
      lockFile: () => gate.promise,
      unlockFile: async (path) => void unlocked.push(path),
    })
    client.lock('/LOCK').catch(() => {})
    await client.freeSpace('/')
    await client.disconnect()
    gate.resolve()
    await host!.close()
    expect(unlocked).toEqual(['/LOCK'])
  })

  test('a lock is free even when the Env could not finish what goes with it', async () => {
    const client = await serve({
      unlockFile: async () => Promise.reject(new EnvError('IOError', 'no store')),
    })
    await client.lock('/LOCK')
    await client.disconnect()
    const next = await WireClient.connect(socketPath)
    await next.lock('/LOCK')
    await expect(next.unlock('/LOCK')).rejects.toThrow('no store')
    await next.lock('/LOCK')
    await next.disconnect()
  })
})

test('a client that reads no answers holds up its own requests, not the memory of the host', async () => {
  const bytes = Buffer.alloc(maxTransferBytes)
  let reading = 0
  const client = await serve({
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
  const other = await WireClient.connect(socketPath)
  for (let i = 0; i < 20; i++) await other.freeSpace('/')
  expect(reading).toBeLessThan(20)
  client.frames.socket.resume()
  for (const read of reads) expect((await read).bytes().length).toBe(bytes.length)
  expect(reading).toBe(100)
  await other.disconnect()
})

test('requests that were held back begin when those before them are answered, however small the answers', async () => {
  const gate = deferred()
  const eightBegun = deferred()
  let begun = 0
  const client = await serve({
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

test('a lock that the Env refused can be asked for again', async () => {
  let refusals = 1
  const client = await serve({
    lockFile: async (path) => {
      if (refusals-- > 0) throw new EnvError('IOError', `lock ${path}: held on another machine`)
    },
  })
  await expect(client.lock('/LOCK')).rejects.toThrow('held on another machine')
  await client.lock('/LOCK')
})

test('closing the host ends its connections first, then closes the Env, once', async () => {
  const events: string[] = []
  const client = await serve({
    unlockFile: async () => void events.push('unlock'),
    close: async () => void events.push('close'),
  })
  await client.lock('/LOCK')
  const waiting = client.frames.closed.then(() => events.push('disconnected'))
  await Promise.all([host!.close(), host!.close()])
  await waiting
  expect(events.filter((event) => event !== 'disconnected')).toEqual(['unlock', 'close'])
  await expect(WireClient.connect(socketPath)).rejects.toMatchObject({ code: 'ENOENT' })
})
