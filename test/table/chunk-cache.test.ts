import { expect, test } from 'vitest'
import { ChunkCache, chunkBytes } from '#src/table/chunk-cache.js'

/** A file in which each byte is the number of its chunk, and what is fetched of it. */
function numberedFile(chunks: number) {
  const fetched: [offset: number, length: number][] = []
  const fetch = async (offset: number, length: number): Promise<Uint8Array> => {
    fetched.push([offset, length])
    // A Buffer, as stores return it.
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) bytes[at] = Math.floor((offset + at) / chunkBytes)
    return bytes
  }
  return { file: { name: 'numbered', size: chunks * chunkBytes, fetch }, fetched }
}

test('what lies across chunks is put together, and fetched once', async () => {
  const { file, fetched } = numberedFile(4)
  const cache = new ChunkCache(4 * chunkBytes)
  const across = await cache.read(file, 2 * chunkBytes - 2, 4)
  expect([...across]).toEqual([1, 1, 2, 2])
  expect([...(await cache.read(file, 2 * chunkBytes - 1, 2))]).toEqual([1, 2])
  expect(fetched).toEqual([[chunkBytes, 2 * chunkBytes]])
})

test('a chunk keeps no memory but its own, for it stays longer than those that came with it', async () => {
  const { file, fetched } = numberedFile(64)
  const cache = new ChunkCache(64 * chunkBytes)
  await cache.read(file, 0, file.size)
  expect(fetched).toHaveLength(1)
  const inOneChunk = await cache.read(file, 5 * chunkBytes, 10)
  expect(inOneChunk.buffer.byteLength).toBe(chunkBytes)
})
