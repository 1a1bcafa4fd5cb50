import { describe, expect, test } from 'vitest'
import type { LocalCopy, SparseFile, WritableFile } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { Op } from '#src/host/wire.js'
import { deferred } from '../support/scripted-env.ts'
import { servedEnv } from '../support/served-env.ts'
import type { WireClient } from '../support/wire-client.ts'

const served = servedEnv()

describe('a local writable file', () => {
  const open = async (client: WireClient) => {
    const answer = await client.request(Op.newWritableFile, (out) => out.string('/db/1.sst'))
    expect(answer.u8()).toBe(0)
    const [handle, path] = [answer.u32(), answer.string()]
    return { handle, path, wantsSync: answer.bool(), wantsClose: answer.bool() }
  }

  test('without callbacks asks for no SYNC and no CLOSE', async () => {
    const client = await served.serve({ newWritableFile: async (path) => ({ kind: 'local', path }) })
    expect(await open(client)).toMatchObject({ path: '/db/1.sst', wantsSync: false, wantsClose: false })
  })

  test("is synced and sealed with its size, before the client's next request", async () => {
    const events: string[] = []
    const sealing = deferred()
    const client = await served.serve({
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
    const client = await served.serve({
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
    await served.close()
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
    const client = await served.serve({ newRandomAccessFile: async () => file })
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

  test('may answer with the bytes themselves, but not with more than requested', async () => {
    const file = new Sparse()
    file.bytes = Buffer.from('abc')
    const { client, handle, copy } = await serveSparse(file)
    expect(copy).toBeUndefined()
    const answer = await ensure(client, handle, 0, 3)
    expect(answer.u8()).toBe(1)
    expect(answer.bytes().toString()).toBe('abc')
    await expect(ensure(client, handle, 0, 2)).rejects.toMatchObject({ code: 'IOError' })
  })

  test('notifies the client of an eviction, and is notified when the client has closed the copy', async () => {
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

  test('releases at once a copy that the client never knew of', async () => {
    const file = new Sparse()
    const { client } = await serveSparse(file)
    file.onEvicted!(copyOf(7))
    expect(file.releasedGenerations).toEqual([7])
    await client.freeSpace('/')
    expect(client.evicted).toEqual([])
  })

  test.each(['CLOSE', 'a disconnect'])('releases every copy on %s', async (how) => {
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
      await served.close()
    }
    expect(file.releasedGenerations).toEqual([1, 2])
    expect(file.closed).toBe(true)
    expect(file.onEvicted).toBeUndefined()
  })
})

test('a handle works only for what the file can do, and only on its own connection', async () => {
  const client = await served.serve({})
  await client.write('/a', 'abc')
  const opened = await client.request(Op.newRandomAccessFile, (out) => out.string('/a'))
  opened.u8()
  const handle = opened.u32()
  const read = (by: WireClient) => by.request(Op.read, (out) => out.u32(handle).u64(0).u32(3))
  expect((await read(client)).bytes().toString()).toBe('abc')
  const append = client.request(Op.append, (out) => out.u32(handle).bytes(Buffer.from('x')))
  await expect(append).rejects.toMatchObject({ code: 'InvalidArgument' })
  const other = await served.connect()
  await expect(read(other)).rejects.toMatchObject({ code: 'InvalidArgument' })
  await other.disconnect()
})

describe('when a client is gone', () => {
  test('its locks are freed only after its requests under way have ended', async () => {
    const events: string[] = []
    const gate = deferred()
    const client = await served.serve({
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
    const next = await served.connect()
    const locked = next.lock('/LOCK').then(() => events.push('locked by the next'))
    await next.freeSpace('/')
    expect(events).toEqual([])
    gate.resolve()
    await locked
    expect(events).toEqual(['deleted', 'unlock /LOCK', 'locked by the next'])
    await next.disconnect()
  })

  test('its open files are closed, and those that were being opened too', async () => {
    const gate = deferred()
    const firstClosed = deferred()
    const closed: string[] = []
    const client = await served.serve({
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
    await served.close()
    expect(closed).toEqual(['/quick', '/slow'])
  })

  test('a lock that it was still waiting for is freed', async () => {
    const gate = deferred()
    const unlocked: string[] = []
    const client = await served.serve({
      lockFile: () => gate.promise,
      unlockFile: async (path) => void unlocked.push(path),
    })
    client.lock('/LOCK').catch(() => {})
    await client.freeSpace('/')
    await client.disconnect()
    gate.resolve()
    await served.close()
    expect(unlocked).toEqual(['/LOCK'])
  })

  test('a lock is free even if the Env failed to release it', async () => {
    const client = await served.serve({
      unlockFile: async () => Promise.reject(new EnvError('IOError', 'no store')),
    })
    await client.lock('/LOCK')
    await client.disconnect()
    const next = await served.connect()
    await next.lock('/LOCK')
    await expect(next.unlock('/LOCK')).rejects.toThrow('no store')
    await next.lock('/LOCK')
    await next.disconnect()
  })
})

test('a lock that the Env refused can be requested again', async () => {
  let refusals = 1
  const client = await served.serve({
    lockFile: async (path) => {
      if (refusals-- > 0) throw new EnvError('IOError', `lock ${path}: held on another machine`)
    },
  })
  await expect(client.lock('/LOCK')).rejects.toThrow('held on another machine')
  await client.lock('/LOCK')
})
