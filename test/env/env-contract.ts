import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Env } from '#src/env/env.js'
import { EnvHost } from '#src/host/env-host.js'
import { Op } from '#src/host/wire.js'
import { WireClient } from '../support/wire-client.ts'

/** RocksDB's expectations of every Env, tested over a real socket. `local` Envs keep files on the disk. */
export function describeEnv(name: string, create: () => Env, expected: { local: boolean }): void {
  describe(name, () => {
    let temp: string
    let socketPath: string
    let env: WireClient
    let dir: string

    beforeEach(async () => {
      temp = await mkdtemp(join(tmpdir(), 'env-'))
      socketPath = join(temp, 'host.sock')
      const host = await EnvHost.listen(create(), socketPath)
      env = await WireClient.connect(socketPath)
      dir = join(temp, 'db')
      await env.createDirIfMissing(dir)
      return async () => {
        await env.disconnect()
        await host.close()
        await rm(temp, { recursive: true })
      }
    })

    const path = (name: string) => join(dir, name)
    const notFound = { code: 'NotFound', retryable: false }

    test('written bytes are read back, sequentially and at random', async () => {
      await env.write(path('000009.sst'), 'hello, world')
      expect(await env.read(path('000009.sst'))).toEqual(Buffer.from('hello, world'))
      const file = await env.openReadable(path('000009.sst'))
      expect((await file.read(7, 5)).toString()).toBe('world')
      expect((await file.read(7, 100)).toString()).toBe('world')
      expect((await file.read(100, 5)).length).toBe(0)
      await file.close()
    })

    test('a file of many small and large appends reads back as written', async () => {
      const pieces = [1, 4095, 262_143, 1, 262_144, 1_000_000, 3].map((size, i) => Buffer.alloc(size, i + 1))
      const file = await env.openWritable(path('000010.sst'))
      for (const piece of pieces) await file.append(piece)
      await file.close()
      const whole = Buffer.concat(pieces)
      expect(await env.size(path('000010.sst'))).toBe(whole.length)
      expect((await env.read(path('000010.sst'), Op.newRandomAccessFile)).equals(whole)).toBe(true)
    })

    test('a writable file replaces an existing one', async () => {
      await env.write(path('CURRENT'), 'MANIFEST-000001\n')
      await env.write(path('CURRENT'), 'new')
      expect((await env.read(path('CURRENT'))).toString()).toBe('new')
    })

    test('a reopened file is appended to, and created when it is missing', async () => {
      await env.append(path('000004.sst'), 'one')
      await env.append(path('000004.sst'), 'two')
      expect((await env.read(path('000004.sst'))).toString()).toBe('onetwo')
    })

    test('a file can be truncated while it is written', async () => {
      const file = await env.openWritable(path('000005.sst'))
      await file.append(Buffer.from('0123456789'))
      await file.truncate(4)
      await file.close()
      await env.append(path('000005.sst'), 'x')
      expect((await env.read(path('000005.sst'))).toString()).toBe('0123x')
    })

    test('a deleted file is still read by whoever has it open', async () => {
      await env.write(path('000006.sst'), 'contents')
      const file = await env.openReadable(path('000006.sst'))
      await env.deleteFile(path('000006.sst'))
      expect((await file.read(0, 100)).toString()).toBe('contents')
      await file.close()
      await expect(env.exists(path('000006.sst'))).rejects.toMatchObject(notFound)
    })

    test.each([
      ['opening it in sequence', () => env.openReadable(path('none'), Op.newSequentialFile)],
      ['opening it at random', () => env.openReadable(path('none'))],
      ['looking for it', () => env.exists(path('none'))],
      ['deleting it', () => env.deleteFile(path('none'))],
      ['its size', () => env.size(path('none'))],
      ['its modification time', () => env.modificationTime(path('none'))],
      ['renaming it', () => env.rename(path('none'), path('other'))],
      ['linking it', () => env.link(path('none'), path('other'))],
      ['listing it', () => env.children(path('none'))],
      ['listing it with sizes', () => env.attributes(path('none'))],
      ['deleting the directory', () => env.deleteDir(path('none'))],
      ['asking whether it is a directory', () => env.isDirectory(path('none'))],
    ])('%s of a missing file is NotFound and names it', async (_, ask) => {
      await expect(ask()).rejects.toMatchObject(notFound)
      await expect(ask()).rejects.toThrow(path('none'))
    })

    test('a directory lists the base names of its files and directories', async () => {
      await env.write(path('b.sst'), 'bb')
      await env.write(path('a.sst'), 'a')
      await env.createDirIfMissing(path('sub'))
      await env.write(path('sub/c.sst'), 'c')
      expect(await env.children(dir)).toEqual(['a.sst', 'b.sst', 'sub'])
      expect(await env.attributes(dir)).toEqual([
        { name: 'a.sst', size: 1 },
        { name: 'b.sst', size: 2 },
        { name: 'sub', size: expect.any(Number) },
      ])
    })

    test('creating an existing directory succeeds, unless it is a file', async () => {
      await env.createDirIfMissing(path('sub'))
      await env.createDirIfMissing(path('sub'))
      expect(await env.isDirectory(path('sub'))).toBe(true)
      await env.write(path('file'), '')
      expect(await env.isDirectory(path('file'))).toBe(false)
      await expect(env.createDirIfMissing(path('file'))).rejects.toMatchObject({ code: 'IOError' })
    })

    test('only an empty directory can be deleted', async () => {
      await env.createDirIfMissing(path('sub'))
      await env.write(path('sub/c.sst'), 'c')
      await expect(env.deleteDir(path('sub'))).rejects.toMatchObject({ code: 'IOError' })
      await env.deleteFile(path('sub/c.sst'))
      await env.deleteDir(path('sub'))
      expect(await env.children(dir)).toEqual([])
    })

    test('a rename replaces its target', async () => {
      await env.write(path('CURRENT'), 'old')
      await env.write(path('000001.tmp'), 'new')
      await env.rename(path('000001.tmp'), path('CURRENT'))
      expect((await env.read(path('CURRENT'))).toString()).toBe('new')
      expect(await env.children(dir)).toEqual(['CURRENT'])
    })

    test('a directory is renamed with its contents', async () => {
      await env.createDirIfMissing(path('checkpoint.tmp'))
      await env.write(path('checkpoint.tmp/CURRENT'), 'x')
      await env.rename(path('checkpoint.tmp'), path('checkpoint'))
      expect((await env.read(path('checkpoint/CURRENT'))).toString()).toBe('x')
      await expect(env.children(path('checkpoint.tmp'))).rejects.toMatchObject(notFound)
    })

    test('a directory cannot be moved into itself', async () => {
      await env.createDirIfMissing(path('sub'))
      await expect(env.rename(path('sub'), path('sub/sub'))).rejects.toMatchObject({
        code: 'InvalidArgument',
      })
      expect(await env.children(dir)).toEqual(['sub'])
    })

    test('a link is a second name, and never replaces a file', async () => {
      await env.write(path('a.sst'), 'shared')
      await env.link(path('a.sst'), path('b.sst'))
      await env.deleteFile(path('a.sst'))
      expect((await env.read(path('b.sst'))).toString()).toBe('shared')
      await env.write(path('c.sst'), 'other')
      await expect(env.link(path('b.sst'), path('c.sst'))).rejects.toMatchObject({ code: 'IOError' })
    })

    test('the modification time is that of the last write', async () => {
      const before = Math.floor(Date.now() / 1000) - 1
      await env.write(path('a.sst'), 'a')
      const time = await env.modificationTime(path('a.sst'))
      expect(time).toBeGreaterThanOrEqual(before)
      expect(time).toBeLessThanOrEqual(Date.now() / 1000 + 1)
    })

    test('there is some free space', async () => {
      expect(await env.freeSpace(dir)).toBeGreaterThan(0)
    })

    test('the fsync of a directory says which local directory to sync, if any', async () => {
      expect(await env.fsyncDirectory(dir)).toBe(expected.local ? dir : undefined)
    })

    test("one client holds a lock, and another's error says who", async () => {
      const other = await WireClient.connect(socketPath, 'db_bench (pid 4711)')
      await other.lock(path('LOCK'))
      await expect(env.lock(path('LOCK'))).rejects.toMatchObject({
        code: 'IOError',
        message: `lock ${path('LOCK')}: held by db_bench (pid 4711)`,
      })
      await expect(env.unlock(path('LOCK'))).rejects.toMatchObject({ code: 'InvalidArgument' })
      await other.unlock(path('LOCK'))
      await env.lock(path('LOCK'))
      await other.disconnect()
    })

    test('one client cannot lock twice', async () => {
      await env.lock(path('LOCK'))
      await expect(env.lock(path('LOCK'))).rejects.toMatchObject({ code: 'IOError' })
    })

    test('the lock of a client that went away is free', async () => {
      const other = await WireClient.connect(socketPath)
      await other.lock(path('LOCK'))
      await other.disconnect()
      // On a connection of its own, so that the host learns of the two in this order.
      const next = await WireClient.connect(socketPath)
      await next.lock(path('LOCK'))
      await next.disconnect()
    })
  })
}
