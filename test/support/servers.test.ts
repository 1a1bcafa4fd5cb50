import { GetObjectCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, inject, test } from 'vitest'

describe.each(inject('servers'))('$name', (server) => {
  const { endpoint, region, accessKeyId, secretAccessKey, bucket, kmsKeyId } = server
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  })
  afterAll(() => client.destroy())

  test('has the bucket that all tests share', async () => {
    await expect(client.send(new HeadBucketCommand({ Bucket: bucket }))).resolves.toBeDefined()
  })

  test('listens on loopback', () => {
    expect(new URL(endpoint).hostname).toBe('127.0.0.1')
  })

  test.runIf(kmsKeyId)('encrypts with the key of its KMS', async () => {
    const object = { Bucket: bucket, Key: 'servers-test/encrypted' }
    await client.send(
      new PutObjectCommand({
        ...object,
        Body: 'secret',
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: kmsKeyId,
      }),
    )
    const { Body, ServerSideEncryption } = await client.send(new GetObjectCommand(object))
    expect(ServerSideEncryption).toBe('aws:kms')
    expect(await Body?.transformToString()).toBe('secret')
  })
})
