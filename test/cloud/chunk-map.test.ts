import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkMap } from '#src/cloud/chunk-map.js'

const bootId = '6f1e0f6b-58a8-4c39-9b5c-0b9f0f0a5f11'

const maps = fc
  .record({ fileSize: fc.integer({ min: 1, max: 1_000_000 }), power: fc.integer({ min: 9, max: 17 }) })
  .chain(({ fileSize, power }) => {
    const chunkCount = Math.ceil(fileSize / 2 ** power)
    return fc.record({
      fileSize: fc.constant(fileSize),
      chunkBytes: fc.constant(2 ** power),
      chunks: fc.uniqueArray(fc.integer({ min: 0, max: chunkCount - 1 })),
    })
  })

test('a chunk map reads back as written', () => {
  fc.assert(
    fc.property(maps, ({ fileSize, chunkBytes, chunks }) => {
      const map = new ChunkMap(fileSize, chunkBytes)
      for (const chunk of chunks) map.add(chunk)
      const read = ChunkMap.decode(map.encode(bootId), fileSize, bootId)
      expect(read?.bits).toEqual(map.bits)
      expect(read?.presentBytes).toBe(map.presentBytes)
      const all = Array.from({ length: map.chunkCount }, (_, chunk) => chunk)
      expect(all.filter((chunk) => read?.has(chunk))).toEqual([...chunks].sort((a, b) => a - b))
    }),
  )
})

test('a chunk that is present and not shown is not in the file, until it is shown or taken out', () => {
  const map = new ChunkMap(4 * 65_536, 65_536)
  const inFile = () => [...map.bitsOf(0, 4).bytes]
  const bits = map.bitsOf(0, 4).bytes
  for (const chunk of [0, 1, 2]) map.add(chunk, { isShown: chunk === 0 })
  expect([map.has(1), map.isShown(1), map.presentBytes]).toEqual([true, false, 3 * 65_536])
  expect(inFile()).toEqual([0b001])
  expect(map.show({ first: 0, end: 2 })).toBe(true)
  expect(map.show({ first: 0, end: 2 }), 'nothing new').toBe(false)
  expect([...bits], 'a write that is under way has it too').toEqual([0b011])
  map.remove(2)
  expect(map.show({ first: 0, end: 4 })).toBe(false)
  expect(inFile()).toEqual([0b011])
})

test('the last chunk counts only its own bytes', () => {
  const map = new ChunkMap(100_000, 65_536)
  map.add(1)
  map.add(1)
  expect(map.presentBytes).toBe(100_000 - 65_536)
})

test('a map of another boot, file size or format is not trusted', () => {
  const encoded = new ChunkMap(200_000, 65_536).encode(bootId)
  expect(ChunkMap.decode(encoded, 200_000, bootId)).toBeDefined()
  expect(ChunkMap.decode(encoded, 200_000, 'another-boot')).toBeUndefined()
  expect(ChunkMap.decode(encoded, 200_001, bootId)).toBeUndefined()
  expect(ChunkMap.decode(encoded.subarray(0, encoded.length - 1), 200_000, bootId)).toBeUndefined()
  expect(ChunkMap.decode(new Uint8Array(0), 200_000, bootId)).toBeUndefined()
})

test('random bytes are never a map and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(ChunkMap.decode(bytes, 1000, bootId)).toBeUndefined()
    }),
  )
})
