import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import { FileCache } from '#src/cloud/file-cache.js'
import { readBootId } from '#src/env/boot-id.js'
import type { LocalCopy } from '#src/env/env.js'
import { systemFiles } from '#src/env/files.js'
import { realSystem } from '#src/env/system.js'
import { readSparse as read } from '../support/scripted-rocksdb.js'
import { markUsed } from '../support/used-chunks.js'

const chunk = 16_384

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-cache-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

/** A stored object that counts what is fetched of it. */
class Stored {
  readonly bytes: Buffer
  readonly fetched: { readonly offset: number; readonly length: number }[] = []
  failure: Error | undefined

  constructor(size: number) {
    this.bytes = randomBytes(size)
  }

  readonly fetch = async (offset: number, length: number): Promise<Uint8Array> => {
    this.fetched.push({ offset, length })
    if (this.failure) throw this.failure
    return this.bytes.subarray(offset, offset + length)
  }
}

function expectBytes(actual: Buffer, expected: Uint8Array): void {
  expect(actual.equals(expected), 'the bytes are those of the object').toBe(true)
}

async function bytesOnDisk(): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.chunks')) bytes += (await stat(join(directory, name))).blocks * 512
  }
  return bytes
}

describe('reading through the cache', () => {
  test('returns the bytes of the object, fetched once however many ask at the same time', async () => {
    const stored = new Stored(10 * chunk + 17)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    const reads = await Promise.all(Array.from({ length: 50 }, () => read(file, 3 * chunk + 5, 100)))
    for (const bytes of reads) expectBytes(bytes, stored.bytes.subarray(3 * chunk + 5, 3 * chunk + 105))
    expect(stored.fetched).toEqual([{ offset: 3 * chunk, length: chunk }])
    await cache.close()
  })

  test('fetches neighbouring chunks in one request', async () => {
    const stored = new Stored(10 * chunk)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    expectBytes(await read(file, 0, stored.bytes.length), stored.bytes)
    expect(stored.fetched).toEqual([{ offset: 0, length: 10 * chunk }])
    await cache.close()
  })

  test('fetches ahead of a reader that goes through the file in order', async () => {
    const stored = new Stored(400 * chunk)
    const cache = await FileCache.open(directory, 1000 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    for (let offset = 0; offset < stored.bytes.length; offset += chunk) {
      expectBytes(await read(file, offset, chunk), stored.bytes.subarray(offset, offset + chunk))
    }
    expect(stored.fetched.length).toBeLessThan(25)
    await cache.close()
  })

  test('fetches the next of it before the reader has come to the end of what is there', async () => {
    const stored = new Stored(1600 * chunk)
    const cache = await FileCache.open(directory, 10_000 * chunk)
    const reader = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    let asked = 0
    let end = 0
    const lead: number[] = []
    for (let at = 0; at < 1600; at++) {
      const copy = reader.location()
      const map =
        copy && ChunkMap.decode(await readFile(copy.chunkMapPath!), stored.bytes.length, readBootId())
      if (map?.has(at)) continue
      asked += 1
      await reader.ensure(at * chunk, chunk)
      lead.push(end - at)
      const last = stored.fetched.at(-1)!
      end = (last.offset + last.length) / chunk
    }
    expect(asked, 'once in 4 MiB, and a few times before').toBeLessThan(50)
    // The first reads tell that the reader goes in order.
    expect(Math.min(...lead.slice(3)), 'chunks ahead when it asks').toBeGreaterThan(1)
    expect(stored.fetched.length).toBeLessThan(50)
    await cache.close()
  })

  test('reports a failed fetch, and tries again when asked again', async () => {
    const stored = new Stored(chunk)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    stored.failure = new Error('the store is away')
    await expect(read(file, 0, 10)).rejects.toThrow('the store is away')
    stored.failure = undefined
    expectBytes(await read(file, 0, 10), stored.bytes.subarray(0, 10))
    await cache.close()
  })

  test('returns the bytes themselves if the disk fails', async () => {
    const stored = new Stored(chunk)
    const cache = await FileCache.open(directory, 100 * chunk)
    await writeFile(join(directory, 'db'), 'a file where a directory has to be')
    const file = cache.file('db/000001.sst-a', stored.bytes.length, stored.fetch).open()
    expectBytes(await read(file, 7, 10), stored.bytes.subarray(7, 17))
    await cache.close()
  })
})

describe('the counts', () => {
  test('tell openings with and without something held, and reads that waited for the store', async () => {
    const stored = new Stored(10 * chunk)
    const cache = await FileCache.open(directory, 100 * chunk)
    const open = () => cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    const cold = open()
    expect(cache.metrics()).toMatchObject({ openings: 1, warmOpenings: 0, hits: 0, misses: 0 })
    await Promise.all([cold.ensure(0, 10), cold.ensure(5, 10)])
    const warm = open()
    expect(cache.metrics()).toMatchObject({ openings: 2, warmOpenings: 1, hits: 0, misses: 2 })
    await warm.ensure(0, 10)
    expect(cache.metrics()).toMatchObject({ hits: 1, misses: 2, fetchedBytes: chunk, fetchedChunks: 1 })
    await cache.close()
  })

  test('tell what was read ahead, and how much of it was evicted before anybody asked again', async () => {
    const stored = new Stored(64 * chunk)
    const cache = await FileCache.open(directory, 1000 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch)
    const reader = file.open()
    await reader.ensure(0, chunk)
    expect(cache.metrics()).toMatchObject({ readAheadBytes: 0 })
    await reader.ensure(chunk, chunk)
    const first = cache.metrics().readAheadBytes
    expect(first).toBe(2 * chunk)
    await reader.ensure(4 * chunk, chunk)
    const last = cache.metrics().readAheadBytes - first
    expect(last).toBeGreaterThan(first)
    await expect.poll(() => cache.metrics().bytes).toBe(5 * chunk + last)
    expect(cache.metrics()).toMatchObject({ wastedReadAheadBytes: 0, evictedBytes: 0 })
    await file.evict()
    expect(cache.metrics()).toMatchObject({ wastedReadAheadBytes: last })
    await file.evict()
    await cache.close()
    expect(cache.metrics()).toMatchObject({ wastedReadAheadBytes: last })
  })

  test('tell what was evicted', async () => {
    const cache = await FileCache.open(directory, 2 * chunk)
    for (const name of ['000001.sst-a', '000002.sst-a', '000003.sst-a'])
      await cache.file(name, chunk, new Stored(chunk).fetch).open().ensure(0, 10)
    expect(cache.metrics()).toMatchObject({ evictedFiles: 1, evictedBytes: chunk })
    await cache.close()
  })
})

describe('the bound', () => {
  test('holds: the least recently used file leaves the disk', async () => {
    const cache = await FileCache.open(directory, 4 * chunk)
    const stored = [1, 2, 3, 4, 5, 6].map(() => new Stored(chunk))
    for (const [index, { bytes, fetch }] of stored.entries()) {
      await read(cache.file(`00000${index}.sst-a`, bytes.length, fetch).open(), 0, 10)
    }
    await cache.close()
    expect((await readdir(directory)).filter((name) => !name.endsWith('.chunks')).sort()).toEqual([
      '000002.sst-a',
      '000003.sst-a',
      '000004.sst-a',
      '000005.sst-a',
    ])
    expect(await bytesOnDisk()).toBeLessThanOrEqual(4 * chunk)
    expect(cache.metrics()).toMatchObject({ bytes: 4 * chunk, files: 4, evictedFiles: 2 })
  })

  test('holds at every moment while many files grow at once', async () => {
    const cache = await FileCache.open(directory, 6 * chunk)
    const stored = [0, 1, 2, 3].map(() => new Stored(8 * chunk))
    const files = stored.map(({ bytes, fetch }, index) =>
      cache.file(`00000${index}.sst-a`, bytes.length, fetch).open(),
    )
    const offsets = Array.from({ length: 64 }, (_, at) => ((at * 5) % 8) * chunk)
    let most = 0
    await Promise.all(
      offsets.map(async (offset, at) => {
        const index = at % files.length
        const bytes = await read(files[index]!, offset, 100)
        expectBytes(bytes, stored[index]!.bytes.subarray(offset, offset + 100))
        most = Math.max(most, cache.metrics().bytes, await bytesOnDisk())
      }),
    )
    expect(most).toBeGreaterThan(2 * chunk)
    expect(most).toBeLessThanOrEqual(6 * chunk)
    await cache.close()
  })

  test('without room for read-ahead still keeps what was requested', async () => {
    const stored = new Stored(20 * chunk)
    const cache = await FileCache.open(directory, 3 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    for (const offset of [0, chunk, 2 * chunk]) await read(file, offset, chunk)
    expect(stored.fetched).toEqual([0, 1, 2].map((at) => ({ offset: at * chunk, length: chunk })))
    expect(cache.metrics().bytes).toBe(3 * chunk)
    await cache.close()
  })

  test('spares a file that the bridge reads without asking', async () => {
    const cache = await FileCache.open(directory, 3 * chunk)
    const stored = [0, 1, 2, 3].map(() => new Stored(chunk))
    const files = stored.map(({ bytes, fetch }, index) =>
      cache.file(`00000${index}.sst-a`, bytes.length, fetch).open(),
    )
    for (const file of files.slice(0, 3)) await read(file, 0, 10)
    markUsed(files[0]!.location()!, chunk, [0])
    await read(files[3]!, 0, 10)
    expect(files.map((file) => file.location() !== undefined)).toEqual([true, false, true, true])
    await cache.close()
  })

  test('keeps what is read again and again of a file that is far larger', async () => {
    const chunks = 200
    const stored = new Stored(chunks * chunk)
    const cache = await FileCache.open(directory, 20 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    const hot = [3, 50, 120, 199]
    for (let at = 0; at < 400; at++) {
      const cold = ((at * 37) % (chunks - 1)) * chunk
      expectBytes(await read(file, cold, 10), stored.bytes.subarray(cold, cold + 10))
      for (const chunkNumber of hot) await read(file, chunkNumber * chunk, 10)
      markUsed(file.location()!, stored.bytes.length, hot)
      expect(cache.metrics().bytes).toBeLessThanOrEqual(20 * chunk)
    }
    const timesFetched = (chunkNumber: number) =>
      stored.fetched.filter(({ offset }) => offset === chunkNumber * chunk).length
    expect(hot.map(timesFetched)).toEqual(hot.map(() => 1))
    expect(await bytesOnDisk()).toBeLessThanOrEqual(20 * chunk)
    await cache.close()
  })

  test("is nobody's once it is closed: another process may have the cache", async () => {
    const stored = new Stored(4 * chunk)
    const cache = await FileCache.open(directory, 100 * chunk)
    await cache
      .file('000001.sst-a', stored.bytes.length, stored.fetch)
      .open()
      .ensure(0, 4 * chunk)
    await cache.close()
    const before = await bytesOnDisk()
    expect(await cache.makeRoom(chunk)).toBe(false)
    expect(await bytesOnDisk()).toBe(before)
  })

  test('lets a scan pass: what was read before it stays', async () => {
    const stored = new Stored(100 * chunk)
    const cache = await FileCache.open(directory, 20 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    const hot = [90, 92, 94, 96, 98]
    for (const chunkNumber of hot) await read(file, chunkNumber * chunk, 10)
    for (let at = 0; at < 80; at++) {
      markUsed(file.location()!, stored.bytes.length, hot)
      await read(file, at * chunk, chunk)
    }
    stored.fetched.length = 0
    for (const chunkNumber of hot) await read(file, chunkNumber * chunk, 10)
    expect(stored.fetched).toEqual([])
    await cache.close()
  })

  test('takes out what was read before if all of it was, and keeps what is read then', async () => {
    const cache = await FileCache.open(directory, 4 * chunk)
    const stored = new Stored(8 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    for (const first of [0, 4]) {
      for (let at = first; at < first + 4; at++) await read(file, at * chunk, 10)
      markUsed(file.location()!, stored.bytes.length, [0, 1, 2, 3, 4, 5, 6, 7])
    }
    expect(cache.metrics().bytes).toBeLessThanOrEqual(4 * chunk)
    stored.fetched.length = 0
    expectBytes(await read(file, 7 * chunk, 10), stored.bytes.subarray(7 * chunk, 7 * chunk + 10))
    expect(stored.fetched).toEqual([])
    await cache.close()
  })

  test('where files have no holes, counts an evicted file until the last reader has closed it', async () => {
    const files = { ...systemFiles, holePuncher: async () => undefined }
    const cache = await FileCache.open(directory, 2 * chunk, { system: { ...realSystem, files } })
    const first = new Stored(2 * chunk)
    const second = new Stored(chunk)
    const reader = cache.file('000001.sst-a', first.bytes.length, first.fetch).open()
    const told: LocalCopy[] = []
    reader.onEvicted = (copy) => told.push(copy)
    await read(reader, 0, 2 * chunk)
    await read(cache.file('000002.sst-a', chunk, second.fetch).open(), 0, 10)
    expect(told).toHaveLength(1)
    expect(cache.metrics().bytes).toBe(3 * chunk)
    reader.released(told[0]!)
    await expect.poll(() => cache.metrics().bytes).toBe(chunk)
    await cache.close()
  })

  test('where files have no holes, lets a file that fills the cache go for its own reads', async () => {
    const files = { ...systemFiles, holePuncher: async () => undefined }
    const cache = await FileCache.open(directory, 4 * chunk, { system: { ...realSystem, files } })
    const stored = new Stored(8 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    await read(file, 0, 4 * chunk)
    for (let times = 0; times < 3; times++) await read(file, 6 * chunk, 10)
    expect(stored.fetched.slice(1)).toEqual([{ offset: 6 * chunk, length: chunk }])
    await cache.close()
  })

  test('below the size of a file: reads are answered, and nothing beyond the bound is kept', async () => {
    const stored = new Stored(8 * chunk)
    const cache = await FileCache.open(directory, chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    for (const offset of [0, 3 * chunk, 5 * chunk, 0]) {
      expectBytes(await read(file, offset, 100), stored.bytes.subarray(offset, offset + 100))
    }
    expect(cache.metrics().bytes).toBeLessThanOrEqual(chunk)
    await cache.close()
  })

  test('of zero: every read is answered, nothing is kept', async () => {
    const stored = new Stored(2 * chunk)
    const cache = await FileCache.open(directory, 0)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    expectBytes(await read(file, 100, 100), stored.bytes.subarray(100, 200))
    expect(stored.fetched).toEqual([{ offset: 100, length: 100 }])
    expect(await readdir(directory)).toEqual([])
    await cache.close()
  })

  test('never evicts a file that is not in the store yet', async () => {
    const cache = await FileCache.open(directory, chunk)
    const writtenPath = join(directory, 'written')
    const bytes = randomBytes(3 * chunk)
    await writeFile(writtenPath, bytes)
    const written = cache.file('000001.sst-a', bytes.length, async () => Buffer.alloc(0))
    written.pin(writtenPath, { isShared: false })
    const other = new Stored(chunk)
    await read(cache.file('000002.sst-a', chunk, other.fetch).open(), 0, 10)
    expectBytes(await read(written.open(), 0, bytes.length), bytes)
    expect(await cache.adopt(written, writtenPath)).toBe(false)
    await cache.close()
  })
})

describe('single reads of a file, in no order', () => {
  const chunks = 64
  const order = fc.shuffledSubarray([...Array(chunks).keys()], { minLength: chunks })

  test('take some twice the requests that whole neighbourhoods would take', async () => {
    const readAll = fc.asyncProperty(order, async (places) => {
      const stored = new Stored(chunks * chunk)
      const cache = await FileCache.open(await mkdtemp(join(directory, 'roomy-')), 2 * chunks * chunk)
      const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
      for (const place of places) await read(file, place * chunk, 10)
      // Reads that happen to be in order fetch ahead, across the bounds of neighbourhoods.
      expect(stored.fetched.length).toBeLessThanOrEqual((2.5 * chunks) / 4)
      await cache.close()
    })
    await fc.assert(readAll, { numRuns: 20, seed: 1 })
  })

  test('fetch one chunk each as long as little of the file was read', async () => {
    const stored = new Stored(chunks * chunk)
    const cache = await FileCache.open(directory, 2 * chunks * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    const apart = Array.from({ length: 8 }, (_, at) => ((at * 3) % 8) * 8 + 1)
    for (const place of apart) await read(file, place * chunk, 10)
    expect(stored.fetched).toEqual(apart.map((place) => ({ offset: place * chunk, length: chunk })))
    await cache.close()
  })

  test('push nothing out that is held for more than they ask for', async () => {
    const stored = new Stored(chunks * chunk)
    const cache = await FileCache.open(directory, (chunks / 2) * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    await read(file, 0, (chunks / 2) * chunk)
    stored.fetched.length = 0
    for (const place of [60, 40, 50]) await read(file, place * chunk, 10)
    expect(stored.fetched.map(({ length }) => length)).toEqual([chunk, chunk, chunk])
    await cache.close()
  })
})

test('a hole between chunks that are held takes one request with its neighbours', async () => {
  const stored = new Stored(20 * chunk)
  const cache = await FileCache.open(directory, 100 * chunk)
  const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch)
  await read(file.open(), 5 * chunk, 10)
  stored.fetched.length = 0
  expectBytes(await read(file.open(), 3 * chunk, 5 * chunk), stored.bytes.subarray(3 * chunk, 8 * chunk))
  expect(stored.fetched).toEqual([{ offset: 3 * chunk, length: 5 * chunk }])
  expect(cache.metrics().bytes).toBe(5 * chunk)
  await cache.close()
})

test('room is made for what is missing alone, not for what comes along', async () => {
  const stored = new Stored(20 * chunk)
  const cache = await FileCache.open(directory, 20 * chunk)
  const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch)
  for (const at of [0, 8, 16]) await read(file.open(), at * chunk, 4 * chunk)
  stored.fetched.length = 0
  expectBytes(await read(file.open(), 0, 20 * chunk), stored.bytes)
  expect(stored.fetched, 'with what lies between').toEqual([{ offset: 4 * chunk, length: 12 * chunk }])
  expect(cache.metrics()).toMatchObject({ bytes: 20 * chunk, evictedBytes: 0 })
  await cache.close()
})

test('single reads in chunks as large as a request take one request each', async () => {
  const chunkBytes = 4 << 20
  const stored = new Stored(5 * chunkBytes)
  const cache = await FileCache.open(directory, 10 * chunkBytes, { chunkBytes })
  const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch)
  for (const at of [4, 2, 0]) await read(file.open(), at * chunkBytes, 10)
  expect(stored.fetched.map(({ offset }) => offset / chunkBytes)).toEqual([4, 2, 0])
  await cache.close()
})

test('chunks have the size that was asked for, and a cache with others is given up', async () => {
  const stored = new Stored(20 * chunk)
  for (const chunkBytes of [4096, 1 << 20, 4096]) {
    const cache = await FileCache.open(directory, 100 * chunk, { chunkBytes })
    expect(cache.metrics().bytes, 'of the cache before').toBe(0)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch).open()
    expectBytes(await read(file, 5000, 10), stored.bytes.subarray(5000, 5010))
    const length = Math.min(chunkBytes, stored.bytes.length)
    expect(stored.fetched.at(-1)).toEqual({ offset: Math.floor(5000 / chunkBytes) * chunkBytes, length })
    await cache.close()
  }
})

describe('after a restart', () => {
  test('fetched chunks are there, and nothing is fetched again', async () => {
    const stored = new Stored(4 * chunk)
    const before = await FileCache.open(directory, 100 * chunk)
    await read(before.file('db/000001.sst-a', stored.bytes.length, stored.fetch).open(), chunk, 10)
    await before.close()
    stored.fetched.length = 0

    const after = await FileCache.open(directory, 100 * chunk)
    expect(after.metrics().bytes).toBe(chunk)
    const file = after.file('db/000001.sst-a', stored.bytes.length, stored.fetch).open()
    expectBytes(await read(file, chunk, 10), stored.bytes.subarray(chunk, chunk + 10))
    expect(stored.fetched).toEqual([])
    // The rest is fetched into the same file.
    expectBytes(await read(file, 3 * chunk, 10), stored.bytes.subarray(3 * chunk, 3 * chunk + 10))
    await after.close()
  })

  test('a smaller bound is enforced', async () => {
    const stored = [1, 2, 3].map(() => new Stored(chunk))
    const before = await FileCache.open(directory, 100 * chunk)
    for (const [index, { bytes, fetch }] of stored.entries()) {
      await read(before.file(`00000${index}.sst-a`, bytes.length, fetch).open(), 0, 10)
    }
    await before.close()
    const after = await FileCache.open(directory, 2 * chunk)
    expect(after.metrics().bytes).toBeLessThanOrEqual(2 * chunk)
    await after.close()
  })

  test.each([
    ['without a map', (path: string) => rm(`${path}.chunks`)],
    ['of another length', (path: string) => truncate(path, 10)],
    ['whose map is cut short', (path: string) => truncate(`${path}.chunks`, 64)],
    ['whose map is nonsense', (path: string) => writeFile(`${path}.chunks`, randomBytes(65))],
  ])('a file %s is dropped', async (_, damage) => {
    const stored = new Stored(4 * chunk)
    const before = await FileCache.open(directory, 100 * chunk)
    await read(before.file('000001.sst-a', stored.bytes.length, stored.fetch).open(), 0, 10)
    await before.close()
    await damage(join(directory, '000001.sst-a'))
    const after = await FileCache.open(directory, 100 * chunk)
    expect(after.metrics().bytes).toBe(0)
    expect(await readdir(directory)).toEqual([])
    await after.close()
  })
})

describe('while it is in use', () => {
  test.skipIf(process.platform !== 'linux')('many growing files share few descriptors', async () => {
    const descriptors = async () => (await readdir('/proc/self/fd')).length
    const before = await descriptors()
    const stored = new Stored(2 * chunk)
    const cache = await FileCache.open(directory, 1000 * chunk)
    const files = Array.from({ length: 300 }, (_, index) =>
      cache.file(`${index}.sst-a`, stored.bytes.length, stored.fetch).open(),
    )
    for (const offset of [0, chunk]) {
      for (const file of files)
        expectBytes(await read(file, offset, 10), stored.bytes.subarray(offset, offset + 10))
      expect((await descriptors()) - before).toBeLessThan(120)
    }
    expect(stored.fetched).toHaveLength(600)
    await cache.close()
    await expect.poll(descriptors).toBeLessThanOrEqual(before + 2)
  })

  const size = 4 * chunk

  test('it may be deleted: reads continue, and what they fetch is kept again', async () => {
    const stored = new Stored(size)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('db/000001.sst-a', size, stored.fetch)
    const early = file.open()
    await read(early, 0, 10)
    await rm(directory, { recursive: true })
    for (const reader of [early, file.open()]) {
      for (const offset of [chunk, 0, 2 * chunk]) {
        expectBytes(await read(reader, offset, 10), stored.bytes.subarray(offset, offset + 10))
      }
    }
    expect(stored.fetched.length).toBeLessThanOrEqual(5)
    const fetched = stored.fetched.length
    expectBytes(await read(file.open(), 0, 10), stored.bytes.subarray(0, 10))
    expect(stored.fetched).toHaveLength(fetched)
    expect(cache.metrics().bytes).toBeGreaterThanOrEqual(3 * chunk)
    await cache.close()
  })

  test('its directory may be removed for good: every read is answered', async () => {
    const stored = new Stored(size)
    const cache = await FileCache.open(directory, 100 * chunk)
    const reader = cache.file('db/000001.sst-a', size, stored.fetch).open()
    await read(reader, 0, 10)
    await rm(directory, { recursive: true })
    await writeFile(directory, 'not a directory')
    for (const offset of [0, chunk, 0]) {
      expectBytes(await read(reader, offset, 10), stored.bytes.subarray(offset, offset + 10))
    }
    await cache.close()
  })

  test.skipIf(process.platform !== 'linux')('its disk may fill up: every read is answered', async () => {
    const stored = new Stored(size)
    const before = await FileCache.open(directory, 100 * chunk)
    await read(before.file('000001.sst-a', size, stored.fetch).open(), 0, 10)
    await before.close()
    const cache = await FileCache.open(directory, 100 * chunk)
    await rm(join(directory, '000001.sst-a'))
    await symlink('/dev/full', join(directory, '000001.sst-a'))
    const reader = cache.file('000001.sst-a', size, stored.fetch).open()
    expectBytes(await read(reader, 2 * chunk, 10), stored.bytes.subarray(2 * chunk, 2 * chunk + 10))
    expect(cache.metrics().bytes).toBe(0)
    await cache.close()
  })

  test('no copy of a file has the path of an earlier one, and each survives a restart', async () => {
    const stored = new Stored(size)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('000001.sst-a', size, stored.fetch)
    const reader = file.open()
    const paths: string[] = []
    for (let round = 0; round < 3; round++) {
      await file.evict()
      await read(reader, 0, 10)
      paths.push(reader.location()!.path)
    }
    expect(new Set(paths).size).toBe(3)
    await cache.close()

    const after = await FileCache.open(directory, 100 * chunk)
    stored.fetched.length = 0
    expectBytes(
      await read(after.file('000001.sst-a', size, stored.fetch).open(), 0, 10),
      stored.bytes.subarray(0, 10),
    )
    expect(stored.fetched).toEqual([])
    await after.close()
  })

  test('a reader of a deleted table is still answered, and nothing of it is kept', async () => {
    const stored = new Stored(size)
    const cache = await FileCache.open(directory, 100 * chunk)
    const reader = cache.file('000001.sst-a', size, stored.fetch).open()
    await read(reader, 0, 10)
    await cache.remove('000001.sst-a')
    expectBytes(await read(reader, chunk, 10), stored.bytes.subarray(chunk, chunk + 10))
    expect(await readdir(directory)).toEqual([])
    expect(cache.metrics().bytes).toBe(0)
    await cache.close()
  })

  test('it forgets a file that nobody reads and of which it holds nothing', async () => {
    const stored = new Stored(size)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('000001.sst-a', size, stored.fetch)
    const reader = file.open()
    await read(reader, 0, 10)
    await file.evict()
    expect(cache.file('000001.sst-a', size, stored.fetch)).toBe(file)
    reader.close()
    expect(cache.file('000001.sst-a', size, stored.fetch)).not.toBe(file)
    await cache.close()
  })

  test('evictions at any time: every read is right, and the accounting is balanced', async () => {
    const stored = new Stored(40 * chunk)
    const cache = await FileCache.open(directory, 100 * chunk)
    const file = cache.file('000001.sst-a', stored.bytes.length, stored.fetch)
    const late: (() => void)[] = []
    cache.file('000001.sst-a', stored.bytes.length, async (offset, length) => {
      await new Promise<void>((resolve) => late.push(resolve))
      return stored.fetch(offset, length)
    })
    const readsOf = Array<number>(20).fill(0)
    let isDone = false
    const churn = (async () => {
      for (let round = 0, evictions = 0; !isDone; round++) {
        await setImmediate()
        for (const resolve of late.splice(0, 1 + (round % 3))) resolve()
        // Not while somebody still waits since the last one, because a reader gives up after 8 failures.
        if (Math.min(...readsOf) <= evictions) continue
        evictions += 1
        // It may fail: files are created meanwhile.
        if (evictions % 3 === 0) await rm(directory, { recursive: true, force: true }).catch(() => undefined)
        else await file.evict()
      }
    })()
    const readers = readsOf.map(async (_, reader) => {
      const handle = file.open()
      handle.onEvicted = (copy) => handle.released(copy)
      for (let at = 0; at < 30; at++) {
        const offset = ((reader * 7 + at * 11) % 40) * chunk + 100
        expectBytes(await read(handle, offset, 50), stored.bytes.subarray(offset, offset + 50))
        readsOf[reader] = at + 1
      }
      handle.close()
    })
    await Promise.all(readers).finally(async () => {
      isDone = true
      await churn
    })
    await file.evict()
    expect(cache.metrics().bytes).toBe(0)
    await cache.close()
  })
})

test('a deleted table leaves the disk at once', async () => {
  const stored = new Stored(chunk)
  const cache = await FileCache.open(directory, 100 * chunk)
  await read(cache.file('000001.sst-a', chunk, stored.fetch).open(), 0, 10)
  await cache.remove('000001.sst-a')
  expect(await readdir(directory)).toEqual([])
  expect(cache.metrics().bytes).toBe(0)
  await cache.close()
})
