import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import { mapSuffix, SparseCopy } from '#src/cloud/sparse-copy.js'
import { systemFiles } from '#src/env/files.js'
import type { PunchHoles } from '#src/env/holes.js'
import { markUsed } from '../support/used-chunks.js'

const chunk = 16_384
const size = 3 * chunk + 10
const bootId = 'b'

let directory: string
let path: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sparse-copy-'))
  path = join(directory, 'db/1.sst-a')
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function mapOnDisk(): Promise<ChunkMap | undefined> {
  return ChunkMap.decode(await readFile(path + mapSuffix), size, bootId)
}

test('chunks are on disk before they count as present', async () => {
  let dataWritten = 0
  const order: string[] = []
  const files = {
    ...systemFiles,
    async open(opened: string, flags: 'r') {
      const file = await systemFiles.open(opened, flags)
      const kind = opened.endsWith(mapSuffix) ? 'map' : 'data'
      const write = file.write.bind(file)
      file.write = async (...parameters: Parameters<typeof write>) => {
        order.push(kind)
        if (kind === 'data') dataWritten += parameters[2]
        return write(...parameters)
      }
      return file
    },
  }
  const copy = await SparseCopy.empty(files, path, 1, new ChunkMap(size, chunk), bootId)
  order.length = 0
  const bytes = randomBytes(chunk + 10)
  await copy.write(2, bytes)
  expect(order).toEqual(['data', 'map'])
  expect(dataWritten).toBe(bytes.length)
  const map = (await mapOnDisk())!
  expect([0, 1, 2, 3].map((at) => map.has(at))).toEqual([false, false, true, true])
  expect(map.presentBytes).toBe(bytes.length)
  expect((await readFile(path)).subarray(2 * chunk).equals(bytes)).toBe(true)
  expect((await stat(path)).size).toBe(size)
  await copy.close()
})

test('a herald is on disk, and the bridge is not told of it before it is announced', async () => {
  const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
  const bytes = randomBytes(2 * chunk)
  await copy.write(0, bytes, 1)
  expect(copy.map.presentBytes).toBe(2 * chunk)
  expect((await mapOnDisk())!.has(1)).toBe(false)
  expect(await copy.holds(0, bytes)).toBe(true)
  await copy.closeIdle()
  copy.announce({ first: 1, end: 2 })
  expect((await mapOnDisk())!.has(1)).toBe(true)
  await copy.close()
})

test('a herald is a chunk that was not there, since the bridge knows the others', async () => {
  const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
  await copy.write(1, randomBytes(chunk))
  await copy.write(0, randomBytes(3 * chunk), 1)
  const map = (await mapOnDisk())!
  expect([0, 1, 2].map((at) => map.has(at))).toEqual([true, true, false])
  await copy.close()
})

test('a write reopens idle files, and does nothing after close', async () => {
  const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
  await copy.write(0, randomBytes(chunk))
  await copy.closeIdle()
  await copy.write(1, randomBytes(chunk))
  await copy.close()
  await copy.write(2, randomBytes(chunk))
  expect((await mapOnDisk())!.presentBytes).toBe(2 * chunk)
})

test('a leftover of the same name is not reused', async () => {
  const old = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
  await old.write(0, randomBytes(chunk))
  await old.close()
  const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
  expect(copy.map.presentBytes).toBe(0)
  expect((await mapOnDisk())!.presentBytes).toBe(0)
  await copy.close()
})

test('a complete file moves to its map, and stays the same file for readers that have it open', async () => {
  const local = join(directory, '1.sst')
  const bytes = randomBytes(size)
  await writeFile(local, bytes)
  const copy = SparseCopy.complete(systemFiles, local, path, 1, ChunkMap.full(size, chunk, false), bootId)
  expect((await mapOnDisk())!.presentBytes).toBe(size)
  const reader = await systemFiles.open(local, 'r')
  await copy.moveTo(path)
  expect(copy.path).toBe(path)
  const read = Buffer.alloc(size)
  await reader.read(read, 0, size, 0)
  expect(read.equals(bytes)).toBe(true)
  await reader.close()
  expect(await copy.isThere()).toBe(true)
})

test('it knows which bytes it holds, and whether somebody deleted it', async () => {
  const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
  const bytes = randomBytes(chunk)
  await copy.write(1, bytes)
  expect(await copy.holds(1, bytes)).toBe(true)
  expect(await copy.holds(1, randomBytes(chunk))).toBe(false)
  await rm(path)
  expect(await copy.holds(1, bytes)).toBe(false)
  expect(await copy.isThere()).toBe(false)
  await copy.remove()
  await expect(stat(path + mapSuffix)).rejects.toThrow('ENOENT')
})

describe('a sweep', () => {
  const ages = { ages: true }
  const present = (copy: SparseCopy) => [0, 1, 2, 3].filter((at) => copy.map.has(at))

  /** A copy of which nothing was read. */
  async function unread(): Promise<{ copy: SparseCopy; bytes: Buffer; punchHoles: PunchHoles }> {
    const punchHoles = (await systemFiles.holePuncher(directory))!
    const bytes = randomBytes(size)
    const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
    await copy.write(0, bytes)
    copy.forgetReads()
    return { copy, bytes, punchHoles }
  }

  const isLinux = process.platform === 'linux'

  test.skipIf(!isLinux)('takes out what nobody read, and its space', async () => {
    const { copy, bytes, punchHoles } = await unread()
    const before = (await stat(path)).blocks
    markUsed(copy, size, [1])
    const swept = copy.sweep(size, punchHoles, ages)!
    expect(swept).toMatchObject({ freedBytes: 2 * chunk + 10, isThrough: true })
    expect(present(copy)).toEqual([1])
    expect((await mapOnDisk())?.presentBytes).toBe(chunk)
    await swept.punched
    expect((await stat(path)).blocks).toBeLessThan(before / 2)
    const onDisk = await readFile(path)
    expect(onDisk.length).toBe(size)
    expect(onDisk.subarray(chunk, 2 * chunk).equals(bytes.subarray(chunk, 2 * chunk))).toBe(true)
    expect(onDisk.subarray(0, chunk).equals(Buffer.alloc(chunk))).toBe(true)
    await copy.close()
  })

  test.skipIf(!isLinux)('what comes back at once is written after the hole was made', async () => {
    const { copy, bytes, punchHoles } = await unread()
    let punch = () => {}
    const waiting = new Promise<void>((resolve) => {
      punch = resolve
    })
    const swept = copy.sweep(1, async (...holes) => waiting.then(() => punchHoles(...holes)), ages)!
    const writing = copy.write(0, bytes.subarray(0, chunk))
    await setImmediate()
    expect(present(copy)).toEqual([1, 2, 3])
    punch()
    await Promise.all([swept.punched, writing])
    expect(present(copy)).toEqual([0, 1, 2, 3])
    expect((await readFile(path)).equals(bytes)).toBe(true)
    await copy.close()
  })

  test.skipIf(!isLinux)('clears the bits and counts itself before the bytes go', async () => {
    const { copy } = await unread()
    const seen: unknown[] = []
    const punchHoles: PunchHoles = async (...holes) => {
      const map = readFileSync(path + mapSuffix)
      seen.push(ChunkMap.decode(map, size, bootId)?.has(0), map.readUInt32LE(24), holes)
    }
    await copy.sweep(1, punchHoles, ages)!.punched
    expect(seen).toEqual([false, 1, [path, [{ offset: 0, length: chunk }]]])
    await copy.close()
  })

  test.skipIf(!isLinux)('leaves alone what is held, and what is being written', async () => {
    const { copy, bytes, punchHoles } = await unread()
    const writing = copy.write(1, bytes.subarray(chunk, 2 * chunk))
    const release = copy.hold({ first: 3, end: 4 })
    copy.sweep(size, punchHoles, ages)
    expect(present(copy)).toEqual([1, 3])
    await writing
    release()
    copy.forgetReads()
    expect(copy.sweep(size, punchHoles, ages), 'nothing would be left').toBeUndefined()
    await copy.close()
  })

  test.skipIf(!isLinux)('of a file with another name takes nothing out of it', async () => {
    const { copy, bytes, punchHoles } = await unread()
    const other = join(directory, 'other')
    await link(path, other)
    await expect(copy.sweep(1, punchHoles, ages)?.punched).rejects.toMatchObject({ code: 'EMLINK' })
    expect((await readFile(other)).equals(bytes)).toBe(true)
    await copy.close()
  })

  test.each(['no holes', 'is shared', 'has no map'])(
    'that %s goes as a whole, once nobody has read it for some rounds',
    async (why) => {
      const local = join(directory, '1.sst')
      await writeFile(local, randomBytes(size))
      if (why === 'has no map') await mkdir(path + mapSuffix, { recursive: true })
      const map = ChunkMap.full(size, chunk, why === 'is shared')
      const copy = SparseCopy.complete(systemFiles, local, path, 1, map, bootId)
      const punchHoles = why === 'no holes' ? undefined : await systemFiles.holePuncher(directory)
      if (why !== 'has no map') markUsed(copy, size, [2])
      let rounds = 0
      while (copy.sweep(1, punchHoles, ages)) rounds += 1
      expect(rounds).toBe(why === 'has no map' ? 1 : 8)
      expect(copy.map.presentBytes).toBe(size)
    },
  )

  test('of deleted files goes as a whole', async () => {
    const copy = await SparseCopy.empty(systemFiles, path, 1, new ChunkMap(size, chunk), bootId)
    await copy.write(0, randomBytes(2 * chunk))
    await rm(path + mapSuffix)
    expect(copy.sweep(1, async () => undefined, ages)).toBeUndefined()
    await copy.close()
  })
})
