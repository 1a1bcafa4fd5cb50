import { expect, test } from 'vitest'
import { isDirectlyBelow, openBucket, pathSegments } from '#src/cloud/bucket.js'
import { systemClock } from '#src/env/clock.js'
import { newRoot } from '../support/machine.js'

const seams = { clock: systemClock, random: Math.random, onRequest: () => undefined }

test.each([
  { segments: ['app', 'db'], key: 'app/db/CURRENT', expected: true },
  { segments: ['app', 'db'], key: 'app/db/', expected: true },
  { segments: ['app', 'db'], key: 'app/db/nested/CURRENT', expected: false },
  { segments: ['app', 'db'], key: 'app/db2/CURRENT', expected: false },
  { segments: ['app', 'db'], key: 'app/CURRENT', expected: false },
  { segments: [], key: 'CURRENT', expected: true },
  { segments: [], key: 'db/CURRENT', expected: false },
])('$key is directly below $segments: $expected', ({ segments, key, expected }) => {
  expect(isDirectlyBelow(segments, key)).toBe(expected)
})

test('the segments of a path are those below the root', () => {
  expect(pathSegments('/root', '/root/app/db')).toEqual(['app', 'db'])
  expect(pathSegments('/root', '/root')).toEqual([])
})

test('the prefix is part of our keys, and the store is the whole bucket', async () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const { store, segments } = await openBucket('s3://bucket/app//x/', { region: 'r', credentials }, seams)
  expect({ url: store.url, segments }).toEqual({ url: 's3://bucket', segments: ['app', 'x'] })
  await store.close()
})

test('a directory is used as it is', async () => {
  const url = `file://${newRoot()}`
  const { store, segments } = await openBucket(url, {}, seams)
  expect({ url: store.url, segments }).toEqual({ url, segments: [] })
  await store.close()
})
