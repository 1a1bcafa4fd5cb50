// Stores other than AWS, by a server with settable manners.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { assertConditionalPuts } from '#src/store/probe-conditional.js'
import { S3Store } from '#src/store/s3-store.js'
import { failure, type Manners, SettableStore } from '../support/settable-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { bytes, keysOf, same, text } from './contract.js'

const MiB = 1024 * 1024

let server: SettableStore
let store: S3Store
let warnings: Error[]
const noteWarning = (warning: Error) => {
  if ((warning as NodeJS.ErrnoException).code?.startsWith('CLOUDENV_')) warnings.push(warning)
}
beforeEach(async () => {
  server = await SettableStore.start()
  store = new S3Store({
    bucket: 'bucket',
    prefix: 'prefix',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
  warnings = []
  process.on('warning', noteWarning)
})
afterEach(async () => {
  process.off('warning', noteWarning)
  store.close()
  await server.stop()
})

const fileOf = (content: Uint8Array) => {
  const file = join(temporaryDirectory('cloudenv-manners'), randomUUID())
  writeFileSync(file, content)
  return { file, size: content.length }
}
/** Warnings are emitted in a later turn. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe.each(['refusedByName', 'refusedAsInvalid', 'refusedVaguely'] as const)(
  'a store where checksums are %s',
  (checksums) => {
    beforeEach(() => {
      server.manners = { checksums }
    })

    test('is used without, and Content-MD5 guards what is written', async () => {
      await store.put('bytes', bytes('one'))
      await store.put('file', fileOf(bytes('two')), { condition: 'absent' })
      await store.put('empty', bytes(''))
      expect(text((await store.get('bytes')).body)).toBe('one')
      expect(text((await store.get('file')).body)).toBe('two')
      await store.deleteMany(['bytes'])
      expect(await keysOf(store)).toEqual(['empty', 'file'])

      const accepted = server.calls.filter(
        ({ method, headers }) => method === 'PUT' && headers['content-md5'],
      )
      expect(accepted.map(({ key }) => key)).toEqual(['prefix/bytes', 'prefix/file', 'prefix/empty'])
    })

    test('takes large objects in parts', async () => {
      const content = Buffer.alloc(73 * MiB, 'abc')
      await store.put('large', content, { condition: 'absent' })
      expect(same(server.objects.get('bucket/prefix/large')!.body, content)).toBe(true)
      const completion = server.calls.find(({ method, query }) => method === 'POST' && query.has('uploadId'))
      expect(String(completion?.body)).not.toContain('Checksum')
    })

    test('causes one warning', async () => {
      await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.put(key, bytes(key))))
      await store.put('e', bytes('e'))
      await nextTurn()
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatchObject({
        code: 'CLOUDENV_NO_CHECKSUMS',
        message: expect.stringContaining(server.endpoint),
      })
    })
  },
)

test('checksums stay on if a store does not implement something else', async () => {
  server.manners = {
    answer: ({ method, headers }) =>
      method === 'PUT' && headers['if-none-match'] ? failure(501, 'NotImplemented') : undefined,
  }
  const refused = await store.put('key', bytes('x'), { condition: 'absent' }).catch((error) => error)
  expect(refused).toMatchObject({ code: 'NotSupported', retryable: false })
  expect(server.calls.filter(({ method }) => method === 'PUT')).toHaveLength(2)

  await store.put('key', bytes('x'))
  expect(server.calls.at(-1)?.headers['x-amz-checksum-crc32']).toBeDefined()
  await nextTurn()
  expect(warnings).toEqual([])
})

test('a request that a store does not implement fails for good, not as an outage', async () => {
  server.manners = { answer: () => failure(501, 'NotImplemented') }
  const error = await store.head('key').catch((error) => error)
  expect(error).toMatchObject({ code: 'NotSupported', retryable: false })
  expect(error.message).toMatch(/does not implement this .*HTTP 501/)
  expect(server.calls).toHaveLength(1)
})

describe.each([undefined, 'wantsMd5', 'notImplemented', 'notAllowed'] as const)(
  'a store where deletion of many objects is %s',
  (multiDelete) => {
    test('deletes them', async () => {
      server.manners = { ...(multiDelete && { multiDelete }) }
      const keys = Array.from({ length: 50 }, (_, index) => `a b/${index}&<>"'é`)
      for (const key of [...keys, 'kept']) await store.put(key, bytes(key))
      await store.deleteMany([...keys, 'missing'])
      expect(await keysOf(store)).toEqual(['kept'])
    })

    test('is asked only once for what it lacks', async () => {
      server.manners = { ...(multiDelete && { multiDelete }) }
      for (const key of ['a', 'b', 'c']) await store.deleteMany([key])
      const posts = server.calls.filter(({ method }) => method === 'POST')
      expect(posts).toHaveLength(multiDelete?.startsWith('not') ? 1 : 3)
    })
  },
)

test('a refused single deletion is reported like one in a batch', async () => {
  server.manners = {
    multiDelete: 'notImplemented',
    answer: ({ method, key }) =>
      method === 'DELETE' && key.endsWith('b') ? failure(403, 'AccessDenied') : undefined,
  }
  const error = await store.deleteMany(['a', 'b', 'c']).catch((error) => error)
  expect(error.message).toMatch(/^delete s3:\/\/bucket\/prefix\/b: access denied .*s3:DeleteObject/)
})

describe.each<Manners>([
  {},
  { listing: 'unencoded' },
  { listing: 'version1' },
  { listing: 'refusesVersion2' },
])('a store with the manners %o', (manners) => {
  const keys = ['a%2Fb', 'a+b', 'a b/1', 'a b/2', 'c', 'd/e/f', 'é', '😀', '~'].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  beforeEach(async () => {
    server.manners = { ...manners, pageKeys: 2 }
    for (const key of keys) await store.put(key, bytes(key))
  })

  test('lists every key over many pages', async () => {
    expect(await keysOf(store)).toEqual(keys)
  })

  test('lists only directly below a prefix, and from a key on', async () => {
    const found: string[] = []
    for await (const { key } of store.list('', { shallow: true })) found.push(key)
    expect(found).toEqual(keys.filter((key) => !key.includes('/')))

    found.length = 0
    for await (const { key } of store.list('', { startAfter: 'a+b' })) found.push(key)
    expect(found).toEqual(keys.slice(keys.indexOf('a+b') + 1))
  })
})

describe('the probe for conditional writes', () => {
  test('does not prevent an opening if its object cannot be deleted', async () => {
    server.manners = {
      answer: ({ method, query }) =>
        method === 'DELETE' || query.has('delete') ? failure(403, 'AccessDenied') : undefined,
    }
    await assertConditionalPuts(store)
    expect([...server.objects.keys()]).toEqual([expect.stringContaining('.cloudenv-probe-')])
  })
})
