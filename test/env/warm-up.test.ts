import { expect, test } from 'vitest'
import { checkWarmUpOptions, type WarmUpOptions } from '#src/env/warm-up.js'

test.each<WarmUpOptions>([
  {},
  { levels: [0, 6], range: { start: 'a', end: Buffer.from('b') }, columnFamily: 'orders' },
  { range: {}, maxBytesPerSecond: '20 MiB', signal: AbortSignal.abort(), onProgress: () => {} },
])('the options %o are taken', (options) => {
  expect(() => checkWarmUpOptions(options)).not.toThrow()
})

test.each<[unknown, RegExp]>([
  [{ level: [0] }, /unknown option "level" of warmUp, did you mean "levels"/],
  [{ levels: 0 }, /expected "levels" to be an array of levels, such as \[0, 1\], got 0/],
  [{ levels: [] }, /"levels"/],
  [{ levels: [-1] }, /"levels"/],
  [{ levels: [0.5] }, /"levels"/],
  [{ range: ['a', 'b'] }, /expected "range" to be an object such as \{ start: 'a', end: 'b' \}/],
  [{ range: { gte: 'a' } }, /unknown option "range.gte" of warmUp; it takes start, end/],
  [{ range: { start: 1 } }, /expected "range.start" to be a string or a Uint8Array, got 1/],
  [{ columnFamily: '' }, /"columnFamily"/],
  [{ maxBytesPerSecond: 'fast' }, /"maxBytesPerSecond"/],
  [{ maxBytesPerSecond: 0 }, /expected "maxBytesPerSecond" to be more than 0, got 0/],
  [{ signal: new AbortController() }, /expected "signal" to be an AbortSignal/],
  [{ onProgress: true }, /expected "onProgress" to be a function, got true/],
  ['all', /expected the options of warmUp to be an object, got "all"/],
])('the options %o are refused', (options, message) => {
  expect(() => checkWarmUpOptions(options as WarmUpOptions)).toThrow(message)
})
