import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkGrid } from '#src/table/chunk-grid.js'

const chunkBytes = 16 * 1024
const grid = new ChunkGrid(chunkBytes)
const { maxRequestChunks } = grid

test('a range touches every chunk that it has a byte of', () => {
  expect(grid.chunksOf(0, 1)).toEqual({ first: 0, end: 1 })
  expect(grid.chunksOf(chunkBytes - 1, 2)).toEqual({ first: 0, end: 2 })
  expect(grid.chunksOf(chunkBytes, chunkBytes)).toEqual({ first: 1, end: 2 })
})

test('neighbours share a request, unless that would become too large', () => {
  const isWanted = (chunk: number) => chunk !== 2
  expect(grid.wantedRuns({ first: 0, end: 5 }, isWanted)).toEqual([
    { first: 0, end: 2 },
    { first: 3, end: 5 },
  ])
  expect(grid.wantedRuns({ first: 0, end: maxRequestChunks + 3 }, () => true)).toEqual([
    { first: 0, end: maxRequestChunks },
    { first: maxRequestChunks, end: maxRequestChunks + 3 },
  ])
})

test('chunks that lie near each other share a request, if what lies between may come again', () => {
  const wanted = new Set([1, 6, 12])
  const isWanted = (chunk: number) => wanted.has(chunk)
  const range = { first: 0, end: 20 }
  expect(grid.wantedRuns(range, isWanted, () => true)).toEqual([
    { first: 1, end: 7 },
    { first: 12, end: 13 },
  ])
  expect(grid.wantedRuns(range, isWanted, (chunk) => chunk !== 3)).toHaveLength(3)
})

test('runs have each wanted chunk once, and others only between two of them', () => {
  const states = fc.array(fc.constantFrom('wanted', 'present', 'fetched'), { maxLength: 600 })
  fc.assert(
    fc.property(states, fc.constantFrom(4096, 16_384, 1 << 20), (chunks, size) => {
      const runs = new ChunkGrid(size).wantedRuns(
        { first: 0, end: chunks.length },
        (chunk) => chunks[chunk] === 'wanted',
        (chunk) => chunks[chunk] === 'present',
      )
      let last = 0
      for (const { first, end } of runs) {
        expect(first).toBeGreaterThanOrEqual(last)
        expect(chunks.slice(last, first)).not.toContain('wanted')
        expect(chunks.slice(first, end)).not.toContain('fetched')
        expect([chunks[first], chunks[end - 1]]).toEqual(['wanted', 'wanted'])
        expect((end - first) * size).toBeLessThanOrEqual(4 << 20)
        last = end
      }
      expect(chunks.slice(last)).not.toContain('wanted')
    }),
  )
})
