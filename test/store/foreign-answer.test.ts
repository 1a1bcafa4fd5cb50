import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { ObjectStore } from '#src/store/object-store.js'
import { S3Store } from '#src/store/s3-store.js'
import { s3ErrorBody } from '../support/fault-proxy.js'
import { keysOf } from './contract.js'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** A store at an endpoint where anything may listen. */
async function storeAt(answer: RequestListener): Promise<{ store: ObjectStore; endpoint: string }> {
  const server = createServer((request, response) => {
    request.resume()
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const store = new S3Store({ bucket: 'bucket', prefix: 'prod', endpoint, credentials, random: () => 0 })
  stops.push(() => {
    store.close()
    server.close()
    server.closeAllConnections()
  })
  return { store, endpoint }
}

function answering(status: number, headers: Record<string, string>, body: string): RequestListener {
  return ({ method }, response) => {
    response.writeHead(status, headers)
    response.end(method === 'HEAD' ? undefined : body)
  }
}

const requests: Readonly<Record<string, (store: ObjectStore) => Promise<unknown>>> = {
  list: (store) => keysOf(store),
  get: (store) => store.get('CLOUDMANIFEST'),
  head: (store) => store.head('CLOUDMANIFEST'),
  put: (store) => store.put('CLOUDMANIFEST', Buffer.from('x'), { condition: 'absent' }),
  delete: (store) => store.deleteMany(['CLOUDMANIFEST']),
  copy: (store) => store.copy('CLOUDMANIFEST', 'copy'),
}

const html = { 'content-type': 'text/html; charset=utf-8' }
const page = '<!DOCTYPE html><html><head><meta charset="utf-8"><title>Hello</title></head><br></html>'
const wellFormedPage = '<html><head><title>Hello</title></head><body><p>Name</p></body></html>'

describe.each<[title: string, answer: RequestListener, said: string]>([
  ['a page', answering(200, html, page), '(HTTP 200, text/html)'],
  ['a well-formed page', answering(200, html, wellFormedPage), '(HTTP 200, text/html)'],
  ['a file of a web site', answering(200, { ...html, etag: '"1"' }, page), '(HTTP 200, text/html)'],
  ['JSON', answering(200, { 'content-type': 'application/json' }, '{"a":1}'), '(HTTP 200, application/json)'],
  ['a page that is not there', answering(404, html, page), '(HTTP 404, text/html)'],
  ['a text that says so', answering(404, { 'content-type': 'text/plain' }, '404'), '(HTTP 404, text/plain)'],
  ['a page that forbids', answering(403, html, wellFormedPage), '(HTTP 403, text/html)'],
  ['a page elsewhere', answering(301, { ...html, location: '/login' }, page), '(HTTP 301, text/html)'],
  ['a page that knows no such method', answering(501, html, page), '(HTTP 501, text/html)'],
])('%s in answer', (_title, answer, said) => {
  test.each(Object.keys(requests))('to %s is not from S3, and says so', async (operation) => {
    const { store, endpoint } = await storeAt(answer)
    const reason = `: ${endpoint} does not answer as S3 does ${said}. Check the endpoint`
    await expect(requests[operation]!(store)).rejects.toMatchObject({
      name: 'EnvError',
      code: 'IOError',
      retryable: false,
      message: expect.toSatisfy(
        (message) => message.startsWith(`${operation} s3://bucket/prod/`) && message.includes(reason),
      ),
    })
  })
})

describe('an answer', () => {
  const xml = { 'content-type': 'application/xml' }
  test.each([
    ['that is empty', answering(200, {}, '')],
    ['of XML that S3 does not have', answering(200, xml, '<feed><title>Hello</title></feed>')],
    ['of XML that says no without a code', answering(404, xml, wellFormedPage)],
  ])('to a listing %s is not from S3', async (_title, answer) => {
    const { store } = await storeAt(answer)
    await expect(keysOf(store)).rejects.toThrow('does not answer as S3 does')
  })

  test('counts as S3 without the headers that only Amazon sends', async () => {
    const list = '<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>'
    expect(await keysOf((await storeAt(answering(200, xml, list))).store)).toEqual([])
    const { store: without } = await storeAt(answering(404, xml, s3ErrorBody('NoSuchKey')))
    await expect(without.get('key')).rejects.toMatchObject({ code: 'NotFound' })
    await expect(without.head('key')).rejects.toMatchObject({ code: 'NotFound' })
    const { store: no } = await storeAt(answering(404, xml, s3ErrorBody('NoSuchBucket')))
    await expect(keysOf(no)).rejects.toMatchObject({ code: 'PathNotFound' })
    const object = answering(200, { etag: '"1"', 'content-type': 'binary/octet-stream' }, 'content')
    const { store: found } = await storeAt(object)
    expect(await found.get('key')).toMatchObject({ size: 7, etag: '"1"' })
    expect(await found.put('key', Buffer.from('x'))).toEqual({ etag: '"1"' })
  })
})

test('http in place of https is reported', async () => {
  const { endpoint } = await storeAt(answering(200, html, page))
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const store = new S3Store({ bucket: 'bucket', endpoint: endpoint.replace('http:', 'https:'), credentials })
  await expect(store.get('key')).rejects.toMatchObject({
    code: 'IOError',
    message: expect.stringMatching(
      /^get s3:\/\/bucket\/key: the server speaks no TLS \(wrong version number\)\. Write http:\/\/ instead of https:\/\/ in the endpoint/,
    ),
  })
  store.close()
})

test('a gateway that cannot reach S3 is retried', async () => {
  let refusals = 2
  const { store } = await storeAt((request, response) => {
    if (refusals-- > 0) return answering(502, html, page)(request, response)
    answering(200, { etag: '"1"' }, 'content')(request, response)
  })
  expect(await store.head('key')).toMatchObject({ etag: '"1"' })
})
