import { beforeEach, describe, expect, test } from 'vitest'
import { Refetches } from '#src/table/refetches.js'
import { ManualClock } from '../support/manual-clock.js'

let clock: ManualClock
let fetches: number
let isOther: boolean
let refetches: Refetches

beforeEach(() => {
  clock = new ManualClock()
  fetches = 0
  isOther = false
  refetches = new Refetches(clock)
})

const damageFoundAfter = (ageMs: number) =>
  refetches.once(0, 4, ageMs, async () => {
    fetches += 1
    return isOther
  })

describe.each([0, 86_400_000, -86_400_000])('when the time of day is set by %i ms meanwhile', (ms) => {
  test('readers who began before a refetch ended take its outcome', async () => {
    isOther = true
    expect(await damageFoundAfter(10)).toBe(true)
    clock.jump(ms)
    clock.advance(1000)
    expect(await damageFoundAfter(1500)).toBe(true)
    expect(fetches).toBe(1)
    expect(await damageFoundAfter(10), 'it read what was fetched').toBe(true)
    expect(fetches).toBe(2)
  })

  test('what the store gave twice is believed for ten seconds, and no longer', async () => {
    expect(await damageFoundAfter(10)).toBe(false)
    clock.jump(ms)
    clock.advance(9000)
    await damageFoundAfter(10)
    expect(fetches).toBe(1)
    clock.advance(2000)
    await damageFoundAfter(10)
    expect(fetches).toBe(2)
  })
})
