// Endless answers of a server: each ends in an error, soon and within bounded memory.
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '#src/env/clock.js'
import { S3Store } from '#src/store/s3-store.js'
import { s3ErrorBody } from '../support/fault-proxy.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { ManualClock } from '../support/manual-clock.js'
import { type Answer, SettableStore, xml } from '../support/settable-store.js'
import { bytes, keysOf } from './contract.js'

const MiB = 1024 * 1024

let server: SettableStore
let store: S3Store
beforeEach(async () => {
  server = await SettableStore.start()
  store = newStore(new ImpatientClock())
})
afterEach(async () => {
  store.close()
  await server.stop()
})

function newStore(clock: Clock): S3Store {
  return new S3Store({
    bucket: 'bucket',
    prefix: 'prefix',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    clock,
  })
}

/** Sends `start`, and then `piece` for as long as anybody reads. Returns how many bytes went out. */
function sendWithoutEnd(response: ServerResponse, start: string, piece: Buffer): () => number {
  let bytes = 0
  response.write(start)
  const more = () => {
    while (!response.destroyed) {
      bytes += piece.length
      if (!response.write(piece)) break
    }
  }
  response.on('drain', more)
  more()
  return () => bytes
}

const failureOf = (action: Promise<unknown>): Promise<Error> =>
  action.then(
    () => expect.fail('it succeeded'),
    (error) => error,
  )

describe('an answer without end', () => {
  test.each([200, 403, 503])('with status %d, in place of a listing, is cut', async (status) => {
    const sent: (() => number)[] = []
    server.manners = {
      answer(_call, response) {
        response.writeHead(status, { 'content-type': 'application/xml' })
        const start = status === 200 ? '<ListBucketResult><Name>bucket</Name>' : '<Error><Message>'
        sent.push(sendWithoutEnd(response, start, Buffer.alloc(64 * 1024, 'x')))
        return 'answered'
      },
    }
    const error = await failureOf(keysOf(store))
    expect(error).toMatchObject({ code: 'IOError', retryable: status === 503 })
    expect(error.message).toMatch(/the answer has more than \d+ bytes/)
    // Buffers of two sockets come on top of what is read.
    for (const bytes of sent) expect(bytes()).toBeLessThan(32 * MiB)
  })

  test.each([
    ['announced', { 'content-length': 8 * 1024 * MiB }, 80 * MiB],
    ['not announced', {}, 32 * MiB],
  ])('in place of a small object, %s, is cut', async (_title, length, maxBytes) => {
    server.manners = {
      answer(_call, response) {
        response.writeHead(200, { etag: '"1"', ...length })
        sendWithoutEnd(response, '', Buffer.alloc(MiB))
        return 'answered'
      },
    }
    const whole = await failureOf(store.get('key'))
    expect(whole).toMatchObject({ retryable: false })
    expect(whole.message).toContain(`longer than can be (more than ${maxBytes} bytes)`)
    expect(await failureOf(store.get('key', { offset: 0, length: 10 }))).toMatchObject({ retryable: false })
  })
})

test.each([
  ['an error text of 8 MiB', s3ErrorBody('AccessDenied', 'x'.repeat(8 * MiB))],
  ['an error code of 200 KB', s3ErrorBody('X'.repeat(200_000), 'x'.repeat(200))],
  ['80,000 elements inside each other', '<a>'.repeat(80_000)],
  ['what is no XML', '<Error><<<&&&]]>'],
])('%s fails one request, with a short message', async (_title, body) => {
  server.manners = { answer: () => ({ status: 403, headers: { 'content-type': 'application/xml' }, body }) }
  const error = await failureOf(store.get('key'))
  expect(error).toMatchObject({ name: 'EnvError' })
  expect(error.message.length).toBeLessThan(2_500)
  expect(`${error.cause}`.length).toBeLessThan(1_500)
})

test.each([
  ['put', () => store.put('key', bytes('x'))],
  ['put in parts', () => store.put('key', Buffer.alloc(73 * MiB))],
  ['get', () => store.get('key')],
  ['head', () => store.head('key')],
])('%s is refused where its answer has no ETag', async (_title, request) => {
  await store.put('key', bytes('x'))
  server.manners = {
    answer({ method, query }) {
      if (method === 'POST' && query.has('uploadId'))
        return xml('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>')
      if (method === 'POST' || query.has('partNumber')) return undefined
      return { headers: { 'content-length': 0 } }
    },
  }
  expect(await failureOf(request())).toMatchObject({
    code: 'NotSupported',
    retryable: false,
    message: expect.stringContaining('the answer has no ETag'),
  })
})

test('control characters in an error text are not shown', async () => {
  server.manners = {
    answer: () => ({ ...xml(s3ErrorBody('AccessDenied', 'red \u009b31m\u2028 and\nnext')), status: 403 }),
  }
  const error = await failureOf(store.get('key'))
  expect(error.message).toContain('red 31m and next')
})

describe('an impossible listing is refused:', () => {
  const entry = (key: string) =>
    `<Contents><Key>prefix/${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>1</Size></Contents>`
  const page = (entries: string, next?: string): Answer =>
    xml(
      '<ListBucketResult><Name>bucket</Name><KeyCount>1</KeyCount>',
      next === undefined
        ? '<IsTruncated>false</IsTruncated>'
        : `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>`,
      entries,
      '</ListBucketResult>',
    )
  let pages = 0
  beforeEach(() => {
    pages = 0
    store.close()
    // No time passes, however slow this machine is.
    store = newStore(new ManualClock())
  })

  test.each<[string, () => Answer]>([
    ['the same page again and again, with one token', () => page(entry('a'), 'token')],
    ['the same page again and again, with new tokens', () => page(entry('a'), `token${pages}`)],
    ['empty pages, with one token', () => page('', 'token')],
    ['empty pages, with new tokens', () => page('', `token${pages}`)],
    ['keys out of order', () => page(entry('b') + entry('a'))],
    ['a key twice', () => page(entry('a') + entry('a'))],
    ['keys that were not asked for', () => page(entry('a').replace('prefix/', 'other/'))],
    ['a key without a size', () => page(entry('a').replace(/<Size>.*<\/Size>/, ''))],
    ['a key without a time', () => page(entry('a').replace(/<LastModified>.*<\/LastModified>/, ''))],
    [
      'the same folders again and again',
      () => page('<CommonPrefixes><Prefix>prefix/a/</Prefix></CommonPrefixes>', `token${pages}`),
    ],
  ])('%s', async (_title, answer) => {
    server.manners = {
      answer: () => {
        pages++
        return answer()
      },
    }
    const error = await failureOf(keysOf(store))
    expect(error).toMatchObject({ code: 'NotSupported', retryable: false })
    expect(error.message).toMatch(/^list s3:\/\/bucket\/prefix\/: .*no listing of S3/)
    expect(pages).toBeLessThan(1100)
  })

  test('keys in order without end', async () => {
    let key = 0
    server.manners = {
      answer: () => page(entry(String(++key).padStart(10, '0')), `token${key}`),
    }
    const error = await failureOf(keysOf(store))
    expect(error).toMatchObject({ code: 'NotSupported', retryable: false })
    expect(error.message).toMatch(/the listing does not end after 5000 pages. Name a place further down/)
    expect(key).toBe(5000)
  })

  test('pages that trickle in for most of a minute', async () => {
    const clock = new ManualClock()
    const slow = newStore(clock)
    let key = 0
    server.manners = {
      answer() {
        // The store takes this long.
        clock.advance(20_000)
        return page(entry(String(++key).padStart(10, '0')), `token${key}`)
      },
    }
    const error = await failureOf(keysOf(slow))
    slow.close()
    expect(error).toMatchObject({ code: 'NotSupported', retryable: false })
    expect(error.message).toMatch(/the listing does not end in 45 s. Name a place further down/)
    expect(key).toBe(3)
  })

  test('but not a long one that keeps bringing objects', async () => {
    const clock = new ManualClock()
    const slow = newStore(clock)
    const last = 12
    let number = 0
    server.manners = {
      answer() {
        clock.advance(4_100)
        number += 1
        const entries = Array.from({ length: 1000 }, (_, at) => entry(`${10_000 + number} ${1000 + at}`))
        return page(entries.join(''), number < last ? `token${number}` : undefined)
      },
    }
    expect(await keysOf(slow)).toHaveLength(last * 1000)
    slow.close()
  })
})
