// Uploads in parts that fail: the caller's error, and that no part stays behind.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { S3Store } from '#src/store/s3-store.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { failure, SettableStore } from '../support/settable-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { keysOf } from './contract.js'

const MiB = 1024 * 1024

const largeFile = () => {
  const file = join(temporaryDirectory('cloudenv-uploads'), randomUUID())
  const content = Buffer.alloc(73 * MiB, 'abcdefg')
  writeFileSync(file, content)
  return { file, size: content.length }
}

describe.each(inject('servers'))('an upload in parts to $name', (server) => {
  const { endpoint, accessKeyId, secretAccessKey, region, bucket } = server
  let proxy: FaultProxy
  let store: S3Store
  /** Another client, without faults. */
  let direct: S3Store
  beforeAll(async () => {
    proxy = await FaultProxy.start(endpoint)
    return () => proxy.stop()
  })
  beforeEach(() => {
    proxy.reset()
    const prefix = `uploads-${randomUUID()}`
    const options = { region, bucket, prefix, credentials: { accessKeyId, secretAccessKey } }
    store = new S3Store({ ...options, endpoint: proxy.endpoint })
    direct = new S3Store({ ...options, endpoint })
    return () => Promise.all([store.close(), direct.close()])
  })

  const expectNothingLeft = async () => {
    expect(await keysOf(direct)).toEqual([])
    for await (const upload of direct.unfinishedUploads.list('')) expect.fail(`left: ${upload.key}`)
  }
  const requestsOf = (pattern: RegExp) => proxy.seen.filter((line) => pattern.test(line))

  test('that is aborted while parts are on their way leaves none', async () => {
    proxy.next('PUT', { kind: 'hang' }, { path: /partNumber/, times: 9 })
    const abort = new AbortController()
    const arrived = Promise.all([1, 2, 3, 4].map((part) => proxy.arrival(new RegExp(`partNumber=${part}`))))
    const outcome = store.put('large', largeFile(), { signal: abort.signal }).catch((error) => error)
    await arrived
    abort.abort()
    expect(await outcome).toMatchObject({ code: 'IOError', retryable: true })
    expect((await outcome).message).toContain(`put s3://${bucket}/`)
    expect((await outcome).message).toContain('aborted')
    await store.close()
    // No more than these are held in memory.
    expect(requestsOf(/partNumber/)).toHaveLength(4)
    await expectNothingLeft()
  })

  test('whose parts arrive after it was aborted leaves none', async () => {
    let release: (value?: unknown) => void = () => {}
    const until = new Promise((resolve) => {
      release = resolve
    })
    proxy.next('PUT', { kind: 'hold', until }, { path: /partNumber/, times: 9 })
    const abort = new AbortController()
    const [arrived, aborted] = [proxy.arrival(/partNumber=4/), proxy.arrival(/^DELETE/)]
    const outcome = store.put('large', largeFile(), { signal: abort.signal }).catch((error) => error)
    await arrived
    abort.abort()
    await aborted
    release()
    expect(await outcome).toMatchObject({ code: 'IOError', retryable: true })
    await store.close()
    await expectNothingLeft()
  })

  test('that is aborted before the server began it leaves nothing there', async () => {
    let release: (value?: unknown) => void = () => {}
    const until = new Promise((resolve) => {
      release = resolve
    })
    proxy.next('POST', { kind: 'hold', until })
    const abort = new AbortController()
    const arrived = proxy.arrival(/^POST/)
    const outcome = store.put('large', largeFile(), { signal: abort.signal }).catch((error) => error)
    await arrived
    abort.abort()
    expect(await outcome).toMatchObject({ code: 'IOError', retryable: true })
    release()
    await store.close()
    expect(requestsOf(/^DELETE/)).toHaveLength(1)
    await expectNothingLeft()
  })

  test('ends when the store is closed, and leaves no part', async () => {
    proxy.next('PUT', { kind: 'hang' }, { path: /partNumber=3/ })
    const arrived = proxy.arrival(/partNumber=5/)
    const outcome = store.put('large', largeFile()).catch((error) => error)
    await arrived
    await store.close()
    expect(await outcome).toMatchObject({ code: 'IOError', retryable: true })
    expect((await outcome).message).toContain('the store was closed')
    await expectNothingLeft()
  })

  test('of a file shorter than announced leaves no part', async () => {
    const { file, size } = largeFile()
    await expect(store.put('large', { file, size: size + 1 })).rejects.toMatchObject({
      code: 'IOError',
      message: `${file} has ${size} bytes, expected ${size + 1}`,
    })
    await expectNothingLeft()
  })

  test('fails with its first error, even if freeing the parts fails', async () => {
    const refused = { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') } as const
    proxy.next('PUT', refused, { path: /partNumber=2/ })
    proxy.next('DELETE', refused)
    await expect(store.put('large', largeFile())).rejects.toThrow(
      /^put .*\/large: access denied .*s3:PutObject on it$/,
    )
    expect(requestsOf(/^DELETE/)).toHaveLength(1)
  })
})

test('a part that arrived after the abort is freed', async () => {
  const server = await SettableStore.start()
  const store = new S3Store({
    bucket: 'bucket',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
  let aborts = 0
  server.manners = {
    answer: ({ method, query }) => {
      if (query.get('partNumber') === '3') return failure(403, 'AccessDenied')
      // The others seem to arrive right after it.
      return method === 'DELETE' && aborts++ === 0 ? { status: 204 } : undefined
    },
  }
  await expect(store.put('large', largeFile())).rejects.toThrow('access denied')
  expect(aborts).toBe(2)
  expect(server.uploads.size).toBe(0)
  await store.close()
  await server.stop()
})
