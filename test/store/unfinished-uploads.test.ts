import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { S3Store } from '#src/store/s3-store.js'
import type { UnfinishedUpload } from '#src/store/unfinished-uploads.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { AbandoningClient } from '../support/unfinished-upload.js'

describe.each(inject('servers'))('unfinished uploads on $name', (server) => {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server
  const client = new AbandoningClient(server)
  const prefix = `uploads-${randomUUID()}`
  const connection = { region, bucket, prefix, credentials: { accessKeyId, secretAccessKey } }
  const store = new S3Store({ ...connection, endpoint })
  afterAll(() => {
    store.close()
    client.stop()
  })

  const listed = async (of: S3Store, below: string) => {
    const found: UnfinishedUpload[] = []
    for await (const upload of of.unfinishedUploads.list(below)) found.push(upload)
    return found
  }

  test('are listed below a prefix, with their size, until they are aborted', async () => {
    const id = await client.begin(`${prefix}/db/000009.sst-abc`, 100_000)
    await client.begin(`${prefix}/other/a b&c ü`, 1)
    const found = await listed(store, 'db/')
    expect(found).toEqual([{ key: 'db/000009.sst-abc', id, started: expect.any(Date) }])
    expect(Math.abs(found[0]!.started.getTime() - Date.now())).toBeLessThan(600_000)
    expect(await store.unfinishedUploads.bytesOf(found[0]!)).toBe(100_000)
    expect((await listed(store, '')).map(({ key }) => key)).toEqual(['db/000009.sst-abc', 'other/a b&c ü'])

    await store.unfinishedUploads.abort(found[0]!)
    expect(await listed(store, 'db/')).toEqual([])
    await store.unfinishedUploads.abort(found[0]!)
    expect(await store.unfinishedUploads.bytesOf(found[0]!)).toBe(0)
  })

  test('of a bucket with more than one answer holds are requested by prefix', async () => {
    const page = (key: string, isTruncated: boolean) =>
      `<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult><Bucket>${bucket}</Bucket>` +
      `<NextKeyMarker>${key}</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>` +
      `<IsTruncated>${isTruncated}</IsTruncated><Upload><Key>${key}</Key><UploadId>1</UploadId>` +
      '<Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>'
    const proxy = await FaultProxy.start(endpoint)
    const many = new S3Store({ ...connection, endpoint: proxy.endpoint })
    const answer = (path: RegExp, body: string) =>
      proxy.next('GET', { kind: 'answer', status: 200, body }, { path })
    answer(/uploads(?!.*prefix=)/, page('aaa', true))
    answer(/prefix=(?!.*key-marker)/, page(`${prefix}/db/1`, true))
    answer(/key-marker=/, page(`${prefix}/db/2`, false))
    expect((await listed(many, 'db/')).map(({ key }) => key)).toEqual(['db/1', 'db/2'])
    many.close()
    await proxy.stop()
  })
})
