// Faults before a real server: lost answers, broken connections, damaged bytes, overload.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { S3Store } from '#src/store/s3-store.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import { type Answer, FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { bytes, keysOf, same, text } from './contract.js'

const MiB = 1024 * 1024

describe.each(inject('servers'))('between us and $name', (server) => {
  const { accessKeyId, secretAccessKey, region, bucket } = server
  let proxy: FaultProxy
  let clock: ImpatientClock
  let metrics: StoreMetrics
  let prefix: string
  let store: S3Store
  /** Gives up soon on a silent server. */
  let hasty: S3Store
  /** Another client, without faults. */
  let direct: S3Store
  let directory: string
  beforeAll(async () => {
    proxy = await FaultProxy.start(server.endpoint)
    directory = mkdtempSync(join(tmpdir(), 'cloudenv-faults-'))
    return async () => {
      await proxy.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  })
  beforeEach(() => {
    proxy.reset()
    clock = new ImpatientClock()
    metrics = new StoreMetrics()
    prefix = `faults/${randomUUID()}`
    const common = { region, bucket, prefix, credentials: { accessKeyId, secretAccessKey } }
    store = new S3Store({
      ...common,
      endpoint: proxy.endpoint,
      clock,
      onRequest: metrics.record,
    })
    hasty = new S3Store({ ...common, endpoint: proxy.endpoint, clock, idleTimeoutMs: 500 })
    direct = new S3Store({ ...common, endpoint: server.endpoint })
    return () => {
      for (const opened of [store, hasty, direct]) opened.close()
    }
  })

  const internalError = { kind: 'answer', status: 500, body: s3ErrorBody('InternalError') } as const
  const slowDown = { kind: 'answer', status: 503, body: s3ErrorBody('SlowDown') } as const
  const fileOf = (content: Uint8Array) => {
    const file = join(directory, randomUUID())
    writeFileSync(file, content)
    return { file, size: content.length }
  }
  const requestsOf = (method: string) => proxy.seen.filter((line) => line.startsWith(`${method} `))

  test('an upload in parts is recognized as complete if the answer was lost', async () => {
    proxy.next('POST', { kind: 'loseAnswer' }, { path: /uploadId=/ })
    const body = fileOf(Buffer.alloc(73 * MiB, 'x'))
    const { etag } = await store.put('large', body, { metadata: { a: '1' } })
    expect(await direct.head('large')).toMatchObject({ etag, size: body.size, metadata: { a: '1' } })
  })

  test('a conflict with a write under way is retried', async () => {
    proxy.next(
      'PUT',
      { kind: 'answer', status: 409, body: s3ErrorBody('ConditionalRequestConflict') },
      { times: 2 },
    )
    await store.put('key', bytes('mine'), { condition: 'absent' })
    expect(text((await direct.get('key')).body)).toBe('mine')
  })

  test.each([
    ['500 InternalError', internalError],
    ['502 from a proxy', { kind: 'answer', status: 502, body: '<html>Bad gateway</html>' } as const],
    ['a broken connection', { kind: 'drop' } as const],
  ])('%s is waited out, longer each time, and counted', async (_title, fault) => {
    for (const method of ['PUT', 'GET', 'HEAD', 'POST']) proxy.next(method, fault, { times: 3 })
    await store.put('key', bytes('content'))
    expect(text((await store.get('key')).body)).toBe('content')
    await store.head('key')
    await store.deleteMany(['key'])
    expect(await keysOf(direct)).toEqual([])
    expect(metrics.snapshot()).toMatchObject({
      put: { requests: 4, bytes: 7, errors: 3 },
      get: { requests: 4, bytes: 7, errors: 3 },
      head: { requests: 4, errors: 3 },
      delete: { requests: 4, errors: 3 },
    })
    expect(clock.waits).toHaveLength(12)
    for (const [index, ms] of clock.waits.entries()) expect(ms).toBeLessThanOrEqual(100 * 2 ** (index % 3))
  })

  describe('a store that asks for fewer requests', () => {
    let throttled: S3Store
    beforeEach(() => {
      const credentials = { accessKeyId, secretAccessKey }
      const options = { region, bucket, prefix, credentials, endpoint: proxy.endpoint }
      throttled = new S3Store({ ...options, clock, random: () => 0.5 })
      return () => throttled.close()
    })

    test.each([
      ['503 SlowDown', slowDown],
      ['429', { kind: 'answer', status: 429, body: s3ErrorBody('TooManyRequests') } as const],
    ])('by %s is asked again after longer pauses than other failures get', async (_title, fault) => {
      for (const method of ['PUT', 'GET', 'HEAD', 'POST']) proxy.next(method, fault, { times: 3 })
      await throttled.put('key', bytes('content'))
      await throttled.get('key')
      await throttled.head('key')
      await throttled.deleteMany(['key'])
      expect(clock.waits).toEqual(Array.from({ length: 4 }, () => [250, 500, 1_000]).flat())
    })

    test.each([
      ['ServiceUnavailable', s3ErrorBody('ServiceUnavailable')],
      ['a gateway', '<html>Overloaded</html>'],
    ])('is not what a 503 of %s says: the store is down, and asked again soon', async (_title, body) => {
      proxy.next('PUT', { kind: 'answer', status: 503, body }, { times: 2 })
      await throttled.put('key', bytes('content'))
      expect(clock.waits).toEqual([50, 100])
    })

    test('for single keys of a deletion is asked again in the same way', async () => {
      const body = '<DeleteResult><Error><Key>a</Key><Code>SlowDown</Code></Error></DeleteResult>'
      proxy.next('POST', { kind: 'answer', status: 200, body }, { times: 2 })
      await throttled.deleteMany(['a', 'b'])
      expect(clock.waits).toEqual([250, 500])
    })

    test('gets ten attempts, and the error says why it failed', async () => {
      proxy.next('PUT', slowDown, { times: 100 })
      await expect(throttled.put('key', bytes('content'))).rejects.toMatchObject({
        name: 'EnvError',
        code: 'IOError',
        retryable: true,
        message: expect.stringContaining(
          'the store is overloaded and asks for fewer requests (HTTP 503, SlowDown',
        ),
      })
      expect(requestsOf('PUT')).toHaveLength(10)
      expect(clock.waits.slice(0, 4)).toEqual([250, 500, 1_000, 2_000])
      expect(Math.max(...clock.waits)).toBe(4_000)
    })

    test('and says when to come back is asked again no sooner', async () => {
      proxy.next('PUT', { ...slowDown, headers: { 'retry-after': '3' } })
      await throttled.put('key', bytes('content'))
      expect(clock.waits).toEqual([3_250])
    })
  })

  test('an outage that lasts ends in a retryable error after five attempts', async () => {
    proxy.next('PUT', internalError, { times: 100 })
    const error = await store.put('key', bytes('content')).catch((error) => error)
    expect(error).toMatchObject({ code: 'IOError', retryable: true })
    expect(error.message).toContain(`put s3://${bucket}/${prefix}/key: `)
    expect(error.message).toContain('HTTP 500, InternalError')
    expect(requestsOf('PUT')).toHaveLength(5)
  })

  test('a server that nobody started is a retryable error that names the endpoint option, in a shell and in code', async () => {
    const lonely = new S3Store({
      endpoint: 'http://127.0.0.1:1',
      region,
      bucket,
      credentials: { accessKeyId, secretAccessKey },
      clock,
    })
    const error = await lonely.head('key').catch((error) => error)
    expect(error).toMatchObject({ code: 'IOError', retryable: true })
    expect(error.message).toMatch(/cannot be reached .*ECONNREFUSED.*--endpoint.*"endpoint"/)
  })

  describe('a download', () => {
    const content = Buffer.alloc(300_000, 'abcdefg')
    beforeEach(() => direct.put('key', content))

    test.each([
      ['cut short', { kind: 'truncate', bytes: 1000 } as const],
      ['cut off before its first byte', { kind: 'truncate', bytes: 0 } as const],
      ['damaged', { kind: 'damageAnswer' } as const],
    ])('that is %s is repeated', async (_title, fault) => {
      proxy.next('GET', fault, { times: 2 })
      expect(same((await store.get('key')).body, content)).toBe(true)
      expect(requestsOf('GET')).toHaveLength(3)
    })

    test('of a range that is cut short is repeated', async () => {
      proxy.next('GET', { kind: 'truncate', bytes: 1000 }, { times: 2 })
      const { body } = await store.get('key', { offset: 10, length: 200_000 })
      expect(same(body, content.subarray(10, 200_010))).toBe(true)
    })

    test('that is always cut short fails, retryably', async () => {
      proxy.next('GET', { kind: 'truncate', bytes: 1000 }, { times: 100 })
      await expect(store.get('key')).rejects.toMatchObject({ code: 'IOError', retryable: true })
    })

    test('that stops coming is given up and repeated', async () => {
      proxy.next('GET', { kind: 'hang' })
      expect((await hasty.get('key')).size).toBe(content.length)
      proxy.next('GET', { kind: 'hang' }, { times: 100 })
      await expect(hasty.get('key')).rejects.toMatchObject({ code: 'TimedOut', retryable: true })
    })
  })

  describe('a server that answers byte by byte, so that its connection is never idle,', () => {
    let impatient: S3Store
    beforeEach(async () => {
      await direct.put('key', Buffer.alloc(4096, 'x'))
      const credentials = { accessKeyId, secretAccessKey }
      const options = { region, bucket, prefix, credentials, endpoint: proxy.endpoint, random: () => 0 }
      impatient = new S3Store({ ...options, requestTimeoutMs: 1000 })
      return () => impatient.close()
    })

    const trickle = { kind: 'trickle', everyMs: 20 } as const

    test.each<[string, string, (store: S3Store) => Promise<unknown>]>([
      ['an object', 'GET', (store) => store.get('key')],
      ['a range', 'GET', (store) => store.get('key', { offset: 0, length: 1000 })],
      ['a listing', 'GET', (store) => keysOf(store)],
      ['a look', 'HEAD', (store) => store.head('key')],
      ['an upload', 'PUT', (store) => store.put('other', fileOf(bytes('content')))],
      ['a deletion', 'POST', (store) => store.deleteMany(['key'])],
    ])('is given up and retried: %s', async (_name, method, request) => {
      proxy.next(method, trickle)
      await request(impatient)
      expect(requestsOf(method).length).toBeGreaterThan(1)
    })

    test('is a retryable error in the end', async () => {
      proxy.next('GET', trickle, { times: Number.POSITIVE_INFINITY })
      await expect(impatient.get('key')).rejects.toMatchObject({
        code: 'TimedOut',
        retryable: true,
        message: expect.stringContaining('not done within 1 s'),
      })
    })
  })

  describe('an upload', () => {
    const content = Buffer.alloc(3 * MiB, 'abcdefg')

    test.each([
      ['breaks off', { kind: 'truncateRequest', bytes: 100_000 } as const],
      ['is damaged on its way', { kind: 'damageRequest' } as const],
      ['is answered, and the answer lost', { kind: 'loseAnswer' } as const],
    ])('that %s is repeated from the start', async (_title, fault) => {
      for (const [key, body] of [
        ['bytes', content],
        ['file', fileOf(content)],
      ] as const) {
        proxy.next('PUT', fault, { path: new RegExp(key) })
        await store.put(key, body)
        expect(same((await direct.get(key)).body, content)).toBe(true)
      }
    })

    test('that gets no answer is given up and repeated', async () => {
      proxy.next('PUT', { kind: 'hang' })
      await hasty.put('key', fileOf(content))
      expect(same((await direct.get('key')).body, content)).toBe(true)
    })

    test('in parts repeats only what failed', async () => {
      const body = fileOf(Buffer.alloc(73 * MiB, 'abc'))
      proxy.next('PUT', slowDown, { path: /partNumber=3/ })
      proxy.next('PUT', { kind: 'damageRequest' }, { path: /partNumber=5/ })
      await store.put('large', body)
      expect((await direct.head('large')).size).toBe(body.size)
      expect(requestsOf('PUT')).toHaveLength(5 + 2)
      // The parts, the beginning and the completion.
      expect(metrics.snapshot().put).toMatchObject({
        requests: 5 + 2 + 2,
        bytes: body.size,
        errors: 2,
        throttled: 1,
        retries: 2,
      })
    })

    test('in parts that cannot be completed frees the parts', async () => {
      const refused = { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') } as const
      proxy.next('PUT', refused, { path: /partNumber=3/ })
      await expect(store.put('large', Buffer.alloc(73 * MiB))).rejects.toMatchObject({
        code: 'IOError',
        retryable: false,
      })
      expect(requestsOf('DELETE')).toHaveLength(1)
    })

    test('that is aborted ends at once', async () => {
      const patient = new S3Store({
        endpoint: proxy.endpoint,
        region,
        bucket,
        prefix,
        credentials: { accessKeyId, secretAccessKey },
      })
      for (const body of [content, fileOf(content)]) {
        proxy.next('PUT', { kind: 'hang' }, { times: 100 })
        const abort = new AbortController()
        const arrived = proxy.arrival(/^PUT /)
        const put = patient.put('key', body, { signal: abort.signal })
        const outcome = put.catch((error) => error)
        await arrived
        abort.abort()
        expect(EnvError.is(await outcome)).toBe(true)
        expect((await outcome).message).toContain('aborted')
      }
      expect(requestsOf('PUT')).toHaveLength(2)
      patient.close()
    })
  })

  describe('the answer to a ranged read', () => {
    const content = Buffer.from(Array.from({ length: 10_000 }, (_, at) => (at * 7 + (at >> 8)) & 255))
    const range = { offset: 3_000, length: 2_000 }
    const asked = content.subarray(3_000, 5_000)
    beforeEach(() => direct.put('key', content))
    const altered = (alter: (answer: Answer) => void) => ({ kind: 'alterAnswer', alter }) as const

    const wrong: readonly (readonly [what: string, alter: (answer: Answer) => void, reason: RegExp])[] = [
      [
        'that is shorter than its Content-Range',
        (answer) => {
          answer.body = answer.body.subarray(0, -10)
        },
        /get .*key: the content was damaged on its way \(.*got 1990 of 2000 bytes/,
      ],
      [
        'that is longer than its Content-Range',
        (answer) => {
          answer.body = Buffer.concat([answer.body, answer.body])
        },
        /the content was damaged on its way \(.*got 4000 of 2000 bytes/,
      ],
      [
        'of another range',
        (answer) => {
          answer.body = content.subarray(4_000, 6_000)
          answer.headers['content-range'] = 'bytes 4000-5999/10000'
        },
        /other bytes than were asked for \(.*asked for bytes 3000-4999, got Content-Range: bytes 4000-5999\/10000/,
      ],
      [
        'that ends before the range and the object do',
        (answer) => {
          answer.body = answer.body.subarray(0, 1_000)
          answer.headers['content-range'] = 'bytes 3000-3999/10000'
        },
        /asked for bytes 3000-4999, got Content-Range: bytes 3000-3999\/10000/,
      ],
      [
        'that does not say how long the object is',
        (answer) => {
          answer.headers['content-range'] = 'bytes 3000-4999/*'
        },
        /asked for bytes 3000-4999, got Content-Range: bytes 3000-4999\/\*/,
      ],
    ]
    test.each(wrong)('%s is retried', async (_, alter) => {
      proxy.next('GET', altered(alter), { times: 2 })
      expect(same((await store.get('key', range)).body, asked)).toBe(true)
      expect(requestsOf('GET')).toHaveLength(3)
    })

    test.each(wrong)('%s, five times, is an error that says so', async (_, alter, reason) => {
      proxy.next('GET', altered(alter), { times: 100 })
      await expect(store.get('key', range)).rejects.toMatchObject({
        code: 'IOError',
        retryable: true,
        message: expect.stringMatching(reason),
      })
      expect(requestsOf('GET')).toHaveLength(5)
    })

    test('may be the whole object, if the server has no ranges', async () => {
      const ignoreRange = altered((answer) => {
        answer.status = 200
        answer.body = content
        delete answer.headers['content-range']
      })
      proxy.next('GET', ignoreRange, { times: 2 })
      const found = await store.get('key', range)
      expect(same(found.body, asked)).toBe(true)
      expect(found.size).toBe(10_000)
      expect((await store.get('key', { offset: 9_990, length: 100 })).body).toHaveLength(10)
    })

    test('that a proxy has compressed fails at once, and the error says so', async () => {
      const compress = altered((answer) => {
        answer.headers['content-encoding'] = 'gzip'
      })
      proxy.next('GET', compress)
      await expect(store.get('key', range)).rejects.toThrow(
        /compressed on its way \(.*Content-Encoding: gzip.*Turn compression off/,
      )
      expect(requestsOf('GET')).toHaveLength(1)
    })
  })

  test.each(['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const)(
    'an object written with a checksum of %s is fetched again if its content does not match',
    async (algorithm) => {
      const client = new S3Client({
        endpoint: server.endpoint,
        region,
        credentials: { accessKeyId, secretAccessKey },
        forcePathStyle: true,
      })
      const object = { Bucket: bucket, Key: `${prefix}/theirs`, Body: 'checked by them' }
      await client.send(new PutObjectCommand({ ...object, ChecksumAlgorithm: algorithm }))
      client.destroy()
      proxy.next('GET', { kind: 'damageAnswer' })
      expect(text((await store.get('theirs')).body)).toBe('checked by them')
      expect(requestsOf('GET')).toHaveLength(2)
    },
  )

  test('a listing continues at the page that failed', async () => {
    const keys = Array.from({ length: 1_003 }, (_, index) => String(index).padStart(6, '0'))
    for (let start = 0; start < keys.length; start += 200) {
      await Promise.all(keys.slice(start, start + 200).map((key) => direct.put(key, new Uint8Array())))
    }
    proxy.next('GET', slowDown, { path: /continuation-token/ })
    proxy.next('GET', { kind: 'truncate', bytes: 40 }, { path: /continuation-token/ })
    expect(await keysOf(store)).toEqual(keys)
    expect(requestsOf('GET')).toHaveLength(4)
  })

  describe('a deletion that fails for some keys', () => {
    const refusal = (code: string) => ({
      kind: 'answer' as const,
      status: 200,
      body: `<?xml version="1.0"?><DeleteResult><Error><Key>db/2</Key><Code>${code}</Code><Message>no</Message></Error></DeleteResult>`,
    })

    test('names one of them and the reason', async () => {
      proxy.next('POST', refusal('AccessDenied'), { times: 100 })
      const error = await store.deleteMany(['db/1', 'db/2']).catch((error) => error)
      expect(error).toMatchObject({ code: 'IOError', retryable: false })
      expect(error.message).toMatch(/delete 1 of 2 objects, first .*db\/2: access denied/)
      expect(proxy.seen).toHaveLength(1)
    })

    test('is repeated if that may help', async () => {
      await direct.put('db/2', bytes('x'))
      proxy.next('POST', refusal('InternalError'), { times: 2 })
      await store.deleteMany(['db/1', 'db/2'])
      expect(await keysOf(direct)).toEqual([])
    })
  })

  test.each([
    ['ExpiredToken', 400, { code: 'IOError', retryable: true }, 'the credentials have expired'],
    ['AccessDenied', 403, { code: 'IOError', retryable: false }, 's3:GetObject'],
    ['SignatureDoesNotMatch', 403, { code: 'IOError', retryable: false }, 'AWS_ACCESS_KEY_ID'],
    ['InvalidAccessKeyId', 403, { code: 'IOError', retryable: false }, 'AWS_ACCESS_KEY_ID'],
    ['NoSuchBucket', 404, { code: 'PathNotFound', retryable: false }, 'the bucket does not exist'],
    ['AuthorizationHeaderMalformed', 400, { code: 'InvalidArgument', retryable: false }, '"region"'],
    ['XMinioStorageFull', 507, { code: 'NoSpace', retryable: true }, 'the store is full'],
  ])('%s says what to do about it', async (code, status, expected, words) => {
    proxy.next('GET', { kind: 'answer', status, body: s3ErrorBody(code) }, { times: 100 })
    const error = await store.get('key').catch((error) => error)
    expect(error).toMatchObject(expected)
    expect(error.message).toContain(words)
    expect(error.message).toContain(code)
    expect(inspect(error, { depth: 9 })).not.toContain(secretAccessKey)
    expect(inspect(error, { depth: 9 })).not.toMatch(/Signature=|Credential=/)
  })

  // Without the right to list, a missing object looks like a refusal.
  const toRead = 's3:GetObject on it, and s3:ListBucket on the bucket where it may not be there'
  test.each<[method: string, needed: string, request: () => Promise<unknown>]>([
    ['GET', toRead, () => store.get('key')],
    ['HEAD', toRead, () => store.head('key')],
    ['GET', 's3:ListBucket on the bucket', () => keysOf(store)],
    ['PUT', 's3:PutObject on it', () => store.put('key', bytes('x'))],
    ['POST', 's3:DeleteObject on it', () => store.deleteMany(['key'])],
  ])('a refused %s names the permission that it needs, and no other: %s', async (method, needed, request) => {
    proxy.next(method, { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') })
    await expect(request()).rejects.toMatchObject({
      message: expect.stringMatching(`: access denied \\(HTTP 403, .*\\)\\. The credentials need ${needed}$`),
    })
  })

  test('a bucket in another region is named with its region', async () => {
    const headers = { 'x-amz-bucket-region': 'eu-north-1' }
    proxy.next('HEAD', { kind: 'answer', status: 301, headers }, { times: 100 })
    await expect(store.head('key')).rejects.toThrow(
      /the bucket is in eu-north-1.*AWS_REGION, --region.*"region"/,
    )
  })

  test('refusals leave no connection open', async () => {
    await direct.put('key', bytes('12345'))
    proxy.connections = 0
    for (let round = 0; round < 30; round++) {
      await store.get('none').catch(() => {})
      await store.get('key', { offset: 10, length: 10 })
      await store.put('key', bytes('x'), { condition: 'absent' }).catch(() => {})
    }
    expect(proxy.connections).toBe(1)
  })
})
