import { beforeEach, expect, test } from 'vitest'
import { EventBatches } from '#src/cloud/event-batches.js'
import { ManualClock } from '../support/manual-clock.js'

let clock: ManualClock
let events: EventBatches
let sent: unknown[][]

beforeEach(() => {
  clock = new ManualClock()
  events = new EventBatches(clock)
  sent = []
})

const listen = (...names: string[]) =>
  events.listen(names, (batch) => sent.push(batch.map(({ value }) => value)))

test('nothing is sent while nobody listens, and only what somebody listens to', () => {
  events.emit('a', 1)
  listen('a')
  events.emit('b', 2)
  clock.advance(1_000)
  expect(sent).toEqual([])
  events.emit('a', 3)
  clock.advance(1_000)
  expect(sent).toEqual([[3]])
})

test('events of a tenth of a second go together', () => {
  listen('a', 'b')
  events.emit('a', 1)
  clock.advance(99)
  events.emit('b', 2)
  expect(sent).toEqual([])
  clock.advance(1)
  expect(sent).toEqual([[1, 2]])
  events.emit('a', 3)
  clock.advance(100)
  expect(sent).toEqual([[1, 2], [3]])
})

test('a batch that is full goes at once', () => {
  listen('a')
  for (let value = 0; value < 300; value++) events.emit('a', value)
  expect(sent.map((batch) => batch.length)).toEqual([256])
  clock.advance(100)
  expect(sent.map((batch) => batch.length)).toEqual([256, 44])
})

test('what has happened goes before somebody else listens, and at the end', () => {
  listen('a')
  events.emit('a', 1)
  listen('b')
  expect(sent).toEqual([[1]])
  events.emit('a', 2)
  events.emit('b', 3)
  events.flush()
  events.flush()
  clock.advance(1_000)
  expect(sent).toEqual([[1], [3]])
})
