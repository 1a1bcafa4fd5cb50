// The first GET of a store goes through the SDK, later ones past most of it: nobody can tell which.
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { S3Store, type S3StoreOptions } from '#src/store/s3-store.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { type Answer, failure, SettableStore } from '../support/settable-store.js'
import { bytes, text } from './contract.js'

let server: SettableStore
const stores: S3Store[] = []
beforeEach(async () => {
  server = await SettableStore.start()
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  await server.stop()
})

function open(options: Partial<S3StoreOptions> = {}): S3Store {
  const store = new S3Store({
    bucket: 'bucket',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    clock: new ImpatientClock(),
    ...options,
  })
  stores.push(store)
  return store
}

/** A store whose next GET goes past the SDK. */
async function openWarm(options: Partial<S3StoreOptions> = {}): Promise<S3Store> {
  const store = open(options)
  await store.put('first', bytes('x'))
  await store.get('first')
  return store
}

const seen = (value: unknown) => {
  if (!(value instanceof Error)) return value
  // Each request has an id of its own.
  return { ...value, message: value.message.replaceAll(/request-\d+/g, 'request'), name: value.name }
}

const outcomeOf = (get: Promise<unknown>) => get.then(seen, seen)

describe('an object', () => {
  const range = { offset: 2, length: 3 }

  test.each([
    ['whole', undefined],
    ['in part', range],
    ['beyond its end', { offset: 100, length: 3 }],
  ])('%s is the same the second time', async (_, range) => {
    const store = open()
    await store.put('key', bytes('0123456789'), { metadata: { dirname: 'a/b' } })
    const first = await store.get('key', range)
    expect(await store.get('key', range)).toEqual(first)
    expect(await store.get('key', range)).toEqual(first)
  })

  test.each(['a b', 'ü', "!'()*", '50%25', '+&=?#', 'a/b~c', '☃/x'])('may be called %j', async (key) => {
    const store = await openWarm()
    await store.put(key, bytes(key))
    expect(text((await store.get(key)).body)).toBe(text(bytes(key)))
  })

  test('is asked for in the same way', async () => {
    const encryption = { type: 'sse-c', key: Buffer.alloc(32, 'k') } as const
    const store = open({ encryption, prefix: 'prod' })
    await store.put('key', bytes('0123456789'))
    server.calls.length = 0
    await store.get('key', range)
    await store.get('key', range)
    const own = /^(?:amz-sdk-.*|authorization|x-amz-date)$/
    const [first, second] = server.calls.map(({ headers, ...call }) => ({
      ...call,
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !own.test(name))),
    }))
    expect(second).toEqual(first)
    expect(second?.headers).toMatchObject({ 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=2-4' })
    const isOfSdk = server.calls.map(({ headers }) => 'amz-sdk-invocation-id' in headers)
    expect(isOfSdk, 'the second one went past its middleware').toEqual([true, false])
  })

  test('is read whole after a part of it', async () => {
    const store = open()
    await store.put('key', bytes('0123456789'))
    expect(text((await store.get('key', range)).body)).toBe('234')
    expect(text((await store.get('key')).body)).toBe('0123456789')
  })
})

const html = { 'content-type': 'text/html', etag: '"1"' }
const object = { etag: '"1"', 'content-length': 3 }

describe.each<[title: string, answer: Answer | ((response: ServerResponse) => void)]>([
  ['a missing object', failure(404, 'NoSuchKey')],
  ['a missing bucket', failure(404, 'NoSuchBucket')],
  ['a refusal', failure(403, 'AccessDenied', 'No.')],
  [
    'another region',
    { ...failure(301, 'PermanentRedirect'), headers: { 'x-amz-bucket-region': 'eu-north-1' } },
  ],
  ['a store that is down', failure(503, 'ServiceUnavailable')],
  ['a store that is overloaded', failure(503, 'SlowDown')],
  ['an archived object', failure(403, 'InvalidObjectState')],
  ['a gateway', { status: 502, headers: html, body: '<html>Bad gateway</html>' }],
  ['a page', (response) => void response.writeHead(200, html).end('<html></html>')],
  ['no content', { status: 204 }],
  ['no ETag', { headers: { 'content-length': 3 }, body: 'abc' }],
  ['an error without end', (response) => void response.writeHead(500).write(Buffer.alloc(1 << 20))],
  ['a broken connection', (response) => void response.destroy()],
  ['other bytes', { headers: { ...object, 'content-range': 'bytes 5-7/10' }, status: 206, body: 'abc' }],
  ['a part that does not say which', { headers: object, status: 206, body: 'abc' }],
  ['an unreadable date', { headers: { ...object, 'last-modified': 'yesterday' }, body: 'abc' }],
  ['compressed content', { headers: { ...object, 'content-encoding': 'gzip' }, body: 'abc' }],
  ['a wrong checksum', { headers: { ...object, 'x-amz-checksum-crc32': 'AAAAAA==' }, body: 'abc' }],
])('%s', (_, answer) => {
  test('is told in the same words', async () => {
    const fresh = open()
    await fresh.put('first', bytes('x'))
    const warm = await openWarm()
    server.manners = {
      answer({ method }, response) {
        if (method !== 'GET') return undefined
        if (typeof answer !== 'function') return answer
        answer(response)
        return 'answered'
      },
    }
    const expected = await outcomeOf(fresh.get('key'))
    expect(expected).toMatchObject({ code: expect.any(String) })
    expect(await outcomeOf(warm.get('key'))).toEqual(expected)
  })
})

test('one that has ended does not end those that follow', async () => {
  const store = await openWarm()
  await expect(store.get('none')).rejects.toMatchObject({ code: 'NotFound' })
  expect(text((await store.get('first')).body)).toBe('x')
  expect(text((await store.get('first')).body)).toBe('x')
  await expect(store.get('none')).rejects.toMatchObject({ code: 'NotFound' })
})

test.each(['refusedByName', 'refusedVaguely'] as const)(
  'a store that begins to refuse checksums is asked without them, by all that are under way: %s',
  async (checksums) => {
    const store = await openWarm()
    server.manners = { checksums }
    for (let round = 0; round < 2; round++) {
      const gets = await Promise.all(Array.from({ length: 10 }, () => store.get('first')))
      expect(gets.map(({ body }) => text(body))).toEqual(gets.map(() => 'x'))
    }
  },
)

test('one that is aborted ends at once, and its connection too', async () => {
  const store = await openWarm()
  const ended = new Promise<void>((resolve) => {
    server.manners = {
      answer(_, response) {
        response.once('close', resolve)
        return 'answered'
      },
    }
  })
  const aborting = new AbortController()
  const get = store.get('first', undefined, { signal: aborting.signal })
  await expect.poll(() => server.calls.length).toBe(3)
  aborting.abort(new Error('no longer wanted'))
  await expect(get).rejects.toThrow('no longer wanted')
  await ended
})
