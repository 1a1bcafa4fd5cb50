import { expect, test } from 'vitest'
import { chunkBytes, chunksOf, maxRequestChunks, wantedRuns } from '#src/table/chunk-runs.js'

test('a range touches every chunk that it has a byte of', () => {
  expect(chunksOf(0, 1)).toEqual({ first: 0, end: 1 })
  expect(chunksOf(chunkBytes - 1, 2)).toEqual({ first: 0, end: 2 })
  expect(chunksOf(chunkBytes, chunkBytes)).toEqual({ first: 1, end: 2 })
})

test('neighbours share a request, unless that would become too large', () => {
  const isWanted = (chunk: number) => chunk !== 2
  expect(wantedRuns({ first: 0, end: 5 }, isWanted)).toEqual([
    { first: 0, end: 2 },
    { first: 3, end: 5 },
  ])
  expect(wantedRuns({ first: 0, end: maxRequestChunks + 3 }, () => true)).toEqual([
    { first: 0, end: maxRequestChunks },
    { first: maxRequestChunks, end: maxRequestChunks + 3 },
  ])
})
