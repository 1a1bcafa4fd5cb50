import { afterAll, describe, expect, test } from 'vitest'
import type { DiskUsage } from '#src/inspect/disk-usage-report.js'
import type { GarbageReport } from '#src/inspect/garbage-report.js'
import { runCommand } from '../support/command-runner.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { Machine } from '../support/machine.js'
import { cliAccess, testStores } from '../support/test-stores.js'
import { AbandoningClient } from '../support/unfinished-upload.js'

const servers = testStores().filter(({ name }) => name !== 'directory')

describe.each(servers)('unfinished uploads on $name', ({ make }) => {
  const store = make()
  const { options, env } = cliAccess(store)
  const client = AbandoningClient.of(store.connection.endpoint)
  afterAll(() => client.stop())
  const keyOf = (name: string) => new URL(store.url(name)).pathname.slice(1)
  const run = (command: string, path: string, ...more: string[]) =>
    runCommand([command, store.url(path), ...options, ...more], env)

  test('are shown by gc, with their size and how to abort them', async () => {
    await new Machine(store).open((db) => db.put('a', '1'))
    expect((await run('gc', 'db')).stdout).not.toContain('unfinished')
    const id = await client.begin(keyOf('db/000900.sst-abc'), 2048)
    await client.begin(keyOf('db/deeper/000900.sst-abc'), 1)

    const { code, stdout } = await run('gc', 'db')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}1 unfinished upload, 2\.0 KiB, the oldest begun \d+ s ago$/m)
    expect(stdout).toContain('AbortIncompleteMultipartUpload')
    const { host } = new URL(store.url())
    const key = keyOf('db/000900.sst-abc')
    expect(stdout).toContain(
      `aws s3api abort-multipart-upload --bucket ${host} --key '${key}' --upload-id '${id}'`,
    )
    const report: GarbageReport = JSON.parse((await run('gc', 'db', '--json')).stdout)
    expect(report.unfinishedUploads).toEqual({
      uploads: 1,
      bytes: 2048,
      oldest: expect.any(String),
      sample: [{ object: store.url('db/000900.sst-abc'), uploadId: id, started: expect.any(String) }],
      refusal: null,
    })
  })

  test('are shown by du beside the total', async () => {
    await client.begin(keyOf('elsewhere/x'), 4096)
    const { stdout } = await run('du', 'elsewhere')
    expect(stdout).toMatch(/^1 unfinished upload, 4\.0 KiB, the oldest begun \d+ s ago$/m)
    const usage: DiskUsage = JSON.parse((await run('du', 'elsewhere', '--json')).stdout)
    expect(usage).toMatchObject({ total: { objects: 0 }, unfinishedUploads: { uploads: 1, bytes: 4096 } })
  })

  test('that the credentials may not list are reported as unknown, and the rest is shown', async () => {
    await store.put('denied/object', Buffer.of(1))
    const proxy = await FaultProxy.start(store.connection.endpoint!)
    const denied = { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') } as const
    proxy.next('GET', denied, { path: /\?.*uploads/, times: 100 })
    const { code, stdout } = await runCommand(
      ['du', store.url('denied'), '--endpoint', proxy.endpoint, '--region', 'us-east-1'],
      env,
    )
    await proxy.stop()
    expect(code).toBe(0)
    expect(stdout).toContain('1 B in 1 object')
    expect(stdout).toMatch(/^Unfinished uploads: unknown\. .*access denied.*s3:ListBucketMultipartUploads/m)
  })
})
