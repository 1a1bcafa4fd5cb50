// Writers of one object on a real server, behind a proxy that loses, repeats, delays and refuses.
import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { CasObject, writeMark } from '#src/store/cas-object.js'
import { PreconditionFailed } from '#src/store/object-store.js'
import { S3Store } from '#src/store/s3-store.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { bytes, text } from './contract.js'

describe.each(inject('servers'))('an object that several writers replace, on $name', (server) => {
  let proxy: FaultProxy
  let store: S3Store
  /** Another client, without faults. */
  let direct: S3Store
  beforeAll(async () => {
    proxy = await FaultProxy.start(server.endpoint)
    return () => proxy.stop()
  })
  beforeEach(() => {
    proxy.reset()
    const { region, bucket, accessKeyId, secretAccessKey } = server
    const common = {
      region,
      bucket,
      prefix: `cas/${randomUUID()}`,
      credentials: { accessKeyId, secretAccessKey },
    }
    store = new S3Store({
      ...common,
      endpoint: proxy.endpoint,
      clock: new ImpatientClock(),
      idleTimeoutMs: 1000,
    })
    direct = new S3Store({ ...common, endpoint: server.endpoint })
    return () => {
      store.close()
      direct.close()
    }
  })

  const content = async () => text((await direct.get('key')).body)
  const outage = { kind: 'answer', status: 503, body: s3ErrorBody('SlowDown') } as const
  const refused = { kind: 'answer', status: 412, body: s3ErrorBody('PreconditionFailed') } as const

  describe.each(['create', 'replace'])('to %s it', (how) => {
    /** A writer that knows the present version. */
    const writer = async () => {
      if (how === 'create') return new CasObject(store, 'key')
      const { etag } = await direct.put('key', bytes('before'))
      return new CasObject(store, 'key', etag)
    }

    test('is a write like any other', async () => {
      const object = await writer()
      expect(await object.write(bytes('mine'))).toMatchObject({ kind: 'written' })
      expect(await object.write(bytes('mine, too'))).toMatchObject({ kind: 'written' })
      expect(await content()).toBe('mine, too')
      expect(await object.check()).toMatchObject({ kind: 'held' })
    })

    test('is recognized as its own if it was delivered twice and refused the second time', async () => {
      const object = await writer()
      proxy.next('PUT', { kind: 'deliverTwice' })
      expect(await object.write(bytes('mine'))).toMatchObject({ kind: 'written' })
      expect(await object.write(bytes('next'))).toMatchObject({ kind: 'written' })
      expect(await content()).toBe('next')
    })

    test('is recognized as its own if its answer was lost', async () => {
      const object = await writer()
      proxy.next('PUT', { kind: 'loseAnswer' })
      expect(await object.write(bytes('mine'))).toMatchObject({ kind: 'written' })
      expect(await content()).toBe('mine')
    })

    test('is recognized by the next write if all answers were lost', async () => {
      const object = await writer()
      proxy.next('PUT', { kind: 'loseAnswer' })
      proxy.next('PUT', outage, { times: Number.POSITIVE_INFINITY })
      await expect(object.write(bytes('mine'))).rejects.toMatchObject({ retryable: true })
      proxy.reset()
      expect(await object.write(bytes('next'))).toMatchObject({ kind: 'written' })
      expect(await content()).toBe('next')
    })

    test('has no effect when delivered again later: its condition names a version that is gone', async () => {
      const object = await writer()
      const known = how === 'create' ? 'absent' : { etag: (await direct.head('key')).etag }
      await object.write(bytes('mine'))
      await object.write(bytes('next'))
      await expect(direct.put('key', bytes('mine'), { condition: known })).rejects.toThrow(PreconditionFailed)
      expect(await object.check()).toMatchObject({ kind: 'held' })
      expect(await content()).toBe('next')
    })

    test('fails if somebody else was quicker, whatever they wrote', async () => {
      const object = await writer()
      await direct.put('key', bytes('mine'), { metadata: { [writeMark]: 'theirs' } })
      expect(await object.write(bytes('mine'))).toMatchObject({
        kind: 'lost',
        found: { metadata: { [writeMark]: 'theirs' } },
      })
      expect(await object.check()).toMatchObject({ kind: 'lost' })
    })

    test('fails if somebody replaced it before it could be confirmed', async () => {
      const object = await writer()
      proxy.next('PUT', { kind: 'deliverTwice' })
      const replaced = proxy.arrival(/^HEAD /).then(() => direct.put('key', bytes('theirs')))
      proxy.next('HEAD', { kind: 'hold', until: replaced })
      expect(await object.write(bytes('mine'))).toMatchObject({ kind: 'lost' })
      expect(await content()).toBe('theirs')
    })

    test('fails if a copy of another version has our mark', async () => {
      const object = await writer()
      await object.write(bytes('mine'))
      const { metadata } = await direct.head('key')
      await direct.put('key', bytes('restored'), { metadata })
      expect(await object.write(bytes('next'))).toMatchObject({ kind: 'lost' })
      expect(await content()).toBe('restored')
    })

    test('continues from a copy of our own version', async () => {
      const object = await writer()
      await object.write(bytes('mine'))
      const { metadata } = await direct.head('key')
      await direct.deleteMany(['key'])
      await direct.put('key', bytes('mine'), { metadata })
      expect(await object.check()).toMatchObject({ kind: 'held' })
      expect(await object.write(bytes('next'))).toMatchObject({ kind: 'written' })
    })

    test('does not retry forever if the store always refuses', async () => {
      const object = await writer()
      await object.write(bytes('mine'))
      proxy.next('PUT', refused, { times: Number.POSITIVE_INFINITY })
      await expect(object.write(bytes('next'))).rejects.toThrow('refuses to replace key although')
    })

    test('does not take a missing bucket for a missing object', async () => {
      const object = await writer()
      await object.write(bytes('mine'))
      proxy.next('HEAD', { kind: 'answer', status: 404 })
      proxy.next('GET', { kind: 'answer', status: 404, body: s3ErrorBody('NoSuchBucket') })
      await expect(object.check()).rejects.toMatchObject({ code: 'PathNotFound' })
      expect(await object.check()).toMatchObject({ kind: 'held' })
    })
  })

  test('many writers that continue from the version they know: each write happens once or not at all', async () => {
    const { etag } = await direct.put('key', bytes('0'))
    const kinds = [{ kind: 'deliverTwice' }, { kind: 'loseAnswer' }, { kind: 'drop' }, outage] as const
    for (const kind of [...kinds, ...kinds, ...kinds]) proxy.next('PUT', kind)
    const wins = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const object = new CasObject(store, 'key', etag)
        const outcome = await object.write(bytes(`writer ${index}`)).catch(() => undefined)
        return outcome?.kind === 'written' ? [`writer ${index}`] : []
      }),
    )
    expect(wins.flat()).toHaveLength(1)
    expect(await content()).toBe(wins.flat()[0])
  })
})
