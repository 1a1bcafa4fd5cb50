import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import { mapSuffix, SparseCopy } from '#src/cloud/sparse-copy.js'
import { systemFiles } from '#src/env/files.js'

const chunk = 65_536
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
  const copy = await SparseCopy.empty(files, path, 1, size, bootId)
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

test('a write reopens idle files, and does nothing after close', async () => {
  const copy = await SparseCopy.empty(systemFiles, path, 1, size, bootId)
  await copy.write(0, randomBytes(chunk))
  await copy.closeIdle()
  await copy.write(1, randomBytes(chunk))
  await copy.close()
  await copy.write(2, randomBytes(chunk))
  expect((await mapOnDisk())!.presentBytes).toBe(2 * chunk)
})

test('a leftover of the same name is not reused', async () => {
  const old = await SparseCopy.empty(systemFiles, path, 1, size, bootId)
  await old.write(0, randomBytes(chunk))
  await old.close()
  const copy = await SparseCopy.empty(systemFiles, path, 1, size, bootId)
  expect(copy.map.presentBytes).toBe(0)
  expect((await mapOnDisk())!.presentBytes).toBe(0)
  await copy.close()
})

test('a complete file moves to its map, and stays the same file for readers that have it open', async () => {
  const local = join(directory, '1.sst')
  const bytes = randomBytes(size)
  await writeFile(local, bytes)
  const copy = SparseCopy.complete(systemFiles, local, path, 1, size, bootId)
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
  const copy = await SparseCopy.empty(systemFiles, path, 1, size, bootId)
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
