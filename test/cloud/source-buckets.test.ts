import { expect, test } from 'vitest'
import { SourceBuckets } from '#src/cloud/source-buckets.js'
import { AbandonableStore } from '#src/store/abandonable-store.js'
import type { StoreOptions } from '#src/store/registry.js'
import { StoredObjects } from '../support/stored-objects.js'

const here = { endpoint: 'http://here' }
const there = { endpoint: 'http://there' }

/** Sources of clones in `memory://bucket` on one server, and the connections by which others are opened. */
function sources(configured?: StoreOptions) {
  const own = { store: new AbandonableStore(new StoredObjects().store), segments: [] }
  const source = { url: 'memory://bucket/db', connection: configured }
  const opened: StoreOptions[] = []
  const buckets = new SourceBuckets(own, { connection: here, source }, async (_, connection) => {
    opened.push(connection)
    return { store: new AbandonableStore(new StoredObjects().store), segments: ['db'] }
  })
  return { buckets, own, opened }
}

test('a source in the bucket of the clone is reached as that', async () => {
  const { buckets, own, opened } = sources()
  expect((await buckets.place('memory://bucket/db')).store).toBe(own.store)
  expect(opened).toEqual([])
})

test('a source in a bucket of the same name on another server is reached as the configured source', async () => {
  const { buckets, own, opened } = sources(there)
  expect((await buckets.place('memory://bucket/base', 'http://there')).store).not.toBe(own.store)
  expect(opened).toEqual([there])
})

test('a source on another server of which nobody said how to reach it is not looked for here', async () => {
  const { buckets, opened } = sources()
  await expect(buckets.place('memory://bucket/db', 'http://there')).rejects.toThrow(
    'lie in memory://bucket/db on another server, http://there. Name the source',
  )
  expect(opened).toEqual([])
})
