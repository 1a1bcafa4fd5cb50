// The cache beside others on a disk that fills up.
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { defaultReserveBytes, withRoom } from '#src/cloud/disk-space.js'
import { FileCache } from '#src/cloud/file-cache.js'
import type { LocalCopy, SparseFile } from '#src/env/env.js'
import { type Files, systemFiles } from '#src/env/files.js'
import { realSystem } from '#src/env/system.js'
import { ManualClock } from '../support/manual-clock.js'
import { deferred } from '../support/scripted-env.js'
import { readSparse as read } from '../support/scripted-rocksdb.js'
import { freeBytes, needsRoot, smallDisk } from '../support/small-disk.js'

const mib = 1 << 20
/** More than any of the disks. */
const maxBytes = 10 * 1024 * mib
const tableBytes = 2 * mib
const table = randomBytes(tableBytes)

test.each([
  ['5 % of a large disk', 1000 * 2 ** 30, 50 * 2 ** 30],
  ['1 GiB of a disk of 15 GiB', 15 * 2 ** 30, 2 ** 30],
  ['a tenth of a small disk', 48 * mib, 4.8 * mib],
])('the reserve is %s', (_, totalBytes, reserve) => {
  expect(defaultReserveBytes({ totalBytes, freeBytes: 0 })).toBe(Math.floor(reserve))
})

test('a write that found no room finds what others gave back before the cache looked', async () => {
  let isFull = true
  const makeRoom = async () => {
    isFull = false
    return false
  }
  const write = async () => {
    if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    return 'written'
  }
  expect(await withRoom(makeRoom, 1, write)).toBe('written')
})

describe.skipIf(needsRoot)(`a cache that may be larger than its disk${needsRoot}`, () => {
  test('leaves a tenth of it free, however much is read at once', async () => {
    const { cache, files, disk } = await filled(48)
    expect(cache.metrics()).toMatchObject({ maxBytes, reserveBytes: Math.floor(4.8 * mib) })
    expect(freeBytes(disk)).toBeGreaterThanOrEqual(4.8 * mib)
    await Promise.all(files.map(expectWhole))
    expect(freeBytes(disk)).toBeGreaterThanOrEqual(4.8 * mib)
    const { bytes, allowedBytes } = cache.metrics()
    expect(bytes).toBeGreaterThan(30 * mib)
    expect(bytes).toBeLessThanOrEqual(allowedBytes)
    expect(allowedBytes).toBeLessThan(44 * mib)
    await cache.close()
  })

  test('gives way when others take the reserve, and grows again when there is room', async () => {
    const { cache, files, clock, disk } = await filled(32)
    await writeFile(join(disk, 'log'), Buffer.alloc(freeBytes(disk)))
    expect(freeBytes(disk)).toBe(0)
    clock.advance(1000)
    await expect.poll(() => freeBytes(disk)).toBeGreaterThanOrEqual(3 * mib)
    await rm(join(disk, 'log'))
    await cache.giveWay()
    const bytes = cache.metrics().bytes
    await Promise.all(files.map(expectWhole))
    expect(cache.metrics().bytes).toBeGreaterThan(bytes)
    await cache.close()
  })

  test('makes room at once for a write that found none, as long as something can be evicted', async () => {
    const { cache, disk } = await filled(32)
    const ballast = join(disk, 'ballast')
    await writeFile(ballast, Buffer.alloc(freeBytes(disk)))
    expect(await cache.makeRoom(5 * mib)).toBe(true)
    expect(freeBytes(disk)).toBeGreaterThanOrEqual(8 * mib)
    expect(await cache.makeRoom(100 * mib)).toBe(true)
    expect(cache.metrics().bytes).toBe(0)
    expect(await cache.makeRoom(1)).toBe(false)
    await cache.close()
  })

  test('makes room although the table that was used longest ago is still on its way', async () => {
    const { cache, files, disk } = await filled(32)
    const arrival = deferred()
    const late = cache.file('late.sst-a', tableBytes, async (offset, length) => {
      await arrival.promise
      return fetchTable(offset, length)
    })
    const reading = expectWhole(late.open())
    await Promise.all(files.map(expectWhole))
    await writeFile(join(disk, 'ballast'), Buffer.alloc(freeBytes(disk)))
    expect(await cache.makeRoom(5 * mib)).toBe(true)
    expect(freeBytes(disk)).toBeGreaterThanOrEqual(8 * mib)
    arrival.resolve()
    await reading
    await cache.close()
  })

  test('makes all the room although others took what it does not know yet to be free', async () => {
    const disk = smallDisk('32m')
    const looked = deferred()
    let isRemoving = false
    const files: Files = {
      ...systemFiles,
      async rm(path, options) {
        await systemFiles.rm(path, options)
        if (isRemoving && path.includes('removed')) await looked.promise
      },
      async statfs(path) {
        const stats = await systemFiles.statfs(path)
        if (isRemoving) looked.resolve()
        return stats
      },
    }
    const cache = await FileCache.open(join(disk, 'cache'), maxBytes, { system: { ...realSystem, files } })
    const removed = ['removed-1', 'removed-2', 'removed-3']
    for (const name of [...removed, '4', '5', '6', '7', '8'])
      await expectWhole(cache.file(`${name}.sst-a`, tableBytes, fetchTable).open())
    const before = freeBytes(disk)
    isRemoving = true
    const removals = removed.map((name) => cache.remove(`${name}.sst-a`))
    await expect.poll(() => freeBytes(disk)).toBeGreaterThanOrEqual(before + 3 * tableBytes)
    await writeFile(join(disk, 'ballast'), Buffer.alloc(freeBytes(disk)))
    expect(await cache.makeRoom(3 * mib)).toBe(true)
    expect(freeBytes(disk)).toBeGreaterThanOrEqual(6 * mib)
    await Promise.all(removals)
    await cache.close()
  })

  test('has made room once the readers of what it evicted have let go', async () => {
    const { cache, files, disk } = await filled(32)
    const held: [SparseFile, LocalCopy][] = []
    for (const file of files) file.onEvicted = (copy) => held.push([file, copy])
    await writeFile(join(disk, 'ballast'), Buffer.alloc(freeBytes(disk)))
    let isMade = false
    const making = cache.makeRoom(mib).then(() => {
      isMade = true
    })
    await expect.poll(() => held.length).toBeGreaterThan(0)
    expect(isMade).toBe(false)
    for (const [file, copy] of held) file.released(copy)
    await making
    await cache.close()
  })

  test('keeps nothing on a full disk, and answers every read', async () => {
    const disk = smallDisk('8m')
    const cache = await FileCache.open(join(disk, 'cache'), maxBytes)
    await writeFile(join(disk, 'ballast'), Buffer.alloc(freeBytes(disk)))
    await cache.giveWay()
    const file = cache.file('000001.sst-a', tableBytes, fetchTable).open()
    await expectWhole(file)
    expect(cache.metrics()).toMatchObject({ bytes: 0, allowedBytes: 0 })
    await cache.close()
  })

  test('evicts the least recently used files if it finds less room after a restart', async () => {
    const { cache, disk } = await filled(32)
    await cache.close()
    await writeFile(join(disk, 'ballast'), Buffer.alloc(freeBytes(disk)))
    const after = await FileCache.open(join(disk, 'cache'), maxBytes)
    expect(freeBytes(disk)).toBeGreaterThanOrEqual(3 * mib)
    expect(after.metrics().bytes).toBeGreaterThan(16 * mib)
    await after.close()
  })
})

async function fetchTable(offset: number, length: number): Promise<Uint8Array> {
  return table.subarray(offset, offset + length)
}

async function expectWhole(file: SparseFile): Promise<void> {
  expect((await read(file, 0, tableBytes)).equals(table), 'the bytes are those of the object').toBe(true)
}

/** A cache on a disk of so many MiB, through which more was read than it holds. */
async function filled(diskMib: number) {
  const disk = smallDisk(`${diskMib}m`)
  const clock = new ManualClock()
  const cache = await FileCache.open(join(disk, 'cache'), maxBytes, { system: { ...realSystem, clock } })
  const files = Array.from({ length: diskMib }, (_, index) =>
    cache.file(`${index}.sst-a`, tableBytes, fetchTable).open(),
  )
  for (const file of files) await expectWhole(file)
  return { cache, files, clock, disk }
}
