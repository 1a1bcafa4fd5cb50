import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ScanAhead } from '#src/cloud/scan-ahead.js'

const chunk = 64 * 1024
const mib = 1024 * 1024
const most = 16 * mib

describe('who reads in order', () => {
  test('gets twice as much each time, up to 16 MiB', () => {
    const ahead = new ScanAhead(1024 * mib)
    let at = 1000 * chunk
    const bytes: number[] = []
    for (let miss = 0; miss < 10; miss++) {
      bytes.push(ahead.after(at, chunk, 'missing'))
      at += chunk + bytes.at(-1)!
    }
    expect(bytes.map((each) => each / mib)).toEqual([0, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 16])
  })

  test.each([1, 4, 32])('of %i chunks at a time never waits once it has read some', (chunks) => {
    const ahead = new ScanAhead(1024 * mib)
    const shown = new Set<number>()
    const there = new Set<number>()
    const waits: number[] = []
    const fetched: number[] = []
    for (let at = 0; at < 4000; at += chunks) {
      const asked = Array.from({ length: chunks }, (_, index) => at + index)
      if (asked.every((each) => shown.has(each))) continue
      const isThere = asked.every((each) => there.has(each))
      if (!isThere) waits.push(at)
      const after = ahead.after(at * chunk, chunks * chunk, isThere ? 'ahead' : 'missing')
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
    expect(Math.min(...fetched.slice(-20))).toBeGreaterThanOrEqual(48)
  })

  test('leaves no more behind that it does not read than it has read', () => {
    const ahead = new ScanAhead(1024 * mib)
    let end = 0
    for (let at = 0; at < 1000; at++) {
      const after = ahead.after(at * chunk, chunk, at < end ? 'ahead' : 'missing')
      end = Math.max(end, at + 1 + after / chunk)
      expect(end - at - 1).toBeLessThanOrEqual(at + 2)
    }
  })

  test('gets no more than a sixteenth of the cache', () => {
    const ahead = new ScanAhead(100 * chunk)
    ahead.after(0, chunk, 'missing')
    expect(ahead.after(chunk, chunk, 'missing')).toBe(2 * chunk)
    expect(ahead.after(4 * chunk, chunk, 'missing')).toBe(4 * chunk)
    expect(ahead.after(9 * chunk, chunk, 'missing')).toBe(6 * chunk)
    const none = new ScanAhead(0)
    none.after(0, chunk, 'missing')
    expect(none.after(chunk, chunk, 'missing')).toBe(0)
  })
})

test('who jumps about gets no more than was asked for, and begins anew', () => {
  const ahead = new ScanAhead(1024 * mib)
  ahead.after(0, chunk, 'missing')
  expect(ahead.after(chunk, chunk, 'missing')).toBe(2 * chunk)
  for (const at of [100, 80, 60, 40]) expect(ahead.after(at * chunk, chunk, 'missing')).toBe(0)
  expect(ahead.after(4 * chunk, chunk, 'missing'), 'too many others came between').toBe(0)
  expect(ahead.after(5 * chunk, chunk, 'missing')).toBe(2 * chunk)
  expect(ahead.after(6 * chunk, chunk, 'missing'), 'what came ahead was evicted').toBe(0)
})

test('several scans of a file do not disturb each other', () => {
  const ahead = new ScanAhead(1024 * mib)
  const starts = [0, 1000, 2000, 3000]
  const next = new Map(starts.map((start) => [start, start]))
  const bytes: number[][] = []
  for (let round = 0; round < 4; round++)
    bytes.push(
      starts.map((start) => {
        const at = next.get(start)!
        const after = ahead.after(at * chunk, chunk, 'missing')
        next.set(start, at + 1 + after / chunk)
        return after / chunk
      }),
    )
  expect(bytes).toEqual([0, 2, 4, 8].map((each) => Array(4).fill(each)))
})

test('many who ask for the same at the same time are no scan', () => {
  const ahead = new ScanAhead(1024 * mib)
  ahead.after(5 * chunk, chunk, 'missing')
  for (let asks = 0; asks < 50; asks++) expect(ahead.after(5 * chunk + asks, 100, 'ahead')).toBe(0)
})

test('what a reader was told of tells nothing of it', () => {
  const ahead = new ScanAhead(1024 * mib)
  ahead.after(0, chunk, 'missing')
  expect(ahead.after(50 * chunk, chunk, 'told')).toBe(0)
  expect(ahead.after(chunk, chunk, 'missing')).toBe(2 * chunk)
})

test('whatever is asked for, whole chunks come ahead, and 16 MiB at most', () => {
  const anyRead = fc.record({
    offset: fc.integer({ min: 0, max: 2000 }),
    isNext: fc.boolean(),
    standing: fc.constantFrom('missing' as const, 'ahead' as const, 'told' as const),
  })
  fc.assert(
    fc.property(fc.array(anyRead, { maxLength: 100 }), (reads) => {
      const ahead = new ScanAhead(1024 * mib)
      let next = 0
      for (const { offset, isNext, standing } of reads) {
        const at = isNext ? next : offset * chunk
        const after = ahead.after(at, chunk, standing)
        expect(after).toBeGreaterThanOrEqual(0)
        expect(after).toBeLessThanOrEqual(most)
        expect((at + chunk + after) % chunk).toBe(0)
        next = at + chunk + after
      }
    }),
  )
})
