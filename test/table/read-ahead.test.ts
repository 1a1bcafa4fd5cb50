import { expect, test } from 'vitest'
import { maxReadAheadBytes, ReadAhead } from '#src/table/read-ahead.js'

const chunk = 64 * 1024
const KiB = 1024
const nothing = { before: 0, after: 0 }

/** Read-ahead for a reader that requests a chunk wherever nothing was fetched yet. */
function missesOf(step: 1 | -1, count: number): number[] {
  const readAhead = new ReadAhead(chunk)
  const found: number[] = []
  let at = 1000 * chunk
  for (let miss = 0; miss < count; miss++) {
    const { before, after } = readAhead.around(at, chunk)
    found.push(step === 1 ? after : before)
    expect(step === 1 ? before : after).toBe(0)
    at += step * (chunk + before + after)
  }
  return found
}

test('who reads in order gets twice as much at each miss, up to a bound, whichever the direction', () => {
  const expected = [0, 256 * KiB, 512 * KiB, 1024 * KiB, 2048 * KiB, maxReadAheadBytes, maxReadAheadBytes]
  expect(missesOf(1, 7)).toEqual(expected)
  expect(missesOf(-1, 7)).toEqual(expected)
})

test('who jumps about gets no more than was asked for, and begins anew', () => {
  const readAhead = new ReadAhead(chunk)
  readAhead.around(0, chunk)
  expect(readAhead.around(chunk, chunk)).toEqual({ before: 0, after: 256 * KiB })
  expect(readAhead.around(100 * chunk, chunk)).toEqual(nothing)
  expect(readAhead.around(50 * chunk, chunk)).toEqual(nothing)
  expect(readAhead.around(51 * chunk, chunk)).toEqual({ before: 0, after: 256 * KiB })
})

test('reads of what was fetched already tell nothing', () => {
  const readAhead = new ReadAhead(chunk)
  readAhead.around(0, chunk)
  readAhead.around(chunk, chunk)
  for (let at = 2; at < 6; at++) expect(readAhead.around(at * chunk, 100)).toEqual(nothing)
  expect(readAhead.around(6 * chunk, chunk)).toEqual({ before: 0, after: 512 * KiB })
})

test('nothing lies before the start of a file', () => {
  const readAhead = new ReadAhead(chunk)
  readAhead.around(2 * chunk, chunk)
  expect(readAhead.around(chunk, chunk)).toEqual({ before: chunk, after: 0 })
})
