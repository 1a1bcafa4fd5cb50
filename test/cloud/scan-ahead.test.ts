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
    for (let miss = 0; miss < 9; miss++) {
      bytes.push(ahead.after(at, chunk, 'missing'))
      at += chunk + bytes.at(-1)!
    }
    expect(bytes).toEqual([0, mib / 4, mib / 2, mib, 2 * mib, 4 * mib, 8 * mib, most, most])
  })

  test('gets more before that is used up, but not for less than a quarter of it', () => {
    const fetched: number[] = []
    const reader = new ScanAhead(1024 * mib)
    let end = 0
    for (let at = 0; at < 2000; at++) {
      const offset = at * chunk
      const after = reader.after(offset, chunk, offset < end ? 'ahead' : 'missing')
      const newEnd = Math.max(end, offset + chunk + after)
      if (newEnd > end) fetched.push(newEnd - end)
      end = newEnd
    }
    expect(fetched.length, 'of 125 MiB').toBeLessThan(50)
    expect(fetched.slice(-10)).toEqual(Array(10).fill(4 * mib))
  })

  test('gets no more than a sixteenth of the cache', () => {
    const ahead = new ScanAhead(100 * chunk)
    ahead.after(0, chunk, 'missing')
    expect(ahead.after(chunk, chunk, 'missing')).toBe(4 * chunk)
    expect(ahead.after(6 * chunk, chunk, 'missing')).toBe(6 * chunk)
    const none = new ScanAhead(0)
    none.after(0, chunk, 'missing')
    expect(none.after(chunk, chunk, 'missing')).toBe(0)
  })
})

test('who jumps about gets no more than was asked for, and begins anew', () => {
  const ahead = new ScanAhead(1024 * mib)
  ahead.after(0, chunk, 'missing')
  expect(ahead.after(chunk, chunk, 'missing')).toBe(4 * chunk)
  expect(ahead.after(100 * chunk, chunk, 'missing')).toBe(0)
  expect(ahead.after(50 * chunk, chunk, 'missing')).toBe(0)
  expect(ahead.after(51 * chunk, chunk, 'missing')).toBe(4 * chunk)
  expect(ahead.after(53 * chunk, chunk, 'missing'), 'what came ahead was evicted').toBe(0)
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
  expect(ahead.after(chunk, chunk, 'missing')).toBe(4 * chunk)
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
