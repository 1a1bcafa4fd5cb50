import { expect, test } from 'vitest'
import { DirectoryStore } from '#src/store/directory-store.js'
import { openStore } from '#src/store/open-store.js'
import { S3Store } from '#src/store/s3-store.js'

test.each([
  ['s3://bucket', S3Store, 's3://bucket'],
  ['s3://bucket/', S3Store, 's3://bucket'],
  ['s3://my.bucket-1/prod/orders', S3Store, 's3://my.bucket-1/prod/orders'],
  ['s3://bucket//prod///orders/', S3Store, 's3://bucket/prod/orders'],
  ['file:///some/dir', DirectoryStore, 'file:///some/dir'],
  ['file:///some/dir/', DirectoryStore, 'file:///some/dir'],
  ['file:///with%20space', DirectoryStore, 'file:///with%20space'],
])('%s is opened', async (url, kind, normalized) => {
  const store = await openStore(url, { region: 'us-east-1' })
  expect(store).toBeInstanceOf(kind)
  expect(store.url).toBe(normalized)
  store.close()
})

test.each([
  ['', 'its scheme is neither s3 nor file'],
  ['./data', 'its scheme is neither s3 nor file'],
  ['/data', 'its scheme is neither s3 nor file'],
  ['http://bucket', 'its scheme is neither s3 nor file'],
  ['S3://bucket', 'its scheme is neither s3 nor file'],
  ['s3://', 'it names no bucket'],
  ['s3:///prefix', 'it names no bucket'],
  ['s3://b/prefix', 'its bucket has a name of fewer than 3 characters'],
  ['s3://b1', 'its bucket has a name of fewer than 3 characters'],
  ['s3://a b/prefix', 'it names no bucket'],
  ['s3://key:secret@bucket/prefix', 'it names no bucket'],
  ['s3://bucket/a/../b', 'its path has a segment "." or ".."'],
  ['file:///a/..', 'its path has a segment "." or ".."'],
  ['s3://bucket/a?region=eu-west-1', 'settings such as the region are options'],
  ['file:data', 'the directory must be an absolute path'],
  ['file://data/dir', 'the directory must be an absolute path'],
  ['file:///a%2fb', 'must not include encoded'],
])('%j is refused with the reason', async (url, reason) => {
  await expect(openStore(url)).rejects.toThrow(TypeError)
  await expect(openStore(url)).rejects.toThrow(reason)
  await expect(openStore(url)).rejects.toThrow('"s3://bucket/prefix" or "file:///directory"')
})
