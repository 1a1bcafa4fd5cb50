import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ScanAhead } from '#src/cloud/scan-ahead.js'
import { ChunkGrid, type Run } from '#src/table/chunk-grid.js'

const chunk = 16 * 1024
const grid = new ChunkGrid(chunk)
const mib = 1024 * 1024
const nothing = () => false
const most = 16 * mib

describe('who reads in order', () => {
  test('gets twice as much each time, up to 16 MiB', () => {
    const ahead = new ScanAhead(grid, 1024 * mib)
    let at = 1000 * chunk
    const bytes: number[] = []
    for (let miss = 0; miss < 12; miss++) {
      bytes.push(ahead.after(at, chunk, 'missing', nothing))
      at += chunk + bytes.at(-1)!
    }
    expect(bytes.map((each) => each / mib)).toEqual([
      0,
      1 / 32,
      1 / 16,
      1 / 8,
      1 / 4,
      1 / 2,
      1,
      2,
      4,
      8,
      16,
      16,
    ])
  })

  test.each([1, 4, 32])('of %i chunks at a time never waits once it has read some', (chunks) => {
    const ahead = new ScanAhead(grid, 1024 * mib)
    const shown = new Set<number>()
    const there = new Set<number>()
    const waits: number[] = []
    const fetched: number[] = []
    for (let at = 0; at < 16_000; at += chunks) {
      const asked = Array.from({ length: chunks }, (_, index) => at + index)
      if (asked.every((each) => shown.has(each))) continue
      const isThere = asked.every((each) => there.has(each))
      if (!isThere) waits.push(at)
      const after = ahead.after(at * chunk, chunks * chunk, isThere ? 'ahead' : 'missing', nothing)
      for (const each of asked) shown.add(each)
      const end = at + chunks + after / chunk
      const wanted = Array.from({ length: end - at }, (_, index) => at + index).filter(
        (each) => !there.has(each),
      )
      // The first of each fetch that nobody asked for is its herald.
      const herald = wanted.find((each) => each >= at + chunks)
      for (const each of wanted) {
        there.add(each)
        if (each !== herald) shown.add(each)
      }
      if (wanted.length > 0) fetched.push(wanted.length)
    }
    expect(waits.length).toBeLessThan(4)
    expect(fetched.length, 'requests for 250 MiB').toBeLessThan(100)
    expect(Math.min(...fetched.slice(-20))).toBeGreaterThanOrEqual((3 * mib) / chunk)
  })

  test('leaves no more behind that it does not read than it has read', () => {
    const ahead = new ScanAhead(grid, 1024 * mib)
    let end = 0
    for (let at = 0; at < 1000; at++) {
      const after = ahead.after(at * chunk, chunk, at < end ? 'ahead' : 'missing', nothing)
      end = Math.max(end, at + 1 + after / chunk)
      expect(end - at - 1).toBeLessThanOrEqual(at + 2)
    }
  })

  test('gets no more than a sixteenth of the cache', () => {
    const ahead = new ScanAhead(grid, 100 * chunk)
    ahead.after(0, chunk, 'missing', nothing)
    expect(ahead.after(chunk, chunk, 'missing', nothing)).toBe(2 * chunk)
    expect(ahead.after(4 * chunk, chunk, 'missing', nothing)).toBe(4 * chunk)
    expect(ahead.after(9 * chunk, chunk, 'missing', nothing)).toBe(6 * chunk)
    const none = new ScanAhead(grid, 0)
    none.after(0, chunk, 'missing', nothing)
    expect(none.after(chunk, chunk, 'missing', nothing)).toBe(0)
  })
})

test('who jumps about gets no more than was asked for', () => {
  const ahead = new ScanAhead(grid, 1024 * mib)
  ahead.after(0, chunk, 'missing', nothing)
  expect(ahead.after(chunk, chunk, 'missing', nothing)).toBe(2 * chunk)
  for (const at of [100, 80, 60, 40]) expect(ahead.after(at * chunk, chunk, 'missing', nothing)).toBe(0)
  expect(ahead.after(4 * chunk, chunk, 'missing', nothing)).toBe(4 * chunk)
  expect(ahead.after(5 * chunk, chunk, 'missing', nothing), 'what came ahead was evicted').toBe(0)
})

test('several scans of a file do not disturb each other', () => {
  const ahead = new ScanAhead(grid, 1024 * mib)
  const starts = [0, 1000, 2000, 3000]
  const next = new Map(starts.map((start) => [start, start]))
  const bytes: number[][] = []
  for (let round = 0; round < 4; round++)
    bytes.push(
      starts.map((start) => {
        const at = next.get(start)!
        const after = ahead.after(at * chunk, chunk, 'missing', nothing)
        next.set(start, at + 1 + after / chunk)
        return after / chunk
      }),
    )
  expect(bytes).toEqual([0, 2, 4, 8].map((each) => Array(4).fill(each)))
})

test('many who ask for the same at the same time are no scan', () => {
  const ahead = new ScanAhead(grid, 1024 * mib)
  ahead.after(5 * chunk, chunk, 'missing', nothing)
  for (let asks = 0; asks < 50; asks++) expect(ahead.after(5 * chunk + asks, 100, 'ahead', nothing)).toBe(0)
})

test('what a reader was told of tells nothing of it', () => {
  const ahead = new ScanAhead(grid, 1024 * mib)
  ahead.after(0, chunk, 'missing', nothing)
  expect(ahead.after(50 * chunk, chunk, 'told', nothing)).toBe(0)
  expect(ahead.after(chunk, chunk, 'missing', nothing)).toBe(2 * chunk)
})

test('whatever is asked for, whole chunks come ahead, and 16 MiB at most', () => {
  const anyRead = fc.record({
    offset: fc.integer({ min: 0, max: 2000 }),
    isNext: fc.boolean(),
    standing: fc.constantFrom('missing' as const, 'ahead' as const, 'told' as const),
  })
  fc.assert(
    fc.property(fc.array(anyRead, { maxLength: 100 }), (reads) => {
      const ahead = new ScanAhead(grid, 1024 * mib)
      let next = 0
      for (const { offset, isNext, standing } of reads) {
        const at = isNext ? next : offset * chunk
        const after = ahead.after(at, chunk, standing, nothing)
        expect(after).toBeGreaterThanOrEqual(0)
        expect(after).toBeLessThanOrEqual(most)
        expect((at + chunk + after) % chunk).toBe(0)
        next = at + chunk + after
      }
    }),
  )
})

test('who reads in order goes on behind what was there already', () => {
  const ahead = new ScanAhead(grid, 1024 * mib)
  const held = { first: 6, end: 30 }
  const isHeld = ({ first, end }: Run) => held.first <= first && end <= held.end
  ahead.after(0, chunk, 'missing', isHeld)
  expect(ahead.after(chunk, chunk, 'missing', isHeld)).toBe(2 * chunk)
  expect(ahead.after(4 * chunk, 2 * chunk, 'missing', isHeld)).toBe(4 * chunk)
  expect(ahead.after(28 * chunk, 4 * chunk, 'missing', isHeld), 'from 10 to 28 all is there').toBe(8 * chunk)
  expect(ahead.after(60 * chunk, chunk, 'missing', isHeld), 'from 40 to 60 nothing is').toBe(0)
})

test('single reads in between do not end a scan', () => {
  const ahead = new ScanAhead(grid, 1024 * mib)
  ahead.after(0, chunk, 'missing', nothing)
  let next = 4
  expect(ahead.after(chunk, chunk, 'missing', nothing)).toBe(2 * chunk)
  for (let round = 2; round < 6; round++) {
    for (let read = 0; read < 10; read++)
      expect(ahead.after((10_000 - 100 * read - 7 * round) * chunk, chunk, 'missing', nothing)).toBe(0)
    const bytes = ahead.after(next * chunk, chunk, 'missing', nothing)
    expect(bytes).toBe(2 ** round * chunk)
    next += 1 + bytes / chunk
  }
})
