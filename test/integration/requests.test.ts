import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type HostedEnv, RocksDB } from '#src/index.js'
import { newRoot } from '../support/machine.js'
import { memoryStore } from '../support/memory-store.js'
import { mainTestStores } from '../support/test-stores.js'
import { Trace } from '../support/trace.js'

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
      get db/IDENTITY
      head db/CLOUDMANIFEST
      head db/MANIFEST-e1
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
      get db/IDENTITY
      get db/t3.sst-e1"
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
      list db/
      get db/IDENTITY"
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
