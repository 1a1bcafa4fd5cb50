import { randomUUID } from 'node:crypto'
import { describe, inject } from 'vitest'
import { S3Store } from '#src/store/s3-store.js'
import { describeStore } from './contract.js'

describe.each(inject('servers'))('S3Store on $name', (server) => {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server
  const connection = { endpoint, region, bucket, credentials: { accessKeyId, secretAccessKey } }
  let prefix: string
  describeStore({
    open: (onRequest) => {
      prefix = `store-test/${randomUUID()}`
      return new S3Store({ ...connection, prefix, ...(onRequest && { onRequest }) })
    },
    reopen: () => new S3Store({ ...connection, prefix }),
  })
})
