import { expect, test } from 'vitest'
import type { PastDatabase } from '#src/cloud/past-database.js'
import { PastStates } from '#src/cloud/past-states.js'

const state = (id: string) => ({ id }) as PastDatabase

test('a state has a directory of its own, until its last reader is done', () => {
  const states = new PastStates('/root')
  const first = state('MANIFEST-a-100')
  const path = states.add('/root/prod/orders', first)
  expect(path).toBe('/root/.cloudenv/at/prod/orders/MANIFEST-a-100')
  expect(states.add('/root/prod/orders', state('MANIFEST-a-100'))).toBe(path)
  expect(states.add('/root/orders', state('MANIFEST-a-100'))).not.toBe(path)
  expect(states.at(`${path}/`)).toBe(first)
  expect(states.at('/root/prod/orders')).toBeUndefined()
  states.release(path)
  expect(states.at(path)).toBe(first)
  states.release(path)
  expect(states.at(path)).toBeUndefined()
  states.release(path)
})

test('nothing is written to the directory of a state', () => {
  const states = new PastStates('/root')
  const path = states.add('/root/orders', state('MANIFEST-a-100'))
  expect(() => states.assertNone(path, 'write CURRENT')).toThrow(
    expect.objectContaining({ code: 'NotSupported', message: expect.stringContaining('never changes') }),
  )
  states.assertNone('/root/orders', 'write CURRENT')
})
