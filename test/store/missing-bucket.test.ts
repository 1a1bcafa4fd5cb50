import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { cloudEnv, RocksDB } from '#src/index.js'
import { sdk } from '#src/store/aws-sdk.js'
import { S3Store } from '#src/store/s3-store.js'
import { newRoot } from '../support/machine.js'
import { SettableStore } from '../support/settable-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe.each(inject('servers'))('a bucket that is missing, on $name', (server) => {
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const connection = { endpoint, region, credentials: { accessKeyId, secretAccessKey } }

  /** A name that no bucket has. A bucket of that name is removed when the test ends. */
  function newBucket(): string {
    const bucket = `cloudenv-${randomUUID()}`
    onTestFinished(async () => {
      const client = new sdk.S3Client({ ...connection, forcePathStyle: true })
      const store = new S3Store({ ...connection, bucket })
      const keys: string[] = []
      for await (const { key } of store.list('')) keys.push(key)
      await store.deleteMany(keys)
      await store.close()
      await client.send(new sdk.DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
    })
    return bucket
  }

  test('is created once, by the first requests that find it missing, with the option', async () => {
    const bucket = newBucket()
    const store = new S3Store({ ...connection, bucket, createBucketIfMissing: true })
    const other = new S3Store({ ...connection, bucket, createBucketIfMissing: true })
    const puts = [store, other, store, other].map((at, n) => at.put(`key${n}`, Buffer.from('x')))
    await Promise.all(puts)
    const keys: string[] = []
    for await (const { key } of store.list('')) keys.push(key)
    expect(keys).toEqual(['key0', 'key1', 'key2', 'key3'])
    await store.close()
    await other.close()
  })

  test('is an error without it', async () => {
    const store = new S3Store({ ...connection, bucket: `cloudenv-${randomUUID()}` })
    await expect(store.put('key', Buffer.from('x'))).rejects.toMatchObject({ code: 'PathNotFound' })
    await store.close()
  })

  test('is created when an Env opens the first database', async () => {
    const root = newRoot()
    const bucket = newBucket()
    const env = cloudEnv({ ...connection, store: `s3://${bucket}/prod`, root, createBucketIfMissing: true })
    const db = await RocksDB.open(join(root, 'db'), { env })
    await db.put('a', '1')
    await db.close()
    await env.close()
    const store = new S3Store({ ...connection, bucket })
    expect((await store.head('prod/db/CLOUDMANIFEST')).size).toBeGreaterThan(0)
    await store.close()
  })
})

test('a bucket of somebody else is no bucket of ours', async () => {
  const server = await SettableStore.start({
    answer: ({ key, method }) => {
      const code = key === '' && method === 'PUT' ? 'BucketAlreadyExists' : 'NoSuchBucket'
      return { status: code === 'NoSuchBucket' ? 404 : 409, body: `<Error><Code>${code}</Code></Error>` }
    },
  })
  onTestFinished(() => server.stop())
  const store = new S3Store({
    endpoint: server.endpoint,
    bucket: 'taken',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    createBucketIfMissing: true,
  })
  await expect(store.put('key', Buffer.from('x'))).rejects.toMatchObject({
    code: 'InvalidArgument',
    message: expect.stringContaining('somebody else has a bucket of that name'),
  })
  await store.close()
})

test('the region of the connection is that of the bucket', async () => {
  const server = await SettableStore.start({
    answer: ({ key }) =>
      key === '' ? { status: 200 } : { status: 404, body: '<Error><Code>NoSuchBucket</Code></Error>' },
  })
  onTestFinished(() => server.stop())
  const store = new S3Store({
    endpoint: server.endpoint,
    region: 'eu-central-1',
    bucket: 'new-bucket',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    createBucketIfMissing: true,
  })
  await expect(store.put('key', Buffer.from('x'))).rejects.toMatchObject({ code: 'PathNotFound' })
  const creation = server.calls.find(({ key, method }) => key === '' && method === 'PUT')
  expect(creation?.body.toString()).toContain('<LocationConstraint>eu-central-1</LocationConstraint>')
  await store.close()
})

test('the option is refused for a store in a directory', () => {
  const directory = temporaryDirectory()
  const options = { store: `file://${directory}`, root: newRoot(), createBucketIfMissing: true }
  expect(() => cloudEnv(options)).toThrow(/"createBucketIfMissing" with a store in S3 only/)
})
