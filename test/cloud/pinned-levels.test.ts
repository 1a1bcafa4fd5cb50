import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CachedFile } from '#src/cloud/cached-file.js'
import { FileCache } from '#src/cloud/file-cache.js'
import { type LevelTable, PinnedLevels } from '#src/cloud/pinned-levels.js'
import { newRoot } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { readSparse } from '../support/scripted-rocksdb.js'

const mib = 1 << 20

let clock: ManualClock
let cache: FileCache
let pinned: PinnedLevels
/** Names of the tables of which something was fetched, in order. */
let fetched: string[]
let failure: Error | undefined
const objects = new Map<string, Buffer>()

/** Pins levels 0 to 2 of a cache that has room for 16 tables of 1 MiB. */
beforeEach(async () => {
  clock = new ManualClock()
  fetched = []
  failure = undefined
  objects.clear()
  cache = await FileCache.open(newRoot(), 16 * mib, { reserveBytes: 0 })
  pinned = new PinnedLevels({ first: 0, last: 2 }, cache, clock)
})
afterEach(async () => {
  await pinned.close()
  await cache.close()
})

function fileOf(name: string): CachedFile {
  const bytes = objects.get(name) ?? randomBytes(mib)
  objects.set(name, bytes)
  return cache.file(name, mib, async (offset, length) => {
    fetched.push(name)
    if (failure) throw failure
    return bytes.subarray(offset, offset + length)
  })
}

const table = (name: string, level: number): LevelTable => ({ level, size: mib, cached: () => fileOf(name) })
const tables = (level: number, count: number) =>
  Array.from({ length: count }, (_, at) => table(`${level}-${at}`, level))
const change = (state: readonly LevelTable[], directory = '/db') =>
  pinned.changed(directory, async () => state)

const isWhole = (name: string) => fileOf(name).missingBytes(0, mib) === 0
const arrived = (...names: string[]) => expect.poll(() => names.every(isWhole)).toBe(true)

/** Reads more than the cache holds. */
async function readOthers(): Promise<void> {
  for (let at = 0; at < 40; at++) await readSparse(fileOf(`other-${at}`).open(), 0, mib)
  fetched = []
}

test('tables of the levels are fetched, and no others', async () => {
  change([...tables(0, 2), ...tables(2, 1), ...tables(3, 2)])
  await arrived('0-0', '0-1', '2-0')
  expect(fetched.sort()).toEqual(['0-0', '0-1', '2-0'])
  expect(cache.metrics()).toMatchObject({ pinnedBytes: 3 * mib, pinOverflowBytes: 0 })
})

test('they stay, whatever is read', async () => {
  change(tables(0, 8))
  await arrived('0-7')
  await readOthers()
  for (let at = 0; at < 8; at++) await readSparse(fileOf(`0-${at}`).open(), 0, mib)
  expect(fetched).toEqual([])
  expect(cache.metrics().bytes).toBeLessThanOrEqual(16 * mib)
})

test('a cache that is full of what was read makes room for them', async () => {
  await readOthers()
  change(tables(0, 8))
  await arrived(...tables(0, 8).map((_, at) => `0-${at}`))
})

test('they take half of the cache at most, upper levels first, and the rest is told and cached like any other', async () => {
  change([...tables(2, 6), ...tables(0, 3), ...tables(1, 2)])
  await arrived('0-0', '0-1', '0-2', '1-0', '1-1', '2-0', '2-1', '2-2')
  expect(cache.metrics()).toMatchObject({ pinnedBytes: 8 * mib, pinOverflowBytes: 3 * mib })
  expect(fetched).not.toContain('2-3')
  await readOthers()
  await readSparse(fileOf('2-3').open(), 0, mib)
  expect(fetched, 'from the store').toContain('2-3')
})

test('databases share the room: upper levels of any go first', async () => {
  change(tables(1, 8), '/a')
  await arrived('1-7')
  change(tables(0, 5), '/b')
  await arrived('0-0', '0-4')
  expect(cache.metrics()).toMatchObject({ pinnedBytes: 8 * mib, pinOverflowBytes: 5 * mib })
})

describe('they may leave', () => {
  const isKept = async (name: string) => {
    await readOthers()
    return isWhole(name)
  }

  test('once their database has another state without them', async () => {
    change(tables(0, 3))
    await arrived('0-0', '0-1', '0-2')
    change([table('0-0', 0), table('0-1', 3)])
    await expect.poll(() => cache.metrics().pinnedBytes).toBe(mib)
    expect([await isKept('0-0'), isWhole('0-1'), isWhole('0-2')]).toEqual([true, false, false])
  })

  test('once their database is closed', async () => {
    change(tables(0, 1), '/a')
    change(tables(1, 1), '/b')
    await arrived('0-0', '1-0')
    pinned.closed('/a')
    await expect.poll(() => cache.metrics().pinnedBytes).toBe(mib)
    expect([await isKept('0-0'), isWhole('1-0')]).toEqual([false, true])
  })

  test('for a write that finds the disk full, after everything else', async () => {
    change(tables(0, 8))
    await arrived('0-7')
    await readOthers()
    const others = cache.metrics().bytes - 8 * mib
    expect(others).toBeGreaterThan(0)
    expect(await cache.makeRoom(others)).toBe(true)
    expect(tables(0, 8).map((_, at) => isWhole(`0-${at}`))).toEqual(Array(8).fill(true))
    expect(await cache.makeRoom(8 * mib)).toBe(true)
    expect(cache.metrics().bytes).toBe(0)
  })
})

test('what the store refuses is fetched ten seconds later', async () => {
  failure = new Error('the store is away')
  change(tables(0, 2))
  await expect.poll(() => fetched.length).toBeGreaterThan(0)
  failure = undefined
  await expect
    .poll(() => {
      clock.advance(10_000)
      return isWhole('0-0') && isWhole('0-1')
    })
    .toBe(true)
})

test('of many states in a row the last one counts, and is the only one that is read', async () => {
  let reads = 0
  for (let at = 0; at < 50; at++) {
    pinned.changed('/db', async () => {
      reads += 1
      return [table(`0-${at}`, 0)]
    })
  }
  await arrived('0-49')
  expect(reads).toBe(1)
  expect(fetched).toEqual(['0-49'])
})
