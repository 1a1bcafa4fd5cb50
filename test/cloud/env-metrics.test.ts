// What metrics() says of an Env that is called as the bridge calls it.
import { mkdir, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type CloudEnv, createCloudEnv } from '#src/cloud/cloud-env.js'
import { uploadMetrics } from '#src/cloud/env-metrics.js'
import type { LocalWritableFile } from '#src/env/env.js'
import { realSystem } from '#src/env/system.js'
import { newRoot } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { failure, type Manners, SettableStore } from '../support/settable-store.js'

let server: SettableStore
let clock: ManualClock
let env: CloudEnv
let root: string

async function start(manners: Manners): Promise<void> {
  clock = new ManualClock()
  root = newRoot()
  server = await SettableStore.start()
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const options = { store: 's3://bucket/p', root, endpoint: server.endpoint, credentials }
  env = await createCloudEnv(options, { system: { ...realSystem, clock } })
  await mkdir(join(root, 'a'))
  await env.lockFile(join(root, 'a/LOCK'))
  server.manners = manners
}

afterEach(async () => {
  await env.close()
  await server.stop()
})

/** Writes a table like RocksDB; its upload begins. */
async function writeTable(name: string, bytes: number): Promise<void> {
  const { path, sealed } = (await env.newWritableFile(join(root, 'a', name))) as LocalWritableFile
  await writeFile(path, Buffer.alloc(bytes, 1))
  await sealed!(bytes)
}

test('tables on their way into the store are counted, with their bytes and the age of the oldest', async () => {
  const held: ServerResponse[] = []
  await start({
    answer({ method }, response) {
      if (method !== 'PUT') return undefined
      held.push(response)
      return 'answered'
    },
  })
  expect(env.metrics().uploads).toEqual({ pending: 0, pendingBytes: 0, oldestMs: 0 })
  await writeTable('000009.sst', 1_000)
  clock.advance(2_000)
  await writeTable('000010.sst', 500)
  clock.advance(500)
  expect(env.metrics().uploads).toEqual({ pending: 2, pendingBytes: 1_500, oldestMs: 2_500 })
  await expect.poll(() => held.length).toBe(2)
  for (const response of held) response.writeHead(200, { etag: '"1"', 'x-amz-request-id': '1' }).end()
  await expect.poll(() => env.metrics().uploads).toEqual({ pending: 0, pendingBytes: 0, oldestMs: 0 })
})

test('no table is older than the present, wherever the clock was set', () => {
  const file = { place: { store: undefined as never, path: '' }, objectName: 'a', size: 1 }
  expect(uploadMetrics([{ ...file, modified: new Date(2_000) }], 1_000).oldestMs).toBe(0)
})

test('a store that throttles shows in the limit on its requests, which is undefined before', async () => {
  await start({ answer: ({ method }) => (method === 'PUT' ? failure(503, 'SlowDown') : undefined) })
  expect(env.metrics().throttling).toEqual({ concurrencyLimit: undefined, waitingRequests: 0 })
  await writeTable('000009.sst', 1_000)
  await expect.poll(() => env.metrics().throttling.concurrencyLimit).toBe(1)
  expect(env.metrics().store.put).toMatchObject({ errors: 1, throttled: 1 })
})

test('the requests of an opening are no errors, and have their price', async () => {
  await start({})
  const { store, requestCostUsd, fences } = env.metrics()
  expect(Object.values(store).map(({ errors }) => errors)).toEqual([0, 0, 0, 0, 0, 0])
  const { get, head, list } = store
  expect(requestCostUsd).toBeCloseTo((get.requests + head.requests) * 4e-7 + list.requests * 5e-6, 12)
  expect(requestCostUsd).toBeGreaterThan(0)
  expect(fences).toBe(0)
})
