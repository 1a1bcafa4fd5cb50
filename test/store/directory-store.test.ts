import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DirectoryStore } from '#src/store/directory-store.js'
import { runChild } from '../support/child.js'
import { fixtureSuite, haveFixtures, unpackFixture } from '../support/fixtures.js'
import { bytes, keysOf, testContract, text } from './contract.js'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'cloudenv-store-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('DirectoryStore', () => {
  testContract((place) => new DirectoryStore({ directory: join(root, place) }))
})

describe('a directory as a store', () => {
  let directory: string
  let store: DirectoryStore
  beforeEach(() => {
    directory = mkdtempSync(join(root, 'store-'))
    store = new DirectoryStore({ directory })
  })

  test('that does not exist is empty, and is created with the first object', async () => {
    const later = new DirectoryStore({ directory: join(directory, 'not/yet') })
    expect(await keysOf(later)).toEqual([])
    await later.deleteMany(['a'])
    await expect(later.get('a')).rejects.toMatchObject({ code: 'NotFound' })
    expect(existsSync(join(directory, 'not'))).toBe(false)
    await later.put('a', bytes('1'))
    expect(await keysOf(later)).toEqual(['a'])
  })

  test('with names that cannot be keys reports what it leaves out', async () => {
    for (const path of ['good', 'a\ttab', 'sub/a\ttab', 'bad\nsub/inside', 'bad\nsub/deeper/inside']) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), path)
    }
    await store.put('sub/good', bytes('1'))
    const leftOut: number[] = []
    const onLeftOut = (size: number) => leftOut.push(size)
    expect(await keysOf(store, '', { onLeftOut })).toEqual(['good', 'sub/good'])
    expect(leftOut.sort((a, b) => a - b)).toEqual([5, 9, 14, 21])
    leftOut.length = 0
    expect(await keysOf(store, 'sub/', { onLeftOut })).toEqual(['sub/good'])
    expect(leftOut).toEqual([9])
  })

  test('ignores named pipes and sockets, and does not wait for them', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe')])
    const server = createServer().listen(join(directory, 'socket'))
    await once(server, 'listening')
    for (const key of ['pipe', 'socket']) {
      await expect(store.get(key)).rejects.toMatchObject({ code: 'NotFound' })
      await expect(store.head(key)).rejects.toMatchObject({ code: 'NotFound' })
    }
    expect(await keysOf(store)).toEqual([])
    server.close()
  })

  test('that vanishes is named in the error, not the file to be put there', async () => {
    await store.put('first', bytes('1'))
    rmSync(directory, { recursive: true })
    const file = join(root, 'whole-and-readable')
    writeFileSync(file, 'content')
    for (const body of [bytes('2'), { file, size: 7 }]) {
      const refused = store.put('second', body)
      await expect(refused).rejects.toMatchObject({ name: 'EnvError', code: 'PathNotFound' })
      await expect(refused).rejects.toThrow(/^put file:\/\/.*\/second: the store's directory is gone/)
    }
  })

  test('says which file it cannot put, and why', async () => {
    const file = join(root, 'short')
    writeFileSync(file, '12345')
    await expect(store.put('short', { file, size: 6 })).rejects.toThrow('has 5 bytes, expected 6')
    const none = { file: join(root, 'none'), size: 6 }
    await expect(store.put('none', none)).rejects.toMatchObject({
      code: 'IOError',
      message: expect.stringContaining('cannot read'),
    })
  })

  test('keeps each object in the file that its key names', async () => {
    await store.put('db/000001.sst-aa', bytes('content'))
    mkdirSync(join(directory, 'plain/dir'), { recursive: true })
    writeFileSync(join(directory, 'plain/dir/file'), 'by hand')
    expect(text((await store.get('plain/dir/file')).body)).toBe('by hand')
    expect(existsSync(join(directory, 'db/000001.sst-aa'))).toBe(true)
    expect(await keysOf(store)).toEqual(['db/000001.sst-aa', 'plain/dir/file'])
  })

  test('notices a file that was changed by hand', async () => {
    const { etag } = await store.put('key', bytes('1'))
    writeFileSync(join(directory, 'key'), '2 and more')
    expect((await store.head('key')).etag).not.toBe(etag)
    await expect(store.put('key', bytes('3'), { condition: { etag } })).rejects.toMatchObject({
      code: 'Busy',
    })
  })

  test('shows nothing but objects', async () => {
    await store.put('key', bytes('1'), { metadata: { a: '1' } })
    mkdirSync(join(directory, 'empty'))
    symlinkSync('/etc/passwd', join(directory, 'link'))
    expect(readdirSync(directory)).toContain('.cloudenv-store')
    expect(await keysOf(store)).toEqual(['key'])
    expect(await keysOf(store, '.cloudenv-store')).toEqual([])
    expect(await keysOf(store, '.cloudenv-store/')).toEqual([])
    for (const key of ['.cloudenv-store', '.cloudenv-store/lock']) {
      await expect(store.get(key)).rejects.toThrow(TypeError)
      await expect(store.put(key, bytes('x'))).rejects.toThrow(TypeError)
      await expect(store.deleteMany([key])).rejects.toThrow(TypeError)
    }
    await expect(store.get('empty')).rejects.toMatchObject({ code: 'NotFound' })
    await expect(store.head('empty')).rejects.toMatchObject({ code: 'NotFound' })
  })

  test('says that it cannot hold an object at "a" and at "a/b"', async () => {
    await store.put('a', bytes('1'))
    await expect(store.put('a/b', bytes('2'))).rejects.toMatchObject({ code: 'InvalidArgument' })
    await store.put('c/d', bytes('1'))
    for (const condition of [undefined, 'absent'] as const) {
      const put = store.put('c', bytes('2'), condition && { condition })
      await expect(put).rejects.toThrow('a file cannot be a directory too')
    }
    expect(await keysOf(store)).toEqual(['a', 'c/d'])
  })

  test('removes directories that became empty, but never itself', async () => {
    await store.put('a/b/c', bytes('1'))
    await store.put('a/d', bytes('1'))
    await store.deleteMany(['a/b/c'])
    expect(readdirSync(join(directory, 'a'))).toEqual(['d'])
    await store.deleteMany(['a/d'])
    expect(readdirSync(directory)).toEqual(['.cloudenv-store'])
  })

  test('keeps the metadata when it is copied elsewhere, with times or without', async () => {
    await store.put('key', bytes('1'), { metadata: { dirname: 'old' } })
    await store.put('key', bytes('2'), { metadata: { dirname: 'db/path' } })
    for (const preserveTimestamps of [true, false]) {
      const copy = join(root, `copy-${preserveTimestamps}`)
      cpSync(directory, copy, { recursive: true, preserveTimestamps })
      const info = await new DirectoryStore({ directory: copy }).head('key')
      expect(info.metadata).toEqual({ dirname: 'db/path' })
    }
  })

  test('removes leftovers of writers that died long ago', async () => {
    await store.put('key', bytes('1'))
    const drafts = join(directory, '.cloudenv-store/drafts')
    writeFileSync(join(drafts, 'old'), 'half')
    writeFileSync(join(drafts, 'young'), 'half')
    utimesSync(join(drafts, 'old'), new Date(0), new Date(0))
    await new DirectoryStore({ directory }).put('key', bytes('2'))
    expect(readdirSync(drafts)).toEqual(['young'])
  })

  test('gives every version its own ETag, even within one tick of the clock', async () => {
    const etags = new Set<string>()
    for (let round = 0; round < 300; round++) etags.add((await store.put('key', bytes('same'))).etag)
    expect(etags.size).toBe(300)
  })
})

describe('a directory shared by processes', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(root, 'shared-'))
  })

  test('loses no increment of a counter', async () => {
    const code = `
      const { DirectoryStore } = await load('store/directory-store.js')
      const { PreconditionFailed } = await load('store/object-store.js')
      const store = new DirectoryStore({ directory: args[0] })
      for (let done = 0; done < 40; ) {
        try {
          const found = await store.get('counter').catch(() => undefined)
          const next = String(Number(found ? Buffer.from(found.body).toString() : 0) + 1)
          await store.put('counter', Buffer.from(next), { condition: found ? { etag: found.etag } : 'absent' })
          done++
        } catch (error) {
          if (!(error instanceof PreconditionFailed)) throw error
        }
      }`
    const children = [1, 2, 3].map(() => runChild(code, [directory]))
    for (const { ended } of children) expect(await ended).toBe(0)
    expect(text((await new DirectoryStore({ directory }).get('counter')).body)).toBe('120')
  })

  test('survives kill -9 of a writer at any point: whole objects, matching metadata, no lasting lock', async () => {
    const code = `
      const { DirectoryStore } = await load('store/directory-store.js')
      const store = new DirectoryStore({ directory: args[0] })
      for (let round = 0; ; round++) {
        const size = 1 + (round * 7919) % 300_000
        const fill = String(round % 10)
        await store.put('db/object', Buffer.alloc(size, fill), { metadata: { size: String(size), fill } })
        if (round % 3 === 2) await store.deleteMany(['db/object'])
        if (round === 2) console.log('under way')
      }`
    const store = new DirectoryStore({ directory })
    for (let round = 0; round < 12; round++) {
      const child = runChild(code, [directory])
      await child.lines.next()
      // Not a wait for something, but the time of the kill, different each time.
      await new Promise((resolve) => setTimeout(resolve, (round * 3.7) % 17))
      child.process.kill('SIGKILL')
      expect(await child.ended).toBe('SIGKILL')

      for await (const { key, size } of store.list('')) {
        expect(key).toBe('db/object')
        const { body, metadata } = await store.get(key)
        expect(body).toHaveLength(size)
        expect(metadata.size).toBe(String(size))
        expect(Buffer.from(body).equals(Buffer.alloc(size, metadata.fill))).toBe(true)
      }
      const start = performance.now()
      await store.put('db/after', bytes('x'), { condition: 'absent' })
      await store.deleteMany(['db/after'])
      expect(performance.now() - start).toBeLessThan(2_000)
    }
  })
})

describe.skipIf(!haveFixtures)(fixtureSuite('a bucket that rocksdb-cloud wrote into a directory'), () => {
  test('is read object for object', async () => {
    const fixture = unpackFixture('clone')
    for (const bucket of ['rockset.clonesrc', 'rockset.clonedst']) {
      const store = new DirectoryStore({ directory: join(fixture.directory, bucket) })
      const objects = fixture.objects.filter((object) => object.bucket === bucket)
      expect(await keysOf(store)).toEqual(objects.map(({ key }) => key).sort())
      for (const { key, size, sha256 } of objects) {
        const { body } = await store.get(key)
        expect(body).toHaveLength(size)
        expect(createHash('sha256').update(body).digest('hex'), key).toBe(sha256)
      }
    }
  })
})
