import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { type Clock, systemClock } from '#src/env/clock.js'
import { realSystem } from '#src/env/system.js'
import { EnvHost } from '#src/host/env-host.js'
import { type CloudEnvOptions, cloudEnv, type HostedEnv, RocksDB } from '#src/index.js'
import { newRoot } from '../support/machine.js'
import { memoryStore } from '../support/memory-store.js'
import { mainTestStores } from '../support/test-stores.js'

/** Advances by one at each reading, so that requests sort by their start, however long each took. */
function countingClock(): Clock {
  let ticks = 0
  return { ...systemClock, elapsed: () => ++ticks }
}

/** The requests that an Env makes, one a line, in the order in which they began. */
class Trace {
  readonly #requests: { readonly start: number; readonly line: string }[] = []
  readonly #names = new Map<string, string>()
  readonly #clock = countingClock()
  readonly #prefix: string
  readonly #watchers = new Set<() => void>()

  /** @param prefix of every key, left out. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  async start(options: CloudEnvOptions): Promise<HostedEnv> {
    const env = await createCloudEnv(options, {
      system: { ...realSystem, clock: this.#clock },
      onRequest: ({ operation, key, milliseconds, outcome }) => {
        const name = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : key
        // A batch of deletions reports only its first key, whichever that is.
        const line =
          operation === 'delete' ? operation : `${operation} ${name}${outcome === 'ok' ? '' : ' (fails)'}`
        this.#requests.push({ start: this.#clock.elapsed() - milliseconds, line })
        for (const look of this.#watchers) look()
      },
    })
    const host = await EnvHost.listen(env, join(newRoot(), 'env.sock'))
    return {
      start: async () => host.socketPath,
      defaultOptions: cloudEnv(options).defaultOptions,
      metrics: async () => undefined,
      close: () => host.close(),
    }
  }

  /** Requests since the last call, with epochs e1, e2…, tables t1, t2… and ids id1, id2… as they appear. */
  take(): string {
    const lines = this.#requests
      .splice(0)
      .sort((a, b) => a.start - b.start)
      .map(({ line }) => line)
    return lines
      .join('\n')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => this.#name('id', id))
      .replaceAll(/(?<=-)[0-9a-f]{16}/g, (epoch) => this.#name('e', epoch))
      .replaceAll(/[0-9]{6}(?=\.sst)/g, (number) => this.#name('t', number))
  }

  /** Resolves once a request was made that matches. */
  async until(pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!this.#requests.some(({ line }) => pattern.test(line))) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  #name(kind: string, text: string): string {
    const known = [...this.#names.values()].filter((name) => name.startsWith(kind)).length
    const name = this.#names.get(text) ?? `${kind}${known + 1}`
    this.#names.set(text, name)
    return name
  }
}

const ownStore = {
  name: 'a store of a module',
  make: () => ({ connection: memoryStore, url: () => 'memory://requests' }),
}

describe.each([...mainTestStores(), ownStore])('the requests to $name', ({ make }) => {
  const store = make()
  const options = { ...store.connection, store: store.url(), ownershipCheckMs: 0, deletionDelayMs: 0 }
  const prefix = store.url().startsWith('s3:') ? `${new URL(store.url()).pathname.slice(1)}/` : ''
  const trace = new Trace(prefix)
  const root = newRoot()
  const path = join(root, 'db')
  let env: HostedEnv
  let db: RocksDB

  // Undefined if no test ran that starts it.
  afterAll(() => env?.close())

  test('of creating a database: its CLOUDMANIFEST comes after everything that it leads to', async () => {
    env = await trace.start({ ...options, root })
    db = await RocksDB.open(path, { env })
    // Versions of RocksDB differ in how often they look for a database.
    const looks = /^((get db\/CLOUDMANIFEST \(fails\)|list db\/CLOUDMANIFEST)\n)+/
    expect(trace.take().replace(looks, '')).toMatchInlineSnapshot(`
      "list db/
      put db/MANIFEST-e1
      put db/.cloudenv-probe-id1
      put db/.cloudenv-probe-id1 (fails)
      put db/.cloudenv-probe-id1
      put db/.cloudenv-probe-id1 (fails)
      get db/.cloudenv-probe-id1
      delete
      put db/CLOUDMANIFEST
      head db/MANIFEST-e1
      put .rockset/dbid/id2
      put db/IDENTITY
      put db/MANIFEST-e1
      head db/CLOUDMANIFEST"
    `)
  })

  test('of writing: none', async () => {
    await db.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'z', value: '1' },
    ])
    expect(await db.get('a', { valueEncoding: 'utf8' })).toBe('1')
    expect(trace.take()).toBe('')
  })

  test('of a flush: the table, then the MANIFEST, then a check that the database is still ours', async () => {
    await db.flush()
    expect(trace.take()).toMatchInlineSnapshot(`
      "put db/t1.sst-e1
      put db/MANIFEST-e1
      head db/CLOUDMANIFEST"
    `)
  })

  test('of a compaction: the new table, the MANIFEST, then the deletion of the old ones', async () => {
    await db.batch([
      { type: 'put', key: 'a', value: '2' },
      { type: 'put', key: 'z', value: '2' },
    ])
    await db.flush()
    trace.take()
    await db.compactRange()
    await trace.until(/^delete$/)
    expect(trace.take()).toMatchInlineSnapshot(`
      "put db/t3.sst-e1
      put db/MANIFEST-e1
      head db/CLOUDMANIFEST
      head db/CLOUDMANIFEST
      list db/CLOUD
      delete"
    `)
  })

  test('of closing: none', async () => {
    await db.close()
    // On a busy machine the tables that the compaction replaced go in two batches.
    expect(trace.take().replace(/^head db\/CLOUDMANIFEST\nlist db\/CLOUD\ndelete$/, '')).toBe('')
  })

  test('of reopening for writing: once RocksDB has recovered, new MANIFEST, seal, switch, deletion of the old one', async () => {
    db = await RocksDB.open(path, { env })
    await trace.until(/^delete$/)
    await db.close()
    const requests = trace.take().split('\n')
    // Unfinished uploads, which only S3 has, are listed while other requests are under way.
    const uploads = requests.lastIndexOf('list db/')
    if (store.url().startsWith('s3:')) {
      expect(uploads).toBeGreaterThan(requests.indexOf('put db/CLOUDMANIFEST'))
      requests.splice(uploads, 1)
    }
    expect(requests.join('\n')).toMatchInlineSnapshot(`
      "get db/CLOUDMANIFEST
      get db/MANIFEST-e1
      list db/
      head db/CLOUDMANIFEST
      head db/MANIFEST-e1
      get db/IDENTITY
      put db/MANIFEST-e2
      put db/MANIFEST-e1
      put db/CLOUDMANIFEST
      head db/CLOUDMANIFEST
      list db/CLOUD
      delete"
    `)
  })

  test('of opening read-only, and of a cold read: they write nothing', async () => {
    const elsewhere = newRoot()
    const reader = await trace.start({ ...options, root: elsewhere })
    const opened = await RocksDB.open(join(elsewhere, 'db'), { env: reader, readOnly: true })
    expect(trace.take()).toMatchInlineSnapshot(`
      "get db/CLOUDMANIFEST
      get db/MANIFEST-e2
      list db/
      get db/t3.sst-e1
      get db/IDENTITY"
    `)
    expect(await opened.get('a', { valueEncoding: 'utf8' })).toBe('2')
    expect(trace.take()).toBe('')
    await opened.close()
    await reader.close()
    expect(trace.take()).toBe('')
  })

  test('of listing the column families', async () => {
    await RocksDB.listColumnFamilies(path, { env })
    expect(trace.take()).toMatchInlineSnapshot(`
      "get db/CLOUDMANIFEST
      get db/MANIFEST-e2
      list db/"
    `)
  })

  test('of opening a missing database: one GET, and one listing for other cookies', async () => {
    const missing = RocksDB.open(join(root, 'none'), { env, createIfMissing: false })
    await expect(missing).rejects.toMatchObject({ code: 'NotFound' })
    expect(trace.take()).toMatchInlineSnapshot(`
      "get none/CLOUDMANIFEST (fails)
      list none/CLOUDMANIFEST"
    `)
  })
})
