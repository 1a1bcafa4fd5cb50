import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Pace } from '#src/cloud/pace.js'

test('the first portion goes at once, and the next when it is paid for', () => {
  const pace = new Pace(1000)
  expect(pace.delayMs(0, 500)).toBe(0)
  expect(pace.delayMs(100, 500)).toBe(400)
  expect(pace.delayMs(100, 500)).toBe(900)
})

test('time in which nothing went is not made up for', () => {
  const pace = new Pace(1000)
  pace.delayMs(0, 500)
  expect(pace.delayMs(60_000, 500)).toBe(0)
  expect(pace.delayMs(60_000, 500)).toBe(500)
})

test('no span of time sees more than the rate and one portion', () => {
  const portion = fc.record({ afterMs: fc.nat(2000), bytes: fc.integer({ min: 1, max: 1000 }) })
  fc.assert(
    fc.property(fc.array(portion, { minLength: 1 }), (portions) => {
      const pace = new Pace(1000)
      let nowMs = 0
      const sent = portions.map(({ afterMs, bytes }) => {
        nowMs += afterMs
        return { atMs: nowMs + pace.delayMs(nowMs, bytes), bytes }
      })
      for (const [first, { atMs: startMs }] of sent.entries()) {
        let bytes = 0
        for (const { atMs, bytes: more } of sent.slice(first)) {
          expect(bytes).toBeLessThanOrEqual(atMs - startMs + 1e-6)
          bytes += more
        }
      }
    }),
  )
})
