import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { DatabasePlace } from '#src/catalog/database-place.js'
import type { Need } from '#src/catalog/needs.js'
import { type DatedGarbage, Deletions, type DeletionTarget } from '#src/cloud/deletions.js'
import { Tables } from '#src/cloud/tables.js'
import type { Clock } from '#src/env/clock.js'
import { ManualClock } from '../support/manual-clock.js'

const hour = 3_600_000

let clock: ManualClock
let batches: string[][]
let isOwner: boolean
let need: Need
let whileLooking: () => void
let failure: Error | undefined
let looks: number
let whileDeleting: () => void
let tables: Tables
let deletions: Deletions

/** Time of the store's clock, which is days away from the machine's. */
const ownedSince = new Date('2030-01-01T00:00:00Z')
const before = (ms: number) => new Date(ownedSince.getTime() - ms)

function garbage(dates: Readonly<Record<string, Date | undefined>>): DatedGarbage {
  const known = Object.entries(dates).flatMap(([key, date]) => (date ? [[key, date] as const] : []))
  return { keys: Object.keys(dates), mayBeDue: known.length > 0, obsoleteSince: async () => new Map(known) }
}

beforeEach(() => {
  clock = new ManualClock()
  batches = []
  isOwner = true
  need = 'never'
  whileLooking = () => {}
  failure = undefined
  looks = 0
  whileDeleting = () => {}
  tables = new Tables(new Map())
  deletions = new Deletions(
    tables,
    {
      ownedSince: async () => {
        looks += 1
        return isOwner ? ownedSince : undefined
      },
      needsOfOthers: async (keys) => {
        const needs = new Map(keys.map((key) => [key, need]))
        whileLooking()
        return needs
      },
      deleteMany: async (keys) => {
        whileDeleting()
        if (failure) throw failure
        batches.push([...keys])
      },
    },
    hour,
    clock,
  )
})

function becomesObsolete(key: string): void {
  deletions.schedule(tables.live(key) ? tables.drop(key) : tables.inherit(key))
}

/** RocksDB writes a file of that name anew. */
function isWanted(key: string): void {
  tables.seal(key, { place: { path: '' } as DatabasePlace, objectName: key, size: 1, modified: new Date(0) })
}

test('an obsolete object is deleted after the delay, in one batch with others of that time', async () => {
  becomesObsolete('a')
  clock.advance(10)
  becomesObsolete('b')
  clock.advance(hour - 20)
  await deletions.deleteDue()
  expect(batches).toEqual([])
  clock.advance(100)
  await deletions.deleteDue()
  expect(batches).toEqual([['a', 'b']])
})

test('an object that is wanted again stays', async () => {
  becomesObsolete('a')
  isWanted('a')
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([])
})

test('an object that is wanted again after the look for other states stays', async () => {
  for (const key of ['a', 'b', 'c']) becomesObsolete(key)
  whileLooking = () => {
    for (const key of ['a', 'b']) isWanted(key)
    // Obsolete once more, with readers of its own.
    becomesObsolete('b')
  }
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([['c']])
  whileLooking = () => {}
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([['c'], ['b']])
})

test('an object that is wanted again during its deletion, and then not, is deleted once more', async () => {
  becomesObsolete('a')
  clock.advance(2 * hour)
  whileDeleting = () => {
    isWanted('a')
    becomesObsolete('a')
    failure = new Error('the store is away')
  }
  await deletions.deleteDue()
  whileDeleting = () => {}
  failure = undefined
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([['a']])
})

test('a delay of months is waited for, though no timer takes as long', async () => {
  const month = 30 * 24 * hour
  const longestMs = 2 ** 31 - 1
  const capped: Clock = {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (ms, callback) => clock.after(Math.min(ms, longestMs), callback),
  }
  const target: DeletionTarget = {
    ownedSince: async () => ownedSince,
    needsOfOthers: async (keys) => new Map(keys.map((key) => [key, 'never'])),
    deleteMany: async (keys) => void batches.push([...keys]),
  }
  deletions = new Deletions(tables, target, 2 * month, capped)
  becomesObsolete('a')
  for (let days = 0; days < 59; days++) {
    clock.advance(24 * hour)
    await setImmediate()
  }
  expect(batches).toEqual([])
  clock.advance(24 * hour + 1000)
  await expect.poll(() => batches).toEqual([['a']])
})

test('a failed deletion is repeated within hours, however long the delay', async () => {
  deletions = new Deletions(
    tables,
    {
      ownedSince: async () => ownedSince,
      needsOfOthers: async (keys) => new Map(keys.map((key) => [key, 'never'])),
      deleteMany: async (keys) => {
        if (failure) throw failure
        batches.push([...keys])
      },
    },
    1000 * hour,
    clock,
  )
  becomesObsolete('a')
  failure = new Error('the store is away')
  clock.advance(1001 * hour)
  await deletions.deleteDue()
  failure = undefined
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([['a']])
})

test('a displaced owner deletes nothing more', async () => {
  becomesObsolete('a')
  isOwner = false
  clock.advance(2 * hour)
  await deletions.deleteDue()
  isOwner = true
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([])
})

test('a failed deletion is repeated later', async () => {
  becomesObsolete('a')
  failure = new Error('the store is away')
  clock.advance(2 * hour)
  await deletions.deleteDue()
  failure = undefined
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([['a']])
})

test('finish deletes what is due and forgets the rest', async () => {
  becomesObsolete('a')
  clock.advance(hour)
  becomesObsolete('b')
  await deletions.finish()
  expect(batches).toEqual([['a']])
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([['a']])
})

test('finish makes no request if nothing is due', async () => {
  becomesObsolete('a')
  await deletions.finish()
  expect(looks).toBe(0)
})

test('finish does not wait for a store that never answers', async () => {
  const silent = new Deletions(
    tables,
    {
      ownedSince: () => new Promise(() => {}),
      needsOfOthers: async (keys) => new Map(keys.map((key) => [key, 'never'])),
      deleteMany: async () => {},
    },
    hour,
    clock,
  )
  silent.schedule(tables.inherit('a'))
  clock.advance(hour)
  const finished = silent.finish()
  clock.advance(10_000)
  await finished
})

describe('an object that others know', () => {
  let claimedAtMs: number
  const agoByStore = (ms: number, keptMs = 0): Need => ({
    lastAt: new Date(ownedSince.getTime() + clock.elapsed() - claimedAtMs - ms),
    keptMs,
  })
  const later = async (ms: number, next: () => Need) => {
    clock.advance(ms)
    need = next()
    await deletions.deleteDue()
  }

  beforeEach(() => {
    claimedAtMs = clock.elapsed()
    deletions.inherit(garbage({}))
    becomesObsolete('a')
  })

  test('is not deleted while they need it', async () => {
    for (let hours = 0; hours < 5; hours++) await later(hour + 100, () => 'now')
    expect(batches).toEqual([])
  })

  test('is deleted at once if they have not needed it for the delay', async () => {
    await later(hour + 100, () => agoByStore(hour))
    expect(batches).toEqual([['a']])
  })

  test('is deleted one delay after they may have needed it last', async () => {
    await later(hour + 100, () => agoByStore(hour / 2))
    const lastNeed = need
    await later(hour / 2 - 100, () => lastNeed)
    expect(batches).toEqual([])
    await later(200, () => lastNeed)
    expect(batches).toEqual([['a']])
  })

  test('is deleted one delay after they were seen without it, even if they commit all the time', async () => {
    await later(hour + 100, () => agoByStore(1))
    expect(batches).toEqual([])
    await later(hour + 100, () => agoByStore(1))
    expect(batches).toEqual([['a']])
  })

  test('is kept for as long as they keep what they no longer need', async () => {
    for (let hours = 1; hours <= 5; hours++) {
      await later(hour, () => agoByStore(hours * hour, 4.5 * hour))
      expect(batches).toEqual(hours < 5 ? [] : [['a']])
    }
  })

  test('waits for the whole delay again once they needed it in between', async () => {
    await later(hour + 100, () => agoByStore(1))
    await later(hour + 100, () => 'now')
    await later(hour + 100, () => agoByStore(1))
    expect(batches).toEqual([])
    await later(hour + 100, () => agoByStore(1))
    expect(batches).toEqual([['a']])
  })
})

describe('an object that was obsolete before the takeover', () => {
  test('is deleted at once if its delay has passed, otherwise when it does', async () => {
    deletions.inherit(garbage({ old: before(2 * hour), young: before(hour / 2), unknown: undefined }))
    clock.advance(100)
    await deletions.deleteDue()
    expect(batches).toEqual([['old']])
    clock.advance(hour / 2 + 100)
    await deletions.deleteDue()
    expect(batches).toEqual([['old'], ['young']])
    clock.advance(hour / 2)
    await deletions.deleteDue()
    expect(batches).toEqual([['old'], ['young'], ['unknown']])
  })

  test('is deleted at the end of a session that ends at once', async () => {
    deletions.inherit(garbage({ old: before(2 * hour), young: before(hour / 2) }))
    await deletions.finish()
    expect(batches).toEqual([['old']])
  })

  test("waits for the whole delay if dated in the store's future", async () => {
    deletions.inherit(garbage({ odd: before(-10 * hour) }))
    clock.advance(hour - 100)
    await deletions.deleteDue()
    expect(batches).toEqual([])
    clock.advance(200)
    await deletions.deleteDue()
    expect(batches).toEqual([['odd']])
  })

  test('costs no request if it cannot be due', async () => {
    deletions.inherit(garbage({ a: undefined }))
    await deletions.deleteDue()
    await deletions.finish()
    expect(looks).toBe(0)
  })

  test('is dated later if the store could not be asked', async () => {
    failure = new Error('the store is away')
    deletions.inherit({
      ...garbage({ a: before(2 * hour) }),
      obsoleteSince: async () => {
        if (failure) throw failure
        return new Map([['a', before(2 * hour)]])
      },
    })
    await deletions.deleteDue()
    failure = undefined
    await deletions.deleteDue()
    expect(batches).toEqual([['a']])
  })

  test('stays if it is wanted again', async () => {
    deletions.inherit(garbage({ a: before(2 * hour) }))
    isWanted('a')
    await deletions.deleteDue()
    expect(batches).toEqual([])
  })
})

test('200,000 objects are queued quickly and deleted in one batch', async () => {
  const keys = Array.from({ length: 200_000 }, (_, index) => `key${index}`)
  const start = performance.now()
  for (const key of keys) becomesObsolete(key)
  expect(performance.now() - start).toBeLessThan(5_000)
  clock.advance(hour + 100)
  await deletions.deleteDue()
  expect(batches.map((batch) => batch.length)).toEqual([200_000])
})

test('nothing is deleted after finish, even if a batch under way fails', async () => {
  failure = new Error('the store is away')
  becomesObsolete('a')
  clock.advance(hour)
  const running = deletions.deleteDue()
  await deletions.finish()
  await running
  failure = undefined
  clock.advance(2 * hour)
  await deletions.deleteDue()
  expect(batches).toEqual([])
})
