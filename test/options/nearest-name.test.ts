import { expect, test } from 'vitest'
import { nearestName } from '#src/options/nearest-name.js'

const names = ['columnFamily', 'sync', 'disableWAL', 'timeoutMs']

test.each([
  ['snyc', 'sync'],
  ['columnfamily', 'columnFamily'],
  ['disableWal', 'disableWAL'],
  ['timeout', 'timeoutMs'],
])('%s is near %s', (name, meant) => expect(nearestName(name, names)).toBe(meant))

test.each(['cf', 'x', '', 'somethingElse', 'sync'.repeat(1000)])('%s is near none', (name) =>
  expect(nearestName(name, names)).toBeUndefined(),
)
