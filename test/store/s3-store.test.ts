import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { systemClock } from '#src/env/clock.js'
import { encryptionParameters, type S3Encryption } from '#src/store/s3-encryption.js'
import { copyParts } from '#src/store/s3-parts.js'
import { S3Requests } from '#src/store/s3-requests.js'
import { S3Store, type S3StoreOptions } from '#src/store/s3-store.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { bytes, describeStore, keysOf, same, text } from './contract.js'

const MiB = 1024 * 1024

describe.each(inject('servers'))('S3Store on $name', (server) => {
  const { name, endpoint, region, bucket, accessKeyId, secretAccessKey, kmsKeyId } = server
  const connection = { endpoint, region, bucket, credentials: { accessKeyId, secretAccessKey } }
  let prefix: string
  describeStore({
    open: (onRequest) => {
      prefix = `store-test/${randomUUID()}`
      return new S3Store({ ...connection, prefix, ...(onRequest && { onRequest }) })
    },
    reopen: () => new S3Store({ ...connection, prefix }),
  })

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
    })
    beforeEach(() => {
      prefix = `store-test/${randomUUID()}`
    })
    afterEach(() => {
      for (const store of opened.splice(0)) store.close()
    })
    afterAll(() => {
      client.destroy()
      rmSync(directory, { recursive: true, force: true })
    })

    test('a store without a prefix is the whole bucket', async () => {
      const whole = open({ prefix: '' })
      const part = open()
      await part.put('db/key', bytes('1'))
      expect(text((await whole.get(`${prefix}/db/key`)).body)).toBe('1')
      expect(await keysOf(whole, `${prefix}/`)).toEqual([`${prefix}/db/key`])
      expect([part.url, whole.url]).toEqual([`s3://${bucket}/${prefix}`, `s3://${bucket}`])
    })

    test('what S3 gets is a plain object with a CRC-32', async () => {
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

    test('an object of many parts is whole, conditional, and has its metadata', async () => {
      const store = open()
      const content = Buffer.alloc(70 * MiB + 12_345, 'The quick brown fox. ')
      const file = join(directory, 'large')
      writeFileSync(file, content)
      const { etag } = await store.put(
        'large',
        { file, size: content.length },
        { condition: 'absent', metadata: { a: '1' } },
      )
      expect(await store.head('large')).toMatchObject({ etag, size: content.length, metadata: { a: '1' } })
      expect(same((await store.get('large')).body, content)).toBe(true)
      expect(text((await store.get('large', { offset: 66 * MiB, length: 3 })).body)).toBe(
        content.toString('latin1', 66 * MiB, 66 * MiB + 3),
      )
      await expect(store.put('large', content, { condition: 'absent' })).rejects.toMatchObject({
        code: 'Busy',
      })
      const second = await store.put('large', content.fill('x'), { condition: { etag } })
      await expect(store.put('large', content, { condition: { etag } })).rejects.toMatchObject({
        code: 'Busy',
      })
      expect((await store.head('large')).etag).toBe(second.etag)
    })

    test('what is too large for one request is copied in parts, inside the store', async () => {
      const store = open()
      const content = Buffer.alloc(12 * MiB, 'abcdefg')
      await store.put('source', content, { metadata: { a: '1' } })
      const source = await store.head('source')
      const parts = await copyParts(
        {
          requests: new S3Requests({
            client,
            url: store.url,
            clock: systemClock,
            random: Math.random,
            onRequest: undefined,
          }),
          bucket,
          key: 'target',
          fullKey: `${prefix}/target`,
          metadata: source.metadata,
          encryption: encryptionParameters(undefined),
        },
        source,
        `${bucket}/${prefix}/source`,
        5 * MiB,
      )
      const copied = await parts.complete({})
      expect(await store.head('target')).toMatchObject({ etag: copied, size: 12 * MiB, metadata: { a: '1' } })
      expect(same((await store.get('target')).body, content)).toBe(true)
    })

    test('keys that no store of ours could have written are left out of listings', async () => {
      const hostile = ['db/\u0001\u001b[2J', 'a//b', '../escape', 'a/../b', './c', 'dir/', 'db/..']
      let taken = 0
      for (const key of ['db/good', ...hostile]) {
        // MinIO refuses most of them, LocalStack takes them all.
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
          await store.put('key', Buffer.alloc(65 * MiB, 'x'))
          expect(await stored()).toMatchObject({ ServerSideEncryption: expected, ContentLength: 65 * MiB })
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
        await store.put('key', Buffer.alloc(65 * MiB, 'x'))
        expect((await store.head('key')).size).toBe(65 * MiB)
      })

      test('with a key of another length is refused at once, without showing it', () => {
        const bad = { encryption: { type: 'sse-c', key: Buffer.from('too short') } } as const
        expect(() => open(bad)).toThrow('expected "encryption.key" to be 32 bytes')
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

      // LocalStack takes any credentials, and any region.
      test.runIf(name === 'minio')('for wrong credentials says what to check, and shows none', async () => {
        for (const credentials of [
          { accessKeyId: 'unknown-key', secretAccessKey: 'whatever-secret' },
          { accessKeyId, secretAccessKey: 'whatever-secret' },
        ]) {
          const store = open({ credentials })
          const error = await store.get('key').catch((error) => error)
          expect(error).toMatchObject({ code: 'IOError', retryable: false })
          expect(error.message).toMatch(
            /does not accept the credentials .*HTTP 403.*request id .*AWS_ACCESS_KEY_ID/,
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

      test('for missing credentials says how to give some', async () => {
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
