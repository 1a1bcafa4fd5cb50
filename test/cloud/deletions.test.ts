import { beforeEach, expect, test } from 'vitest'
import { Deletions } from '#src/cloud/deletions.js'
import { ManualClock } from '../support/manual-clock.js'

const hour = 3_600_000

let clock: ManualClock
let batches: string[][]
let isOwner: boolean
let failure: Error | undefined
let deletions: Deletions

beforeEach(() => {
  clock = new ManualClock()
  batches = []
  isOwner = true
  failure = undefined
  deletions = new Deletions(
    {
      mayDelete: async () => isOwner,
      deleteMany: async (keys) => {
        if (failure) throw failure
        batches.push([...keys])
      },
    },
    hour,
    clock,
  )
})

test('an obsolete object is deleted after the delay, with the others of that time in one batch', async () => {
  deletions.schedule('a')
  clock.advance(10)
  deletions.schedule('b')
  clock.advance(hour - 20)
  await deletions.run()
  expect(batches).toEqual([])
  clock.advance(100)
  await deletions.run()
  expect(batches).toEqual([['a', 'b']])
})

test('an object that is wanted again stays', async () => {
  deletions.schedule('a')
  deletions.cancel('a')
  clock.advance(2 * hour)
  await deletions.run()
  expect(batches).toEqual([])
})

test('who was displaced deletes nothing any more', async () => {
  deletions.schedule('a')
  isOwner = false
  clock.advance(2 * hour)
  await deletions.run()
  isOwner = true
  clock.advance(2 * hour)
  await deletions.run()
  expect(batches).toEqual([])
})

test('a failed deletion comes again later', async () => {
  deletions.schedule('a')
  failure = new Error('the store is away')
  clock.advance(2 * hour)
  await deletions.run()
  failure = undefined
  clock.advance(2 * hour)
  await deletions.run()
  expect(batches).toEqual([['a']])
})

test('the queue ends with the Env', async () => {
  deletions.schedule('a')
  await deletions.stop()
  clock.advance(2 * hour)
  await deletions.run()
  expect(batches).toEqual([])
})

test('very many objects are one batch, and queued in no time', async () => {
  const keys = Array.from({ length: 200_000 }, (_, index) => `key${index}`)
  const start = performance.now()
  for (const key of keys) deletions.schedule(key)
  expect(performance.now() - start).toBeLessThan(5_000)
  clock.advance(hour + 100)
  await deletions.run()
  expect(batches.map((batch) => batch.length)).toEqual([200_000])
})

test('nothing is deleted after the stop, though a batch under way fails', async () => {
  failure = new Error('the store is away')
  deletions.schedule('a')
  clock.advance(hour)
  const running = deletions.run()
  await deletions.stop()
  await running
  failure = undefined
  clock.advance(2 * hour)
  await deletions.run()
  expect(batches).toEqual([])
})
