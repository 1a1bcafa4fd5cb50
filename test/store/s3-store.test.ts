import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import type { S3Encryption } from '#src/store/s3-encryption.js'
import { S3Store, type S3StoreOptions } from '#src/store/s3-store.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { bytes, keysOf, same, testContract, text } from './contract.js'

const MiB = 1024 * 1024

describe.each(inject('servers'))('S3Store on $name', (server) => {
  const { name, endpoint, region, bucket, accessKeyId, secretAccessKey, kmsKeyId } = server
  const connection = { endpoint, region, bucket, credentials: { accessKeyId, secretAccessKey } }
  testContract((place) => new S3Store({ ...connection, prefix: `store-test/${place}` }))

  let prefix: string

  describe('besides', () => {
    const opened: S3Store[] = []
    const open = (options: Partial<S3StoreOptions> = {}) => {
      const store = new S3Store({ ...connection, prefix, ...options })
      opened.push(store)
      return store
    }
    const client = new S3Client({ ...connection, forcePathStyle: true })
    let directory: string
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'cloudenv-s3-'))
      return () => rmSync(directory, { recursive: true, force: true })
    })
    beforeEach(() => {
      prefix = `store-test/${randomUUID()}`
    })
    afterEach(() => {
      for (const store of opened.splice(0)) store.close()
    })
    afterAll(() => client.destroy())

    test('a store without a prefix is the whole bucket', async () => {
      const whole = open({ prefix: '' })
      const part = open()
      await part.put('db/key', bytes('1'))
      expect(text((await whole.get(`${prefix}/db/key`)).body)).toBe('1')
      expect(await keysOf(whole, `${prefix}/`)).toEqual([`${prefix}/db/key`])
      expect([part.url, whole.url]).toEqual([`s3://${bucket}/${prefix}`, `s3://${bucket}`])
    })

    test('S3 receives a plain object with a CRC-32', async () => {
      await open().put('key', bytes('content'), { metadata: { dirname: 'db' } })
      const output = await client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}/key`, ChecksumMode: 'ENABLED' }),
      )
      expect(output).toMatchObject({
        ContentLength: 7,
        Metadata: { dirname: 'db' },
        ChecksumCRC32: '/sUwqQ==',
      })
    })

    const largeFile = (content: Uint8Array) => {
      const file = join(directory, randomUUID())
      writeFileSync(file, content)
      return { file, size: content.length }
    }

    test.each(['file', 'bytes'])(
      'an object of many parts, from %s, is whole and has its metadata',
      async (from) => {
        const store = open()
        const content = Buffer.alloc(74 * MiB + 12_345, 'The quick brown fox. ')
        const body = from === 'file' ? largeFile(content) : content
        const { etag } = await store.put('large', body, { metadata: { a: '1' } })
        expect(await store.head('large')).toMatchObject({ etag, size: content.length, metadata: { a: '1' } })
        expect(same((await store.get('large')).body, content)).toBe(true)
        expect(text((await store.get('large', { offset: 72 * MiB, length: 3 })).body)).toBe(
          content.toString('latin1', 72 * MiB, 72 * MiB + 3),
        )
        expect(etag).toMatch(/-5"$/)
      },
    )

    test('the error says which file cannot be put, and why', async () => {
      const body = largeFile(bytes('12345'))
      await expect(open().put('short', { ...body, size: 6 })).rejects.toThrow('has 5 bytes, expected 6')
      const none = { file: join(directory, 'none'), size: 6 }
      await expect(open().put('none', none)).rejects.toMatchObject({
        code: 'IOError',
        message: expect.stringContaining('cannot read'),
      })
    })

    test('a write aborted before it begins is an EnvError', async () => {
      const error = await open()
        .put('key', bytes('new'), { signal: AbortSignal.abort() })
        .catch((error: unknown) => error)
      expect(EnvError.is(error)).toBe(true)
    })

    test('a large object is written conditionally', async () => {
      const store = open()
      const body = largeFile(Buffer.alloc(73 * MiB, 'x'))
      const { etag } = await store.put('large', body, { condition: 'absent' })
      await expect(store.put('large', body, { condition: 'absent' })).rejects.toMatchObject({ code: 'Busy' })
      const second = await store.put('large', Buffer.alloc(73 * MiB, 'y'), { condition: { etag } })
      await expect(store.put('large', body, { condition: { etag } })).rejects.toMatchObject({ code: 'Busy' })
      expect((await store.head('large')).etag).toBe(second.etag)
    })

    test('keys that no store of ours could have written are left out of listings', async () => {
      const hostile = ['db/\u0001\u001b[2J', 'a//b', '../escape', 'a/../b', './c', 'dir/', 'db/..']
      let taken = 0
      for (const key of ['db/good', ...hostile]) {
        // MinIO refuses most of them, LocalStack accepts them all.
        await client
          .send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}/${key}`, Body: 'xyz' }))
          .then(() => (taken += 1))
          .catch((error) => expect(error.$metadata.httpStatusCode).toBe(400))
      }
      const leftOut: number[] = []
      expect(await keysOf(open(), '', { onLeftOut: (size) => leftOut.push(size) })).toEqual(['db/good'])
      expect(leftOut).toEqual(Array.from({ length: taken - 1 }, () => 3))
    })

    describe('encryption', () => {
      const stored = async (extra: object = {}) =>
        client.send(new GetObjectCommand({ Bucket: bucket, Key: `${prefix}/key`, ...extra }))

      // LocalStack runs without its key service.
      const kinds: (readonly [string, S3Encryption, string])[] = [
        ['sse-s3', { type: 'sse-s3' }, 'AES256'],
        ...(kmsKeyId ? [['sse-kms', { type: 'sse-kms', keyId: kmsKeyId }, 'aws:kms'] as const] : []),
      ]
      test.each(kinds)(
        '%s applies to all that is written, and reading needs nothing',
        async (_title, encryption, expected) => {
          const store = open({ encryption })
          await store.put('key', bytes('secret'))
          expect(await stored()).toMatchObject({ ServerSideEncryption: expected })
          await store.copy('key', 'key2')
          expect(text((await open().get('key2')).body)).toBe('secret')
          await store.put('key', Buffer.alloc(73 * MiB, 'x'))
          expect(await stored()).toMatchObject({ ServerSideEncryption: expected, ContentLength: 73 * MiB })
        },
      )

      // MinIO wants https for it.
      test.runIf(name === 'localstack')('sse-c needs the key for everything', async () => {
        const key = Buffer.alloc(32, 7)
        const store = open({ encryption: { type: 'sse-c', key } })
        await store.put('key', bytes('secret'), { condition: 'absent' })
        await store.copy('key', 'key2')
        expect(text((await store.get('key2', { offset: 1, length: 3 })).body)).toBe('ecr')
        expect((await store.head('key')).size).toBe(6)
        await expect(open().get('key')).rejects.toMatchObject({ code: 'InvalidArgument' })
        await store.put('key', Buffer.alloc(73 * MiB, 'x'))
        expect((await store.head('key')).size).toBe(73 * MiB)
      })

      test('with a key of another length is refused at once, without showing it', () => {
        const bad = { encryption: { type: 'sse-c', key: Buffer.from('too short') } } as const
        expect(() => open(bad)).toThrow('expected "encryption.key" to be a Uint8Array of 32 bytes, got 9')
        expect(() => open({ encryption: { type: 'rot13' } as never })).toThrow('got "rot13"')
      })
    })

    describe('an error', () => {
      test('for a bucket that does not exist says so', async () => {
        const store = open({ bucket: 'cloudenv-no-such-bucket' })
        await expect(store.put('key', bytes('x'))).rejects.toThrow('the bucket does not exist')
        await expect(store.put('key', bytes('x'), { condition: { etag: '"0"' } })).rejects.toMatchObject({
          code: 'PathNotFound',
        })
        await expect(keysOf(store)).rejects.toThrow('the bucket does not exist')
        await expect(store.get('key')).rejects.toMatchObject({ code: 'PathNotFound' })
      })

      // LocalStack accepts any credentials and any region.
      test.runIf(name === 'minio')('for wrong credentials says what to check, and shows none', async () => {
        for (const credentials of [
          { accessKeyId: 'unknown-key', secretAccessKey: 'whatever-secret' },
          { accessKeyId, secretAccessKey: 'whatever-secret' },
        ]) {
          const store = open({ credentials })
          const error = await store.get('key').catch((error) => error)
          expect(error).toMatchObject({ code: 'IOError', retryable: false })
          expect(error.message).toMatch(
            /does not accept the credentials.*HTTP 403.*request id .*AWS_ACCESS_KEY_ID/,
          )
          expect(inspect(error, { depth: 9 })).not.toContain('whatever-secret')
          await expect(store.head('key')).rejects.toMatchObject({ code: 'IOError', retryable: false })
        }
      })

      test.runIf(name === 'minio')('for the wrong region names the option', async () => {
        await expect(open({ region: 'eu-west-1' }).get('key')).rejects.toMatchObject({
          code: 'InvalidArgument',
          message: expect.stringContaining('"region"'),
        })
      })

      test('for missing credentials says how to provide them', async () => {
        const { credentials: _, ...anonymous } = connection
        const store = new S3Store({
          ...anonymous,
          profile: 'cloudenv-no-such-profile',
          clock: new ImpatientClock(),
        })
        await expect(store.get('key')).rejects.toMatchObject({
          code: 'IOError',
          retryable: false,
          message: expect.stringMatching(/there are no credentials .*AWS_ACCESS_KEY_ID/),
        })
        store.close()
      })
    })
  })
})
