import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CacheBudget } from '#src/cloud/cache-budget.js'
import { CacheCounts } from '#src/cloud/cache-counts.js'
import { CachedFile } from '#src/cloud/cached-file.js'
import { cachedPath } from '#src/cloud/cached-path.js'
import type { LocalCopy } from '#src/env/env.js'
import { realSystem } from '#src/env/system.js'
import { ChunkGrid } from '#src/table/chunk-grid.js'
import { readSparse } from '../support/scripted-rocksdb.js'

const chunk = 16_384
const size = 3 * chunk + 10

let directory: string
let path: string
let bytes: Buffer

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cached-file-'))
  path = join(directory, 'cache/000001.sst-a')
  bytes = randomBytes(size)
})

afterEach(() => rm(directory, { recursive: true, force: true }))

/** A cache with room for so many bytes, and what its file told it. */
class Budget implements CacheBudget {
  readonly system = realSystem
  readonly counts = new CacheCounts()
  readonly grid = new ChunkGrid(chunk)
  readonly punchHoles = undefined
  readonly maxBytes = 1 << 30
  room: number
  /** Bytes that were evicted and are not released yet. */
  unreleased = 0
  idleTimes = 0

  constructor(room = 1 << 30) {
    this.room = room
  }

  reserve(wanted: number): boolean {
    if (wanted > this.room) return false
    this.room -= wanted
    return true
  }

  settled(): void {}
  resized(): void {}

  releaseLater(evicted: number): () => void {
    this.unreleased += evicted
    return () => {
      this.unreleased -= evicted
    }
  }

  onIdle(): void {
    this.idleTimes += 1
  }
}

const stored = async (offset: number, length: number) => bytes.subarray(offset, offset + length)

function isCopy(answer: LocalCopy | Uint8Array): answer is LocalCopy {
  return !(answer instanceof Uint8Array)
}

/** A complete file as RocksDB has just written it. */
async function writtenFile(): Promise<string> {
  const localPath = join(directory, '000001.sst-a')
  await writeFile(localPath, bytes)
  return localPath
}

test('a file just written is read in place, and cannot be evicted before the store has it', async () => {
  const budget = new Budget()
  const file = new CachedFile(path, size, stored, budget)
  const localPath = await writtenFile()
  file.pin(localPath, { isShared: false })
  expect(file.isPinned).toBe(true)
  expect(file.location()?.path).toBe(localPath)
  expect(await file.refetch(0, 0, 0), 'its only copy is never replaced').toBe(false)
  expect((await readSparse(file.open(), chunk, 10)).equals(bytes.subarray(chunk, chunk + 10))).toBe(true)
  expect(budget.counts.fetchedBytes).toBe(0)
})

test('the same file moves into the cache once the store has it', async () => {
  const file = new CachedFile(path, size, stored, new Budget())
  const localPath = await writtenFile()
  file.pin(localPath, { isShared: false })
  const { generation } = file.location()!
  await mkdir(dirname(path), { recursive: true })
  await file.adopt(localPath)
  expect(file.isPinned).toBe(false)
  expect(file.location()).toMatchObject({ path, generation })
  expect((await readFile(path)).equals(bytes)).toBe(true)
})

test('reads of a removed file are still answered, and nothing of it is kept', async () => {
  const file = new CachedFile(path, size, stored, new Budget())
  const reader = file.open()
  await readSparse(reader, 0, 10)
  await file.remove()
  expect((await readSparse(reader, chunk, 10)).equals(bytes.subarray(chunk, chunk + 10))).toBe(true)
  expect(file.presentBytes).toBe(0)
  expect(await readdir(dirname(path))).toEqual([])
})

test('bytes that arrive after a removal are not written', async () => {
  let arrive: (bytes: Uint8Array) => void = () => undefined
  const arriving = new Promise<Uint8Array>((resolve) => {
    arrive = resolve
  })
  const file = new CachedFile(path, size, () => arriving, new Budget())
  const reading = file.open().ensure(0, 10)
  await setImmediate()
  await file.remove()
  arrive(bytes.subarray(0, chunk))
  await reading
  expect(file.presentBytes).toBe(0)
})

test('a copy after an eviction is another file, so that a reader of the first one stays right', async () => {
  const file = new CachedFile(path, size, stored, new Budget())
  const reader = file.open()
  const first = await reader.ensure(0, 10)
  await file.evict()
  const second = await reader.ensure(0, 10)
  if (!isCopy(first) || !isCopy(second)) throw new Error('the disk has room')
  expect(second.generation).toBeGreaterThan(first.generation)
  expect(second.path).not.toBe(first.path)
  expect([first, second].map((copy) => cachedPath(copy.path))).toEqual([path, path])
})

test('an evicted copy takes up room until the last reader has closed it', async () => {
  const budget = new Budget()
  const file = new CachedFile(path, size, stored, budget)
  const readers = [file.open(), file.open()]
  const copy = await readers[0]!.ensure(0, 10)
  if (!isCopy(copy)) throw new Error('the disk has room')
  for (const reader of readers) reader.onEvicted = () => undefined
  await file.evict()
  expect(budget.unreleased).toBe(chunk)
  readers[0]!.released(copy)
  expect(budget.unreleased).toBe(chunk)
  readers[1]!.close()
  expect(budget.unreleased).toBe(0)
})

test('without room a read returns the bytes themselves', async () => {
  const file = new CachedFile(path, size, stored, new Budget(0))
  expect(await file.open().ensure(7, 10)).toEqual(bytes.subarray(7, 17))
  expect(file.heldBytes).toBe(0)
})

test('without room for read-ahead, the requested range is kept', async () => {
  const budget = new Budget(chunk)
  const file = new CachedFile(path, size, stored, budget)
  expect(isCopy(await file.ensure(0, chunk, { run: { first: 0, end: 3 }, for: 'ahead' }))).toBe(true)
  expect(file.presentBytes).toBe(chunk)
  expect(budget.counts.fetchedBytes).toBe(chunk)
})

test('a copy that somebody deleted is fetched again', async () => {
  const file = new CachedFile(path, size, stored, new Budget())
  await file.ensure(0, 10)
  await rm(dirname(path), { recursive: true })
  expect((await readSparse(file.open(), 0, 10)).equals(bytes.subarray(0, 10))).toBe(true)
})

test('a damaged chunk is replaced, and a sound one is recognized', async () => {
  const sound = Buffer.from(bytes)
  const file = new CachedFile(path, size, stored, new Budget())
  bytes[5]! ^= 1
  await file.ensure(0, size)
  bytes = sound
  expect(await file.refetch(0, 10, 0)).toBe(true)
  expect((await readFile(path)).equals(sound)).toBe(true)
  await file.ensure(0, size)
  expect(await file.refetch(2 * chunk, 10, 0), 'the store has no other bytes').toBe(false)
})

test('a file reports when nobody needs it any more', async () => {
  const budget = new Budget()
  const file = new CachedFile(path, size, stored, budget)
  const reader = file.open()
  await reader.ensure(0, 10)
  reader.close()
  expect(budget.idleTimes, 'its chunks are held').toBe(0)
  await file.evict()
  expect(budget.idleTimes).toBe(1)
})

test('a failure goes to its reader, and the next one asks the store again', async () => {
  let isAway = true
  const file = new CachedFile(
    path,
    size,
    (offset, length) => (isAway ? Promise.reject(new Error('the store is away')) : stored(offset, length)),
    new Budget(),
  )
  await expect(file.ensure(0, 10)).rejects.toThrow('the store is away')
  expect(file.heldBytes).toBe(0)
  isAway = false
  expect(isCopy(await file.ensure(0, 10))).toBe(true)
})
