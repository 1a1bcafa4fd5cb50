import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChunkClock } from '#src/cloud/chunk-clock.js'
import { ChunkMap } from '#src/cloud/chunk-map.js'

const chunk = 16_384
const chunks = 4
const nobody = () => false
const ages = { ages: true, isHeld: nobody }

/** A whole file, of which a reader is about to read two chunks, and its marks. */
function wholeFile(): { map: ChunkMap; clock: ChunkClock; marks: Uint8Array } {
  const map = ChunkMap.full(chunks * chunk, chunk, false)
  const clock = new ChunkClock(map)
  clock.spare({ first: 0, end: 2 })
  return { map, clock, marks: new Uint8Array(chunks) }
}

describe('the hand', () => {
  test('spares once what came for a reader, and takes what came ahead', () => {
    const { map, clock, marks } = wholeFile()
    const first = clock.pass(Infinity, marks, ages)
    expect(first).toMatchObject({ leaving: [{ first: 2, end: 4 }], isThrough: true })
    for (const at of [2, 3]) map.remove(at)
    expect(clock.pass(Infinity, marks, ages).leaving).toEqual([{ first: 0, end: 2 }])
  })

  test('spares for the longer the more often somebody came back, up to a bound', () => {
    const { clock, marks } = wholeFile()
    /** Rounds until it is taken, with somebody coming back to it before each of the first. */
    const roundsOf = (at: number, returns: number) => {
      for (let round = 1; ; round++) {
        if (round <= returns) marks[at] = 1
        const { leaving } = clock.pass(Infinity, marks, ages)
        expect(marks[at]).toBe(0)
        if (leaving.some(({ first, end }) => first <= at && at < end)) return round
      }
    }
    expect([0, 1, 2, 100].map((returns) => roundsOf(3, returns) - returns)).toEqual([1, 7, 13, 17])
  })

  test('goes on where it stopped', () => {
    const { map, clock, marks } = wholeFile()
    clock.forgetReads()
    const taken: unknown[] = []
    for (let at = 0; at < chunks; at++) {
      const { leaving, isThrough } = clock.pass(1, marks, ages)
      taken.push([leaving, isThrough])
      map.remove(at)
    }
    expect(taken).toEqual([0, 1, 2, 3].map((at) => [[{ first: at, end: at + 1 }], at === 3]))
  })

  test('that does not age takes nobody closer to leaving', () => {
    const { clock, marks } = wholeFile()
    marks[2] = 1
    for (let round = 0; round < 5; round++)
      expect(clock.pass(Infinity, marks, { ages: false, isHeld: nobody }).leaving).toEqual([
        { first: 3, end: 4 },
      ])
    expect(marks[2]).toBe(1)
  })
})

test('only present chunks leave that nobody holds and that are not marked, and their bytes are counted', () => {
  const file = fc.record({
    present: fc.uint8Array({ minLength: 20, maxLength: 20, max: 1 }),
    marks: fc.uint8Array({ minLength: 20, maxLength: 20, max: 1 }),
    held: fc.integer({ min: 0, max: 19 }),
    bytes: fc.integer({ min: 1, max: 20 * chunk }),
    rounds: fc.integer({ min: 0, max: 4 }),
  })
  fc.assert(
    fc.property(file, ({ present, marks, held, bytes, rounds }) => {
      const map = new ChunkMap(20 * chunk - 7, chunk)
      const clock = new ChunkClock(map)
      present.forEach((is, at) => {
        if (is) map.add(at)
      })
      clock.spare({ first: 5, end: 20 })
      for (let round = 0; round <= rounds; round++) {
        const before = Uint8Array.from(marks)
        const { leaving, bytes: leavingBytes } = clock.pass(bytes, marks, {
          ages: true,
          isHeld: (at) => at === held,
        })
        const gone = leaving.flatMap(({ first, end }) =>
          Array.from({ length: end - first }, (_, at) => first + at),
        )
        for (const at of gone) {
          expect([map.has(at), at === held, before[at]]).toEqual([true, false, 0])
          map.remove(at)
        }
        expect(leavingBytes).toBe(gone.reduce((sum, at) => sum + map.sizeOf(at), 0))
      }
    }),
  )
})
