import { expect, test } from 'vitest'
import { encodeLog } from '#src/format/log-record.js'
import { readManifest } from '#src/format/manifest.js'
import type { SurveyedState, SurveyedTable } from '#src/inspect/survey.js'
import { listTables } from '#src/inspect/table-list.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

const uint64 = (value: bigint) => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(value)
  return buffer
}
const rangeDeletion = 0xfn
/** Of the end of a range deletion, which is the largest key of its table and not in it. */
const endOfRange = ((2n ** 56n - 1n) << 8n) | rangeDeletion

/** A state with one table from `b` to `d`, whose largest key ends so. */
function stateOf(comparator: string, trailer: bigint): SurveyedState {
  const [smallest, largest] = comparator.includes('Reverse') ? ['d', 'b'] : ['b', 'd']
  const key = (text: string, end: bigint) => prefixed(Buffer.concat([Buffer.from(text), uint64(end)]))
  const edit = bytes(
    field.comparator(comparator),
    field.logNumber(1),
    field.nextFileNumber(10),
    field.lastSequence(10),
    bytes(103, 1, 7, 100, key(smallest!, 1n << 8n), key(largest!, trailer), 1, 1, 1),
  )
  const manifest = readManifest(encodeLog([edit]))
  const table = manifest.liveTables.get(7)!
  const surveyed = { table, stored: undefined } as SurveyedTable
  return { manifest, tables: [surveyed] } as unknown as SurveyedState
}

test.each([
  ['leveldb.BytewiseComparator', 1n << 8n, 'bcd'],
  ['rocksdb.ReverseBytewiseComparator', 1n << 8n, 'bcd'],
  ['leveldb.BytewiseComparator', endOfRange, 'bc'],
  ['rocksdb.ReverseBytewiseComparator', endOfRange, 'cd'],
  // Whoever does not know the order rules nothing out.
  ['my.own.comparator', 1n << 8n, 'abcde'],
])('under %s, with a largest key of %d, a table from b to d may hold %s', (comparator, trailer, held) => {
  const state = stateOf(comparator, trailer)
  const found = [...'abcde'].filter((key) => listTables(state, { key: Buffer.from(key) }).length > 0)
  expect(found.join('')).toBe(held)
})
