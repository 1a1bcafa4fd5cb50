import assert from 'node:assert/strict'
import { EnvError } from '../env/env-error.js'
import { assertBytes, assertFails, bytes, type Claims, keysOf, text, textOf } from './claim.js'

const names = ['a b+c', 'ä/ö.txt', '100%', 'q\'u"o(t)e!*&=;:@$,', '#?[]{}|^~`', 'emoji 🙂', '000001.sst-aa']

const noNames = [
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
]

/** Offset and length, of an object of 1,000 bytes. */
const ranges = [
  [0, 1000],
  [0, 1],
  [999, 1],
  [999, 2],
  [1000, 1],
  [0, 2000],
  [5, 0],
  [2000, 0],
  [123, 456],
  [500, 500],
  [500, 501],
  [1, 998],
] as const

export const objectClaims: Claims = {
  'an object is read back as it was written, with its metadata': async ({ store }) => {
    const before = Date.now()
    const metadata = { Dirname: 'a/b', x: '1' }
    const { etag } = await store.put('db/000001.sst', bytes('content'), { metadata })
    const { body, ...info } = await store.get('db/000001.sst')
    assert.equal(text(body), 'content')
    assert.ok(Math.abs(info.lastModified.getTime() - before) < 60_000)
    const { lastModified: _, ...others } = info
    assert.deepEqual(others, { key: 'db/000001.sst', size: 7, etag, metadata: { dirname: 'a/b', x: '1' } })
    assert.deepEqual(await store.head('db/000001.sst'), info)
  },

  'an object may be empty': async ({ store }) => {
    await store.put('empty', new Uint8Array(), { metadata: { dirname: 'db' } })
    const { size, metadata, body } = await store.get('empty')
    assert.deepEqual(
      { size, metadata, length: body.length },
      { size: 0, metadata: { dirname: 'db' }, length: 0 },
    )
    assert.equal((await store.get('empty', { offset: 0, length: 10 })).body.length, 0)
  },

  'an object may come from a file, of which only the first bytes count': async ({ store, file }) => {
    const content = Buffer.alloc(3 * 1024 * 1024 + 17, 'abc')
    const body = await file(content)
    await store.put('whole', body)
    assertBytes((await store.get('whole')).body, content, 'the object is not what the file is')
    await store.put('start', { ...body, size: 5 })
    assert.equal(await textOf(store, 'start'), 'abcab')
    await store.put('nothing', { ...body, size: 0 })
    assert.equal((await store.head('nothing')).size, 0)
  },

  'an object is not made of a file that is shorter than said, or missing': async ({ store, file }) => {
    const short = { ...(await file(bytes('12345'))), size: 6 }
    const missing = { file: `${short.file}-missing`, size: 6 }
    const condition = await store.put('there', bytes('x'))
    for (const body of [short, missing]) {
      await assert.rejects(store.put('short', body))
      for (const options of [{}, { condition }]) {
        await assert.rejects(store.put('there', body, options), (error) => {
          const saysSomething = EnvError.is(error, 'NotFound') || EnvError.is(error, 'Busy')
          assert.ok(!saysSomething, `expected an error about the file, not about the object, got ${error}`)
          return true
        })
      }
    }
    await assertFails(store.head('short'), 'NotFound', 'short')
    assert.equal(await textOf(store, 'there'), 'x')
  },

  'the bytes of an object are its own, whatever becomes of those that were put': async ({ store }) => {
    const body = bytes('content')
    await store.put('key', body)
    body.fill('x')
    assert.equal(await textOf(store, 'key'), 'content')
  },

  'an object replaced by another of the same size has another ETag': async ({ store }) => {
    const etags = new Set<string>()
    for (let round = 0; round < 20; round++)
      etags.add((await store.put('key', bytes(`v${round % 10}${round}`.slice(0, 3)))).etag)
    assert.ok(etags.size > 10)
    assert.equal((await store.head('key')).etag, [...etags].at(-1))
  },

  'an object loses its old metadata when it is replaced without any': async ({ store }) => {
    await store.put('key', bytes('1'), { metadata: { a: '1', b: '2' } })
    await store.put('key', bytes('2'), { metadata: { b: '3' } })
    assert.deepEqual((await store.head('key')).metadata, { b: '3' })
    await store.put('key', bytes('3'))
    assert.deepEqual((await store.head('key')).metadata, {})
  },

  'an object that is not there is NotFound, and is named': async ({ store }) => {
    await assertFails(store.get('a/none'), 'NotFound', 'a/none')
    await assertFails(store.head('a/none'), 'NotFound', 'a/none')
    await assertFails(store.get('a/none', { offset: 0, length: 5 }), 'NotFound', 'a/none')
    await assertFails(store.get('a/none', { offset: 5, length: 0 }), 'NotFound', 'a/none')
  },

  'an object written by one client is seen by another': async ({ store, reopen }) => {
    await store.put('shared', bytes('1'))
    assert.equal(await textOf(await reopen(), 'shared'), '1')
  },

  'any range is what a slice of the object is': async ({ store }) => {
    const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256))
    await store.put('ranged', content)
    for (const [offset, length] of ranges) {
      const { body, size } = await store.get('ranged', { offset, length })
      assertBytes(body, content.subarray(offset, offset + length), `bytes ${offset} and ${length} from there`)
      assert.equal(size, 1000)
    }
  },

  'a name may have spaces, marks and letters of any script in it': async ({ store }) => {
    for (const name of names) {
      const key = `names/${name}`
      await store.put(key, bytes(name))
      assert.equal(await textOf(store, key), name)
      await store.copy(key, 'copied')
      assert.equal(await textOf(store, 'copied'), name)
      assert.deepEqual(await keysOf(store, 'names/'), [key])
      await store.deleteMany([key])
      assert.deepEqual(await keysOf(store, 'names/'), [])
    }
  },

  'a name that cannot be one is a TypeError': async ({ store }) => {
    await store.put('a', bytes('x'))
    for (const name of noNames) {
      const message = `expected a TypeError for the key ${JSON.stringify(name)}`
      await assert.rejects(store.get(name), TypeError, message)
      await assert.rejects(store.head(name), TypeError, message)
      await assert.rejects(store.put(name, bytes('x')), TypeError, message)
      await assert.rejects(store.deleteMany([name]), TypeError, message)
      await assert.rejects(store.copy('a', name), TypeError, message)
      await assert.rejects(store.copy(name, 'a'), TypeError, message)
    }
  },

  'a write that is aborted before it began fails, and changes nothing': async ({ store }) => {
    await store.put('key', bytes('old'))
    await assert.rejects(store.put('key', bytes('new'), { signal: AbortSignal.abort() }))
    assert.equal(await textOf(store, 'key'), 'old')
  },
}
