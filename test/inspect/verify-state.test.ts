import { expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { verifyState } from '#src/inspect/verify-state.js'
import { internalKey } from '../support/raw-table.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

type Range = readonly [smallest: string, largest: string]

/** Problems of a database with this comparator whose tables, in level 1, have these keys. */
function problemsOf(comparator: string, ...ranges: Range[]) {
  const tables = ranges.map(([smallest, largest], at) =>
    bytes(103, 1, at + 7, 100, prefixed(internalKey(smallest)), prefixed(internalKey(largest)), 1, 1, 1),
  )
  const numbers = [field.logNumber(1), field.nextFileNumber(99), field.lastSequence(9)]
  const manifest = readManifest(encodeLog([bytes(field.comparator(comparator), ...numbers, ...tables)]))
  const state = {
    cookie: '',
    cloudManifestObject: 'memory:///CLOUDMANIFEST',
    cloudManifest: { past: [], current: parseEpoch('abc')! },
    cloudManifestModified: new Date(0),
    retentionMs: undefined,
    manifestObject: 'memory:///MANIFEST-abc',
    manifest,
    manifestModified: new Date(0),
    manifestBytes: new Uint8Array(0),
    sources: [],
    isOurs: true,
    version: '',
    problems: [],
    tables: [],
    blobFiles: [],
  }
  return verifyState(state, undefined, 'memory:///IDENTITY').map(({ code, range }) => ({
    code,
    keys: range && [range.smallest, range.largest].map((key) => Buffer.from(key).toString()),
  }))
}

test.each([
  ['leveldb.BytewiseComparator', ['a', 'c'], ['d', 'e'], ['c', 'd']],
  ['rocksdb.ReverseBytewiseComparator', ['e', 'd'], ['c', 'a'], ['d', 'c']],
] as const)(
  'tables in the order of %s are sound, unless they share a key',
  (comparator, one, other, both) => {
    expect(problemsOf(comparator, other, one)).toEqual([])
    expect(problemsOf(comparator, one, both, other)).toEqual([
      { code: 'overlap', keys: [both[0], one[1]] },
      { code: 'overlap', keys: [other[0], both[1]] },
    ])
  },
)

test.each([
  ['leveldb.BytewiseComparator', 'b', 'a'],
  ['rocksdb.ReverseBytewiseComparator', 'a', 'b'],
])('a table of %s does not end before it begins', (comparator, smallest, largest) => {
  expect(problemsOf(comparator, [smallest, largest])).toEqual([
    { code: 'keyOrder', keys: [smallest, largest] },
  ])
})

test('the order of an unknown comparator is not judged', () => {
  expect(problemsOf('my.Order', ['b', 'a'], ['b', 'a'])).toEqual([])
})
