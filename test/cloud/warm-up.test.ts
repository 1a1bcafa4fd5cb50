import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CachedFile } from '#src/cloud/cached-file.js'
import { FileCache } from '#src/cloud/file-cache.js'
import { warmUp } from '#src/cloud/warm-up.js'
import type { WarmUpProgress } from '#src/env/warm-up.js'
import { newRoot } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { readSparse } from '../support/scripted-rocksdb.js'
import { markUsed } from '../support/used-chunks.js'

const chunk = 16_384
const mib = 1 << 20

let clock: ManualClock
let cache: FileCache
/** Name, offset and length of every range that was fetched. */
let fetched: (readonly [string, number, number])[]
/** Called before each range is fetched. */
let beforeFetch: (name: string, offset: number) => Promise<void> | void

async function openCache(maxBytes: number): Promise<void> {
  cache = await FileCache.open(newRoot(), maxBytes, { reserveBytes: 0 })
}

beforeEach(() => {
  clock = new ManualClock()
  fetched = []
  beforeFetch = () => {}
})
afterEach(() => cache.close())

function fileOf(name: string, size: number): CachedFile {
  const bytes = randomBytes(size)
  return cache.file(name, size, async (offset, length) => {
    await beforeFetch(name, offset)
    fetched.push([name, offset, length])
    return bytes.subarray(offset, offset + length)
  })
}

const fetchedBytes = () => fetched.reduce((sum, [, , length]) => sum + length, 0)
const isWhole = (file: CachedFile) => file.missingBytes(0, file.size) === 0

/** Lets everything happen that waits for neither the clock nor the disk for long. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate()
}

describe('a warm-up', () => {
  test('holds every file whole, fetched in its order in requests of 4 MiB', async () => {
    await openCache(100 * mib)
    const files = [fileOf('a', 9 * mib + 5), fileOf('b', 1000), fileOf('c', 0)]
    const result = await warmUp(files, clock)
    const totals = { files: 3, bytes: 9 * mib + 1005, totalFiles: 3, totalBytes: 9 * mib + 1005 }
    expect(result).toEqual({ ...totals, fetchedBytes: 9 * mib + 1005, end: 'complete' })
    expect(files.every(isWhole)).toBe(true)
    expect(fetched).toEqual([
      ['a', 0, 4 * mib],
      ['a', 4 * mib, 4 * mib],
      ['a', 8 * mib, mib + 5],
      ['b', 0, 1000],
    ])
  })

  test('fetches only what is missing, and counts the rest as held', async () => {
    await openCache(100 * mib)
    const file = fileOf('a', 20 * chunk)
    await readSparse(file.open(), 10 * chunk, 5 * chunk)
    fetched = []
    expect(await warmUp([file], clock)).toMatchObject({ bytes: 20 * chunk, fetchedBytes: 15 * chunk })
    expect(fetched.map(([, offset]) => offset)).toEqual([0, 15 * chunk])
    fetched = []
    expect(await warmUp([file], clock)).toMatchObject({ bytes: 20 * chunk, fetchedBytes: 0, end: 'complete' })
    expect(fetched).toEqual([])
  })

  test('shares its requests with a reader that comes in between', async () => {
    await openCache(100 * mib)
    const file = fileOf('a', 2 * mib)
    let answer = () => {}
    beforeFetch = () => new Promise<void>((resolve) => (answer = resolve))
    const warming = warmUp([file], clock)
    await settle()
    const read = readSparse(file.open(), mib, 10)
    await settle()
    answer()
    expect(await read).toHaveLength(10)
    expect(await warming).toMatchObject({ end: 'complete' })
    expect(fetched).toEqual([['a', 0, 2 * mib]])
  })

  test('passes over a file that the database drops meanwhile', async () => {
    await openCache(100 * mib)
    const files = [fileOf('a', 40 * mib), fileOf('b', 1000)]
    beforeFetch = (_, offset) => (offset === 0 ? cache.remove('a') : undefined)
    const result = await warmUp(files, clock)
    expect(result).toMatchObject({ files: 2, bytes: 40 * mib + 1000, end: 'complete' })
    expect(fetchedBytes()).toBeLessThan(40 * mib)
    expect(isWhole(files[1]!)).toBe(true)
  })

  test('fetches again what somebody deleted from the disk', async () => {
    await openCache(100 * mib)
    const file = fileOf('a', 3 * chunk)
    await warmUp([file], clock)
    await rm(file.path)
    expect(await warmUp([file], clock)).toMatchObject({ fetchedBytes: 3 * chunk, end: 'complete' })
  })

  test('tells how far it is at the start, at the end, and ten times a second at most', async () => {
    await openCache(100 * mib)
    const files = Array.from({ length: 30 }, (_, at) => fileOf(String(at), chunk))
    const told: WarmUpProgress[] = []
    beforeFetch = () => clock.advance(50)
    await warmUp(files, clock, { onProgress: (progress) => told.push(progress) })
    const totals = { totalFiles: 30, totalBytes: 30 * chunk }
    expect(told[0]).toEqual({ files: 0, bytes: 0, ...totals })
    expect(told.at(-1)).toEqual({ files: 30, bytes: 30 * chunk, ...totals })
    expect(told.length).toBeGreaterThan(5)
    expect(told.length).toBeLessThanOrEqual(2 + (30 * 50) / 100)
  })
})

describe('a rate', () => {
  test('bounds what is fetched', async () => {
    await openCache(100 * mib)
    const warming = warmUp([fileOf('a', 10 * mib)], clock, { maxBytesPerSecond: '1 MiB' })
    for (let second = 0; second < 9; second++) {
      await vi.waitFor(() => expect(fetchedBytes()).toBe((second + 1) * mib))
      clock.advance(999)
      await settle()
      expect(fetchedBytes()).toBe((second + 1) * mib)
      clock.advance(1)
    }
    expect(await warming).toMatchObject({ fetchedBytes: 10 * mib, end: 'complete' })
  })

  test('does not hold back what is here', async () => {
    await openCache(100 * mib)
    const file = fileOf('a', 10 * mib)
    await warmUp([file], clock)
    expect(await warmUp([file], clock, { maxBytesPerSecond: 1 })).toMatchObject({ end: 'complete' })
  })
})

describe('an abort', () => {
  test('ends it with the reason, and nothing is fetched afterwards', async () => {
    await openCache(100 * mib)
    const abort = new AbortController()
    let requests = 0
    beforeFetch = async () => {
      requests += 1
      if (requests === 4) abort.abort(new Error('no time'))
      await setImmediate()
    }
    await expect(warmUp([fileOf('a', 100 * mib)], clock, { signal: abort.signal })).rejects.toThrow('no time')
    expect(fetched, 'those under way have ended').toHaveLength(requests)
    await settle()
    expect(requests).toBe(4)
  })

  test('does not wait for the rate', async () => {
    await openCache(100 * mib)
    const abort = new AbortController()
    const terms = { maxBytesPerSecond: 1, signal: abort.signal }
    const warming = warmUp([fileOf('a', mib)], clock, terms)
    await settle()
    abort.abort(new Error('no time'))
    await expect(warming).rejects.toThrow('no time')
  })

  test('before it begins has nothing fetched', async () => {
    await openCache(100 * mib)
    const signal = AbortSignal.abort(new Error('no time'))
    await expect(warmUp([fileOf('a', 1)], clock, { signal })).rejects.toThrow('no time')
    expect(fetched).toEqual([])
  })
})

describe('a cache that is too small', () => {
  test('ends it once it is full, with what came first', async () => {
    await openCache(5 * mib)
    const files = Array.from({ length: 8 }, (_, at) => fileOf(String(at), mib))
    expect(await warmUp(files, clock)).toEqual({
      files: 5,
      bytes: 5 * mib,
      totalFiles: 8,
      totalBytes: 8 * mib,
      fetchedBytes: 5 * mib,
      end: 'cacheFull',
    })
    expect(files.map(isWhole)).toEqual([true, true, true, true, true, false, false, false])
    expect(cache.metrics().evictedFiles, 'nothing made room for anything').toBe(0)
  })

  test('gives it the room of what was used before, but not that of what is held of its files', async () => {
    await openCache(5 * mib)
    const files = Array.from({ length: 5 }, (_, at) => fileOf(String(at), mib))
    await warmUp([files[4]!, ...Array.from({ length: 4 }, (_, at) => fileOf(`old ${at}`, mib))], clock)
    await cache.forgetReads()
    fetched = []
    expect(await warmUp(files, clock)).toMatchObject({ files: 5, fetchedBytes: 4 * mib, end: 'complete' })
    expect(fetched.map(([name]) => name).sort()).toEqual(['0', '1', '2', '3'])
  })

  test('finds the room of others behind any number of its own files', async () => {
    await openCache(300 * chunk)
    const files = Array.from({ length: 260 }, (_, at) => fileOf(String(at), chunk))
    await warmUp(files.slice(0, 250), clock)
    await warmUp([fileOf('old', 50 * chunk)], clock)
    await cache.forgetReads()
    expect(await warmUp(files, clock)).toMatchObject({ files: 260, end: 'complete' })
  })

  test('keeps what readers use meanwhile', async () => {
    await openCache(5 * mib)
    const used = fileOf('used', 2 * mib)
    const reader = used.open()
    await readSparse(reader, 0, 2 * mib)
    const files = Array.from({ length: 5 }, (_, at) => fileOf(String(at), mib))
    await cache.forgetReads()
    beforeFetch = () => markUsed(used.location()!, 2 * mib, Array((2 * mib) / chunk).keys())
    expect(await warmUp(files, clock)).toMatchObject({ files: 3, end: 'cacheFull' })
    expect(isWhole(used)).toBe(true)
    expect(cache.metrics().evictedFiles).toBe(0)
  })

  test('of no room at all holds nothing, and nothing is fetched', async () => {
    await openCache(0)
    expect(await warmUp([fileOf('a', mib)], clock)).toMatchObject({ files: 0, bytes: 0, end: 'cacheFull' })
    expect(fetched).toEqual([])
  })
})

test('an error of the store ends it, and the next one fetches the rest', async () => {
  await openCache(100 * mib)
  const files = Array.from({ length: 20 }, (_, at) => fileOf(String(at), mib))
  beforeFetch = (name) => {
    if (name === '7') throw new Error('get 7: the store is away')
  }
  await expect(warmUp(files, clock)).rejects.toThrow('get 7: the store is away')
  expect(fetched.length).toBeGreaterThanOrEqual(7)
  expect(fetched.length, 'nothing is begun after that').toBeLessThan(12)
  const before = fetchedBytes()
  beforeFetch = () => {}
  expect(await warmUp(files, clock)).toMatchObject({ fetchedBytes: 20 * mib - before, end: 'complete' })
})
