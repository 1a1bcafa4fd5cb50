// What every ObjectStore promises. Run against each store and each server.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { compareKeys } from '#src/store/object-key.js'
import { type ListOptions, type ObjectStore, PreconditionFailed } from '#src/store/object-store.js'
import { assertConditionalPuts } from '#src/store/probe-conditional.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import type { RequestListener } from '#src/store/store-request.js'

export interface StoreUnderTest {
  /** A store on a place of its own, empty. */
  open(onRequest?: RequestListener): ObjectStore
  /** Another client of the same place. */
  reopen(): ObjectStore
}

export const text = (content: Uint8Array): string => Buffer.from(content).toString()
export const bytes = (content: string): Buffer => Buffer.from(content)

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

export async function keysOf(store: ObjectStore, prefix = '', options?: ListOptions): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, options)) keys.push(key)
  return keys
}

export function describeStore(under: StoreUnderTest): void {
  let store: ObjectStore
  let files: string
  let metrics: StoreMetrics
  beforeAll(() => {
    files = mkdtempSync(join(tmpdir(), 'cloudenv-files-'))
  })
  afterAll(() => rmSync(files, { recursive: true, force: true }))
  beforeEach(() => {
    metrics = new StoreMetrics()
    store = under.open(metrics.record)
  })
  afterEach(() => store.close())

  const file = (name: string, content: Uint8Array) => {
    const path = join(files, name)
    writeFileSync(path, content)
    return { file: path, size: content.length }
  }

  describe('an object', () => {
    test('is read back as it was written, with its metadata', async () => {
      const before = Date.now()
      const { etag } = await store.put('db/000001.sst', bytes('content'), {
        metadata: { Dirname: 'a/b', x: '1' },
      })
      const object = await store.get('db/000001.sst')
      expect(text(object.body)).toBe('content')
      expect(object).toMatchObject({
        key: 'db/000001.sst',
        size: 7,
        etag,
        metadata: { dirname: 'a/b', x: '1' },
      })
      expect(Math.abs(object.lastModified.getTime() - before)).toBeLessThan(60_000)
      const { body: _, ...info } = object
      expect(await store.head('db/000001.sst')).toEqual(info)
    })

    test('may be empty', async () => {
      await store.put('empty', new Uint8Array(), { metadata: { dirname: 'db' } })
      expect(await store.get('empty')).toMatchObject({ size: 0, metadata: { dirname: 'db' } })
      expect((await store.get('empty')).body).toHaveLength(0)
      expect((await store.get('empty', { offset: 0, length: 10 })).body).toHaveLength(0)
    })

    test('may come from a file, of which only the first bytes count', async () => {
      const content = Buffer.alloc(3 * 1024 * 1024 + 17, 'abc')
      const body = file('table', content)
      await store.put('whole', body)
      expect(same((await store.get('whole')).body, content)).toBe(true)
      await store.put('start', { ...body, size: 5 })
      expect(text((await store.get('start')).body)).toBe('abcab')
      await store.put('nothing', { ...body, size: 0 })
      expect((await store.head('nothing')).size).toBe(0)
    })

    test('is not made of a file that is shorter than said, or missing', async () => {
      const body = file('short', bytes('12345'))
      await expect(store.put('short', { ...body, size: 6 })).rejects.toThrow('has 5 bytes, expected 6')
      const none = { file: join(files, 'none'), size: 6 }
      const condition = await store.put('there', bytes('x'))
      for (const [key, options] of [
        ['short', {}],
        ['there', { condition }],
      ] as const) {
        // NotFound or a broken condition would say something about the object.
        await expect(store.put(key, none, options)).rejects.toMatchObject({
          code: 'IOError',
          message: expect.stringContaining('cannot read'),
        })
      }
      await expect(store.head('short')).rejects.toThrow(EnvError)
    })

    test('replaced by another of the same size has another ETag', async () => {
      const etags = new Set<string>()
      for (let round = 0; round < 20; round++)
        etags.add((await store.put('key', bytes(`v${round % 10}${round}`.slice(0, 3)))).etag)
      expect(etags.size).toBeGreaterThan(10)
      expect((await store.head('key')).etag).toBe([...etags].at(-1))
    })

    test('loses its old metadata when it is replaced without any', async () => {
      await store.put('key', bytes('1'), { metadata: { a: '1', b: '2' } })
      await store.put('key', bytes('2'), { metadata: { b: '3' } })
      expect((await store.head('key')).metadata).toEqual({ b: '3' })
      await store.put('key', bytes('3'))
      expect((await store.head('key')).metadata).toEqual({})
    })

    test('that is not there is NotFound, and is named', async () => {
      for (const attempt of [
        () => store.get('a/none'),
        () => store.head('a/none'),
        () => store.get('a/none', { offset: 5, length: 0 }),
      ]) {
        await expect(attempt()).rejects.toMatchObject({ code: 'NotFound', retryable: false })
        await expect(attempt()).rejects.toThrow('a/none')
      }
    })

    test('written by one client is seen by another', async () => {
      await store.put('shared', bytes('1'))
      const other = under.reopen()
      expect(text((await other.get('shared')).body)).toBe('1')
      other.close()
    })

    test.each(['a b+c', 'ä/ö.txt', '100%', 'q\'u"o(t)e!*&=;:@$,', '#?[]{}|^~`', 'emoji 🙂', '000001.sst-aa'])(
      'can be named %j',
      async (key) => {
        await store.put(`names/${key}`, bytes(key))
        expect(text((await store.get(`names/${key}`)).body)).toBe(key)
        await store.copy(`names/${key}`, 'copied')
        expect(text((await store.get('copied')).body)).toBe(key)
        expect(await keysOf(store, 'names/')).toEqual([`names/${key}`])
        await store.deleteMany([`names/${key}`])
        expect(await keysOf(store, 'names/')).toEqual([])
      },
    )

    test.each([
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/../b',
      'a/.',
      'a\0b',
      'a\nb',
      '\u001b[2J',
      '\uffff',
      'x'.repeat(1025),
      '\ud800',
    ])('cannot be named %j', async (key) => {
      await expect(store.get(key)).rejects.toThrow(TypeError)
      await expect(store.head(key)).rejects.toThrow(TypeError)
      await expect(store.put(key, bytes('x'))).rejects.toThrow(TypeError)
      await expect(store.deleteMany([key])).rejects.toThrow(TypeError)
      await expect(store.copy('a', key)).rejects.toThrow(TypeError)
      await expect(store.copy(key, 'a')).rejects.toThrow(TypeError)
    })
  })

  test('any range is what a slice of the object is', async () => {
    const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256))
    await store.put('ranged', content)
    await fc.assert(
      fc.asyncProperty(fc.nat(1200), fc.nat(1200), async (offset, length) => {
        const object = await store.get('ranged', { offset, length })
        expect(same(object.body, content.subarray(offset, offset + length))).toBe(true)
        expect(object.size).toBe(1000)
      }),
      {
        numRuns: 40,
        examples: [
          [0, 1000],
          [0, 1],
          [999, 1],
          [999, 2],
          [1000, 1],
          [0, 2000],
          [5, 0],
          [2000, 0],
        ],
      },
    )
    await expect(store.get('none', { offset: 0, length: 5 })).rejects.toMatchObject({ code: 'NotFound' })
  })

  describe('a conditional write', () => {
    test('for an absent object happens once', async () => {
      const { etag } = await store.put('key', bytes('1'), { condition: 'absent' })
      await expect(store.put('key', bytes('2'), { condition: 'absent' })).rejects.toThrow(PreconditionFailed)
      expect(await store.get('key')).toMatchObject({ etag, metadata: {} })
      expect(text((await store.get('key')).body)).toBe('1')
    })

    test('for an ETag happens while the object has it', async () => {
      const first = await store.put('key', bytes('1'))
      const second = await store.put('key', bytes('2'), { condition: first })
      await expect(store.put('key', bytes('3'), { condition: first })).rejects.toThrow(PreconditionFailed)
      expect(text((await store.get('key')).body)).toBe('2')
      await store.put('key', bytes('3'), { condition: { etag: (await store.head('key')).etag } })
      await expect(store.put('key', bytes('4'), { condition: second })).rejects.toThrow(PreconditionFailed)
    })

    test('for the ETag of an object that is gone does not happen', async () => {
      const condition = await store.put('key', bytes('1'))
      await store.deleteMany(['key'])
      await expect(store.put('key', bytes('2'), { condition })).rejects.toThrow(PreconditionFailed)
      expect(await keysOf(store)).toEqual([])
    })

    test('keeps the metadata that it came with', async () => {
      await store.put('key', bytes('1'), { condition: 'absent', metadata: { writer: 'me' } })
      expect((await store.head('key')).metadata).toEqual({ writer: 'me' })
    })

    test('is won by exactly one of many', async () => {
      const other = under.reopen()
      const race = (round: number, condition: 'absent' | { etag: string }) =>
        Promise.allSettled(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? store : other).put('race', bytes(`round ${round}, writer ${index}`), { condition }),
          ),
        )
      for (let round = 0, condition: 'absent' | { etag: string } = 'absent'; round < 5; round++) {
        const results = await race(round, condition)
        const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []))
        expect(winners).toHaveLength(1)
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(PreconditionFailed)
        }
        const { body, etag } = await store.get('race')
        expect(text(body)).toBe(`round ${round}, writer ${winners[0]}`)
        condition = { etag }
      }
      other.close()
    })

    test('makes a lock-free counter that loses no increment', async () => {
      await store.put('counter', bytes('0'))
      const increment = async () => {
        for (;;) {
          const { body, etag } = await store.get('counter')
          try {
            return await store.put('counter', bytes(String(Number(text(body)) + 1)), { condition: { etag } })
          } catch (error) {
            if (!(error instanceof PreconditionFailed)) throw error
          }
        }
      }
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let i = 0; i < 3; i++) await increment()
        }),
      )
      expect(text((await store.get('counter')).body)).toBe('24')
    })

    test('passes the probe, which leaves nothing behind', async () => {
      await assertConditionalPuts(store)
      await assertConditionalPuts(store, 'some/path')
      expect(await keysOf(store)).toEqual([])
    })
  })

  test('a write that is aborted fails, and changes nothing when it was aborted before', async () => {
    await store.put('key', bytes('old'))
    const signal = AbortSignal.abort()
    const error = await store.put('key', bytes('new'), { signal }).catch((error: unknown) => error)
    expect(EnvError.is(error)).toBe(true)
    expect(text((await store.get('key')).body)).toBe('old')
  })

  describe('a listing', () => {
    const keys = ['a', 'a-b', 'a.b', 'a/b', 'a/b0', 'a/b/c', 'a/b/d/e', 'a0', 'b/a', 'ä', 'Z'].filter(
      // A directory cannot hold both a file and a directory of the same name.
      (key) => key !== 'a' && key !== 'a/b',
    )
    beforeEach(async () => {
      await Promise.all(keys.map((key) => store.put(key, bytes(key))))
    })

    test('has every key below the prefix, in the order of their bytes', async () => {
      expect(await keysOf(store)).toEqual([...keys].sort(compareKeys))
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'a/b/d/e', 'b', 'c', 'a/b/c/', 'ä', '../', 'a/../']) {
        expect(await keysOf(store, prefix), prefix).toEqual(
          keys.filter((key) => key.startsWith(prefix)).sort(compareKeys),
        )
      }
    })

    test('starts after a key', async () => {
      // LocalStack compares what it has percent-encoded; the keys that matter are ASCII.
      const ascii = keys.filter((key) => key !== 'ä')
      await store.deleteMany(['ä'])
      for (const startAfter of ['', 'a', 'a/b', 'a/b/c', 'a/b/d', 'a0', 'zzz']) {
        expect(await keysOf(store, '', { startAfter }), startAfter).toEqual(
          ascii.filter((key) => compareKeys(key, startAfter) > 0).sort(compareKeys),
        )
      }
      expect(await keysOf(store, 'a/', { startAfter: 'a/b/c' })).toEqual(['a/b/d/e', 'a/b0'])
    })

    test('that is shallow stays in its directory', async () => {
      const direct = (prefix: string) =>
        keys
          .filter((key) => key.startsWith(prefix) && !key.slice(prefix.length).includes('/'))
          .sort(compareKeys)
      for (const prefix of ['', 'a', 'a/', 'a/b', 'a/b/', 'c/']) {
        expect(await keysOf(store, prefix, { shallow: true }), prefix).toEqual(direct(prefix))
      }
      expect(await keysOf(store, 'a/b/', { shallow: true })).toEqual(['a/b/c'])
    })

    test('tells size, ETag and time', async () => {
      for await (const info of store.list('a/')) {
        expect(info).toEqual({
          ...(await store.head(info.key)),
          metadata: {},
          lastModified: expect.any(Date),
        })
        expect(info.size).toBe(info.key.length)
      }
    })

    test('can be left early', async () => {
      for await (const { key } of store.list('')) {
        expect(key).toBe('Z')
        break
      }
    })
  })

  test('more objects than fit a page are all listed, and all deleted', async () => {
    const keys = Array.from({ length: 1_205 }, (_, index) => `many/${String(index).padStart(6, '0')}`)
    for (let start = 0; start < keys.length; start += 100) {
      await Promise.all(keys.slice(start, start + 100).map((key) => store.put(key, new Uint8Array())))
    }
    expect(await keysOf(store, 'many/')).toEqual(keys)
    expect(await keysOf(store, 'many/', { shallow: true, startAfter: 'many/001203' })).toEqual([
      'many/001204',
    ])
    expect(metrics.snapshot().list.requests).toBeGreaterThanOrEqual(3)
    await store.deleteMany([...keys, 'many/not-there'])
    expect(await keysOf(store, '')).toEqual([])
  }, 120_000)

  describe('deleting', () => {
    test('removes exactly the objects named, and does not mind those that are gone', async () => {
      for (const key of ['d/1', 'd/2', 'd/3', 'd/4/5'])
        await store.put(key, bytes('x'), { metadata: { a: '1' } })
      await store.deleteMany(['d/1', 'd/none', 'none/none', 'd/3', 'd/4', 'd/2/none'])
      expect(await keysOf(store)).toEqual(['d/2', 'd/4/5'])
      await store.deleteMany([])
    })

    test('forgets the metadata', async () => {
      await store.put('key', bytes('x'), { metadata: { a: '1' } })
      await store.deleteMany(['key'])
      await store.put('key', bytes('x'))
      expect((await store.head('key')).metadata).toEqual({})
    })

    test('does not disturb writers of neighbours', async () => {
      await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          await store.put(`n/${index % 3}/x${index}`, bytes('x'))
          await store.deleteMany([`n/${index % 3}/x${index}`])
          await store.put(`n/${index % 3}/y${index}`, bytes('y'))
        }),
      )
      expect(await keysOf(store, 'n/')).toHaveLength(30)
    })
  })

  describe('a copy', () => {
    test('has content and metadata of its source and is independent of it', async () => {
      await store.put('source', bytes('content'), { metadata: { a: '1' } })
      await store.put('target', bytes('old'), { metadata: { b: '2' } })
      const { etag } = await store.copy('source', 'target')
      await store.put('source', bytes('changed'))
      expect(await store.head('target')).toMatchObject({ etag, size: 7, metadata: { a: '1' } })
      expect(text((await store.get('target')).body)).toBe('content')
    })

    test('of what is not there is NotFound', async () => {
      await expect(store.copy('none', 'target')).rejects.toMatchObject({ code: 'NotFound' })
      await expect(store.copy('none', 'target')).rejects.toThrow('/none: there is no such object')
    })
  })

  test('requests are counted, with the bytes that they moved', async () => {
    await store.put('m/a', bytes('12345'))
    await store.get('m/a')
    await store.get('m/a', { offset: 0, length: 2 })
    await store.head('m/a')
    await store.head('m/none').catch(() => {})
    await keysOf(store, 'm/')
    await store.copy('m/a', 'm/b')
    await store.deleteMany(['m/a', 'm/b'])
    expect(metrics.snapshot()).toEqual({
      put: { requests: 1, bytes: 5, errors: 0 },
      get: { requests: 2, bytes: 7, errors: 0 },
      head: { requests: 2, bytes: 0, errors: 1 },
      list: { requests: 1, bytes: 0, errors: 0 },
      copy: { requests: 1, bytes: 0, errors: 0 },
      delete: { requests: 1, bytes: 0, errors: 0 },
    })
  })
}
