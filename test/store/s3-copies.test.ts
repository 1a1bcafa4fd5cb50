import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { copyDatabase } from '#src/index.js'
import { sdk } from '#src/store/aws-sdk.js'
import { S3Store } from '#src/store/s3-store.js'
import { digestOf } from '../support/database-digest.js'
import { Machine } from '../support/machine.js'
import { writeSound } from '../support/sound-database.js'
import { testStores } from '../support/test-stores.js'

describe.each(inject('servers'))('copies within S3, on $name', (server) => {
  const { name, endpoint, region, bucket, accessKeyId, secretAccessKey } = server
  const connection = { endpoint, region, credentials: { accessKeyId, secretAccessKey } }

  function storeIn(options: Partial<ConstructorParameters<typeof S3Store>[0]> = {}): S3Store {
    const store = new S3Store({ ...connection, bucket, prefix: randomUUID(), ...options })
    onTestFinished(() => store.close())
    return store
  }

  /** Another bucket, which is removed when the test ends. */
  function otherBucket(): string {
    const other = `cloudenv-${randomUUID()}`
    onTestFinished(async () => {
      const store = new S3Store({ ...connection, bucket: other })
      const keys: string[] = []
      for await (const { key } of store.list('')) keys.push(key)
      await store.deleteMany(keys)
      await store.close()
      const client = new sdk.S3Client({ ...connection, forcePathStyle: true })
      await client.send(new sdk.DeleteBucketCommand({ Bucket: other }))
      client.destroy()
    })
    return other
  }

  const partBytes = 5 * 2 ** 20

  test('an object that one request cannot copy is copied in parts, with its metadata', async () => {
    const store = storeIn({ maxCopyBytes: partBytes })
    const content = randomBytes(2 * partBytes + 1000)
    await store.put('source', content, { metadata: { dirname: 'db' } })
    const { etag } = await store.copy('source', 'target', { size: content.length })
    const copied = await store.get('target')
    expect(Buffer.compare(copied.body, content)).toBe(0)
    expect(copied.metadata.dirname).toBe('db')
    expect(copied.etag).toBe(etag)
    expect(copied.etag).toMatch(/-3"?$/)
    expect(await unfinished(store)).toEqual([])
  })

  test('a source that is gone is NotFound, and no parts are left', async () => {
    const store = storeIn({ maxCopyBytes: partBytes })
    await expect(store.copy('none', 'target', { size: 10 * partBytes })).rejects.toMatchObject({
      code: 'NotFound',
    })
    expect(await unfinished(store)).toEqual([])
  })

  test('objects are copied between buckets, whole and in parts', async () => {
    const source = storeIn()
    const target = storeIn({ bucket: otherBucket(), createBucketIfMissing: true, maxCopyBytes: partBytes })
    expect(target.copiesFrom(source)).toBe(true)
    expect(target.copiesFrom(storeIn({ credentials: { accessKeyId: 'x', secretAccessKey: 'y' } }))).toBe(
      false,
    )
    await source.put('small ä', Buffer.from('content'))
    const large = randomBytes(partBytes + 1)
    await source.put('large', large)
    await target.put('first', Buffer.from('makes the bucket'))
    await target.copy('small ä', 'copied', { from: source, size: 7 })
    await target.copy('large', 'copied large', { from: source, size: large.length })
    expect(Buffer.from((await target.get('copied')).body).toString()).toBe('content')
    expect(Buffer.compare((await target.get('copied large')).body, large)).toBe(0)
  })

  test('a database is copied to another bucket by the server', async () => {
    const store = testStores()
      .find((kind) => kind.name === name)!
      .make()
    await writeSound(store)
    const target = `s3://${otherBucket()}/prod/db`
    const options = { ...store.connection, createBucketIfMissing: true }
    const { isServerSide } = await copyDatabase(store.url('db'), target, { store: options })
    expect(isServerSide).toBe(true)
    const digest = await new Machine(store).open(digestOf, { readOnly: true })
    const machine = new Machine(store, { store: target.replace(/\/db$/, '') })
    expect(await machine.open(digestOf, { readOnly: true })).toEqual(digest)
  })
})

async function unfinished(store: S3Store): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for await (const upload of store.unfinishedUploads.list('')) found.push(upload)
  return found
}
