import { expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import type { SurveyedState, SurveyedTable } from '#src/catalog/survey.js'
import { encodeLog } from '#src/format/log-record.js'
import { listTables, sortTables } from '#src/inspect/table-list.js'
import { internalKey } from '../support/raw-table.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

const uint64 = (value: bigint) => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(value)
  return buffer
}
const rangeDeletion = 0xfn
/** Trailer of the end of a range deletion, which is the largest key of its table and not in it. */
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
  // Without knowing the order, nothing can be ruled out.
  ['my.own.comparator', 1n << 8n, 'abcde'],
])('under %s, with a largest key of %d, a table from b to d may hold %s', (comparator, trailer, held) => {
  const state = stateOf(comparator, trailer)
  const found = [...'abcde'].filter((key) => listTables(state, { key: Buffer.from(key) }).length > 0)
  expect(found.join('')).toBe(held)
})

interface Flushed {
  readonly number: number
  /** Smallest and largest. */
  readonly sequences: readonly [number, number]
  readonly epochNumber?: number
}

function stateWith(edits: readonly Uint8Array[]): SurveyedState {
  const manifest = readManifest(encodeLog(edits))
  const tables = [...manifest.liveTables.values()].map((table) => ({ table, stored: undefined }))
  return { manifest, tables } as unknown as SurveyedState
}

const header = bytes(field.logNumber(1), field.nextFileNumber(90), field.lastSequence(100))

/** A state with these tables of level 0. */
function stateOfLevel0(flushed: readonly Flushed[]): SurveyedState {
  const key = prefixed(internalKey('k', 1))
  const tables = flushed.map(({ number, sequences, epochNumber }) => {
    const epoch = epochNumber === undefined ? [] : [13, prefixed(bytes(epochNumber))]
    return bytes(103, 0, number, 100, key, key, ...sequences, ...epoch, 1)
  })
  return stateWith([bytes(header, ...tables)])
}

test.each<[string, readonly Flushed[]]>([
  [
    'the number of its epoch, regardless of the rest',
    [
      { number: 3, sequences: [1, 1], epochNumber: 9 },
      { number: 8, sequences: [20, 30], epochNumber: 2 },
    ],
  ],
  [
    'its largest sequence number, where RocksDB wrote no epochs, or the same',
    [
      { number: 4, sequences: [1, 30] },
      { number: 8, sequences: [2, 20] },
    ],
  ],
  [
    'its smallest sequence number, if the largest is the same',
    [
      { number: 4, sequences: [7, 30] },
      { number: 8, sequences: [2, 30] },
    ],
  ],
  [
    'its own number, if all else is the same',
    [
      { number: 8, sequences: [7, 7] },
      { number: 4, sequences: [7, 7] },
    ],
  ],
])('in level 0, the table that is newer by %s comes first', (_, newestFirst) => {
  for (const written of [newestFirst, [...newestFirst].reverse()]) {
    const listed = listTables(stateOfLevel0(written), {})
    expect(listed.map(({ table }) => table.number)).toEqual(newestFirst.map(({ number }) => number))
  }
})

test('sorted by first key, the tables of a column family come in its own order, followed by those of the next', () => {
  const table = (number: number, first: string, last: string) =>
    bytes(7, 0, number, 100, prefixed(internalKey(first)), prefixed(internalKey(last)))
  const family = (id: number, comparator: string) =>
    bytes(field.columnFamily(id), field.addsColumnFamily(`family ${id}`), field.comparator(comparator))
  const state = stateWith([
    bytes(header, table(1, 'c', 'd'), table(2, 'b', 'e')),
    family(1, 'rocksdb.ReverseBytewiseComparator'),
    bytes(field.columnFamily(1), table(3, 'b', 'a'), table(4, 'd', 'c'), table(5, 'z', 'y')),
  ])
  const numbers = (tables: readonly SurveyedTable[]) => tables.map((listed) => listed.table.number)
  const listed = listTables(state, {})
  expect(numbers(listed)).toEqual([2, 1, 5, 4, 3])
  expect(numbers(sortTables(listed, 'key', state))).toEqual([2, 1, 5, 4, 3])
  expect(numbers(sortTables([...listed].reverse(), 'key', state))).toEqual([2, 1, 5, 4, 3])
})
