// Writes that find the disk full, while the tables that fill it are cached or on their way into the store.

import { mkdir, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CloudEnv, createCloudEnv } from '#src/cloud/cloud-env.js'
import type { LocalWritableFile } from '#src/env/env.js'
import { realSystem } from '#src/env/system.js'
import { newRoot } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { SettableStore } from '../support/settable-store.js'
import { fillUp, freeBytes, needsRoot, smallDisk } from '../support/small-disk.js'

const tableBytes = 1 << 20

let server: SettableStore
/** Uploads of tables that wait for their answer. */
let held: ServerResponse[]
let clock: ManualClock
let env: CloudEnv
let root: string

beforeEach(async () => {
  held = []
  clock = new ManualClock()
  server = await SettableStore.start()
})
afterEach(async () => {
  await env.close()
  await server.stop()
})

async function start(at: string): Promise<void> {
  root = at
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  env = await createCloudEnv(
    {
      store: 's3://bucket/p',
      root,
      endpoint: server.endpoint,
      credentials,
      cache: { maxBytes: 1 << 30, reserveBytes: 0 },
    },
    { system: { ...realSystem, clock } },
  )
  await lock('a')
}

async function lock(name: string): Promise<void> {
  await mkdir(join(root, name), { recursive: true })
  await env.lockFile(join(root, name, 'LOCK'))
}

/** Writes a table like RocksDB; its upload begins. */
async function writeTable(): Promise<void> {
  const { path, sealed } = (await env.newWritableFile(join(root, 'a/000009.sst'))) as LocalWritableFile
  await writeFile(path, Buffer.alloc(tableBytes, 1))
  await sealed!(tableBytes)
}

const makeRoom = () => env.makeRoom(join(root, 'a/000010.log'), 1)

describe('a write that finds no room waits for an upload', () => {
  beforeEach(async () => {
    server.manners = {
      answer({ method, key }, response) {
        if (method !== 'PUT' || !key.includes('.sst-')) return undefined
        held.push(response)
        return 'answered'
      },
    }
    await start(newRoot())
    await writeTable()
    await expect.poll(() => held.length).toBe(1)
  })

  test('that ends, after which the table can be evicted', async () => {
    let outcome: boolean | undefined
    const waiting = makeRoom().then((isMade) => {
      outcome = isMade
    })
    // Requests to the store go on meanwhile.
    await env.fileExists(join(root, 'b/CURRENT')).catch(() => undefined)
    expect(outcome, 'it waits').toBeUndefined()
    held[0]!.writeHead(200, { etag: '"1"', 'x-amz-request-id': '1' }).end()
    await waiting
    expect(outcome).toBe(true)
    expect(env.metrics()).toMatchObject({ uploads: { pending: 0 }, cache: { bytes: tableBytes } })
    expect(await makeRoom(), 'the table goes').toBe(true)
    expect(env.metrics().cache.bytes).toBe(0)
    expect(await makeRoom(), 'nothing is left that could').toBe(false)
  })

  test('for half a minute at most, and then fails', async () => {
    const after = vi.spyOn(clock, 'after')
    let isOver = false
    const waiting = makeRoom().finally(() => {
      isOver = true
    })
    await expect.poll(() => after.mock.calls.map(([ms]) => ms)).toContain(30_000)
    clock.advance(29_000)
    await env.fileExists(join(root, 'b/CURRENT')).catch(() => undefined)
    expect(isOver).toBe(false)
    clock.advance(1000)
    expect(await waiting).toBe(false)
  })
})

describe.skipIf(needsRoot)(`on a full disk${needsRoot}`, () => {
  test('an opening for writing evicts cached tables', async () => {
    await start(smallDisk('8m'))
    await writeTable()
    await expect.poll(() => env.metrics().uploads.pending).toBe(0)
    await mkdir(join(root, 'b'))
    await fillUp(root)
    expect([freeBytes(root), env.metrics().cache.bytes]).toEqual([0, tableBytes])
    await lock('b')
    expect(env.metrics().cache.bytes).toBe(0)
  })

  test('without cached tables it says so', async () => {
    await start(smallDisk('8m'))
    await mkdir(join(root, 'b'))
    await fillUp(root)
    await expect(lock('b')).rejects.toMatchObject({ code: 'NoSpace' })
  })
})
