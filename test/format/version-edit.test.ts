import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import {
  encodeDbIdEdit,
  encodeNextFileNumberEdit,
  encodeSequencesEdit,
} from '#src/format/encode-version-edit.js'
import { encodeVarint } from '#src/format/varint.js'
import { decodeVersionEdit, maxEntries } from '#src/format/version-edit.js'
import { bytes, prefixed } from '../support/version-edits.js'

const decode = (payload: Uint8Array) => decodeVersionEdit(payload, 4711, 'MANIFEST-aa')
const empty = {
  columnFamily: 0,
  dropsColumnFamily: false,
  deletedTables: [],
  newTables: [],
  newBlobFiles: [],
  blobGarbage: [],
  compactCursors: [],
  addedWals: [],
}
const key = prefixed('some key\x01\x02\0\0\0\0\0\0')
const decodedKey = { userKey: Buffer.from('some key'), sequence: 2n, type: 1 }
/** A range tombstone ends before every entry of its key. */
const sentinel = Buffer.concat([Buffer.of(10), Buffer.from('zz\x0f'), Buffer.alloc(7, 0xff)])
const newTable = {
  level: 6,
  number: 17,
  size: 720,
  pathId: 0,
  smallest: decodedKey,
  largest: decodedKey,
  isMarkedForCompaction: false,
  persistsTimestamps: true,
}

describe('a field', () => {
  test.each([
    ['comparator', bytes(1, prefixed('bytewise')), { comparator: 'bytewise' }],
    ['log number', bytes(2, 15), { logNumber: 15 }],
    ['next file number', bytes(3, 300), { nextFileNumber: 300 }],
    ['last sequence', bytes(4, 2 ** 50), { lastSequence: 2 ** 50 }],
    ['compaction cursor', bytes(5, 1, key), { compactCursors: [{ level: 1, key: decodedKey }] }],
    ['deleted table', bytes(6, 2, 17), { deletedTables: [{ level: 2, number: 17 }] }],
    ['new table, first form', bytes(7, 6, 17, 720, key, key), { newTables: [newTable] }],
    [
      'new table, second form',
      bytes(100, 6, 17, 720, key, sentinel, 1, 2),
      {
        newTables: [
          {
            ...newTable,
            largest: { userKey: Buffer.from('zz'), sequence: 2n ** 56n - 1n, type: 0x0f },
            smallestSequence: 1n,
            largestSequence: 2n,
          },
        ],
      },
    ],
    [
      'new table, third form',
      bytes(102, 6, 17, 1, 720, key, key, 1, 2),
      { newTables: [{ ...newTable, pathId: 1, smallestSequence: 1n, largestSequence: 2n }] },
    ],
    [
      'new table, fourth form',
      bytes(
        103,
        6,
        17,
        720,
        key,
        key,
        1,
        2,
        ...[2, prefixed('\x01')],
        ...[4, prefixed('\x21')],
        ...[5, prefixed('\x09')],
        ...[6, prefixed('\x0a')],
        ...[7, prefixed('sum')],
        ...[8, prefixed('Crc')],
        ...[9, prefixed('\x08')],
        ...[12, prefixed('\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0')],
        ...[13, prefixed('\x0b')],
        ...[14, prefixed('\x0c')],
        ...[15, prefixed('\x0d')],
        ...[16, prefixed('\0')],
        ...[17, prefixed('of a later RocksDB')],
        ...[65, prefixed('\x02')],
        1,
      ),
      {
        newTables: [
          {
            ...newTable,
            pathId: 2,
            smallestSequence: 1n,
            largestSequence: 2n,
            isMarkedForCompaction: true,
            oldestBlobFile: 33,
            oldestAncestorTime: 9,
            fileCreationTime: 10,
            fileChecksum: Buffer.from('sum'),
            fileChecksumFunction: 'Crc',
            temperature: 8,
            uniqueId: [1n, 2n],
            epochNumber: 11,
            compensatedRangeDeletionSize: 12,
            tailSize: 13,
            persistsTimestamps: false,
          },
        ],
      },
    ],
    [
      'new table whose fields are empty,',
      bytes(103, 6, 17, 720, key, key, 1, 2, 5, prefixed('\xff'), 9, prefixed(''), 12, prefixed('short'), 1),
      { newTables: [{ ...newTable, smallestSequence: 1n, largestSequence: 2n }] },
    ],
    ['previous log', bytes(9, 3), { prevLogNumber: 3 }],
    ['lowest log to keep', bytes(10, 3), { minLogNumberToKeep: 3 }],
    ['column family', bytes(200, 5), { columnFamily: 5 }],
    [
      'new column family',
      bytes(200, 5, 201, prefixed('höhe')),
      { columnFamily: 5, addedColumnFamily: 'höhe' },
    ],
    ['dropped column family', bytes(200, 5, 202), { columnFamily: 5, dropsColumnFamily: true }],
    ['highest column family', bytes(203, 9), { maxColumnFamily: 9 }],
    ['atomic group', bytes(300, 2), { remainingInGroup: 2 }],
    [
      'new blob file',
      bytes(400, 8, 100, 5000, prefixed(''), prefixed(''), 3, prefixed('new'), 0),
      { newBlobFiles: [{ number: 8, blobCount: 100, blobBytes: 5000 }] },
    ],
    [
      'blob garbage',
      bytes(401, 8, 10, 500, 0),
      { blobGarbage: [{ number: 8, blobCount: 10, blobBytes: 500 }] },
    ],
    ['database id', bytes(8193, prefixed('id')), { dbId: 'id' }],
    ['early log addition', bytes(8196, 7, 2, 4096, 1), { addedWals: [{ number: 7, syncedBytes: 4096 }] }],
    ['early log deletion', bytes(8197, 7), { deletedWalsBelow: 7 }],
    ['log addition', bytes(8199, 2, 7, 1), { addedWals: [{ number: 7 }] }],
    ['synced log', bytes(8199, 4, 7, 2, 55, 1), { addedWals: [{ number: 7, syncedBytes: 55 }] }],
    ['log deletion', bytes(8200, 1, 7), { deletedWalsBelow: 7 }],
    [
      'lowest timestamp',
      bytes(8198, prefixed('12345678')),
      { fullHistoryTimestampLow: Buffer.from('12345678') },
    ],
    ['timestamps', bytes(8201, prefixed('\x01')), { persistsTimestamps: true }],
    ["rocksdb-cloud's own, ignorable", bytes(73728, prefixed('anything')), {}],
  ])('%s is understood between others', (_title, field, expected) => {
    expect(decode(Buffer.concat([bytes(9, 1), field, bytes(3, 99)]))).toEqual({
      ...empty,
      prevLogNumber: 1,
      nextFileNumber: 99,
      ...expected,
      ...('nextFileNumber' in expected ? { nextFileNumber: 99 } : {}),
    })
  })

  test.each([
    ['an unknown tag', bytes(720, 1), 'tag 720 is unknown'],
    ['a tag that is cut off', Buffer.of(0x80), 'a tag is cut off'],
    ['a missing value', bytes(3), 'the next file number is cut off'],
    [
      'a number beyond 2^53',
      bytes(3, Buffer.from('ffffffffffffffffff01', 'hex')),
      'the next file number is beyond 2^53',
    ],
    ['a level beyond 32 bits', bytes(6, 2 ** 33, 1), 'a level does not fit 32 bits'],
    ['a key that is too short', bytes(7, 6, 17, 720, prefixed('short')), 'a key is shorter'],
    ['an ignorable field that is cut off', bytes(8201, 5, 1), 'the field of tag 8201 is cut off'],
    [
      'a table field that must be known',
      bytes(103, 6, 17, 720, key, key, 1, 2, 70, prefixed('')),
      'field 70 of a table',
    ],
    ['a blob field that must be known', bytes(401, 8, 10, 500, 70, prefixed('')), 'field 70 of a blob file'],
  ])('%s is corruption, with the offset of the edit', (_title, payload, reason) => {
    expect(() => decode(payload)).toThrow(
      expect.objectContaining({
        code: 'Corruption',
        message: expect.stringMatching(
          new RegExp(`^MANIFEST-aa is corrupt at byte 4711: ${reason.replaceAll('^', '\\^')}`),
        ),
      }),
    )
  })
})

test('the edit that only sets the next file number sets nothing else', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (nextFileNumber) => {
      expect(decode(encodeNextFileNumberEdit(nextFileNumber))).toEqual({ ...empty, nextFileNumber })
    }),
  )
})

test('the edit that only sets the id of the database sets nothing else', () => {
  expect(decode(encodeDbIdEdit('8d2e-41'))).toEqual({ ...empty, dbId: '8d2e-41' })
})

test('the edit that adds sequence numbers replaces the table by itself', () => {
  const key = (text: string, sequence: bigint) => ({ userKey: Buffer.from(text), sequence, type: 1 })
  const table = { number: 300, level: 0, size: 5000, smallest: key('a', 7n), largest: key('zz', 400n) }
  const edit = decode(encodeSequencesEdit([{ ...table, smallestSequence: 3n, largestSequence: 500n }]))
  expect(edit.deletedTables).toEqual([{ number: 300, level: 0 }])
  expect(edit.newTables).toMatchObject([{ ...table, smallestSequence: 3n, largestSequence: 500n }])
})

test('an edit of more fields than the memory limit allows is refused', () => {
  const deletions = (count: number) => Buffer.alloc(3 * count, Buffer.of(6, 0, 7))
  expect(decode(deletions(maxEntries)).deletedTables).toHaveLength(maxEntries)
  expect(() => decode(deletions(maxEntries + 1))).toThrow(
    expect.objectContaining({
      code: 'NotSupported',
      message: 'MANIFEST-aa has an edit at byte 4711 with more than 500000 fields, more than is read here',
    }),
  )
})

test('a name of more than 64 KiB is refused, or left out if nobody needs it', () => {
  const name = (length: number) => prefixed('n'.repeat(length))
  const longest = 2 ** 16
  expect(decode(bytes(1, name(longest))).comparator).toHaveLength(longest)
  for (const tag of [1, 201, 8193])
    expect(() => decode(bytes(tag, name(longest + 1)))).toThrow(
      expect.objectContaining({
        code: 'Corruption',
        message: expect.stringMatching(/ has 65537 bytes, more than 65536, the most it may have$/),
      }),
    )
  const { newTables } = decode(bytes(103, 0, 7, 1, key, key, 1, 2, 8, name(longest + 1), 1))
  expect(newTables).toMatchObject([{ number: 7 }])
  expect(newTables[0]).not.toHaveProperty('fileChecksumFunction')
})

test('any bytes are either an edit or corruption', () => {
  const tagged = fc
    .tuple(fc.constantFrom(1, 3, 6, 7, 100, 102, 103, 400, 401, 8196, 8199), fc.uint8Array({ maxLength: 40 }))
    .map(([tag, rest]) => Buffer.concat([encodeVarint(tag), rest]))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), tagged), (payload) => {
      try {
        decode(payload)
      } catch (error) {
        expect(EnvError.is(error, 'Corruption')).toBe(true)
      }
    }),
    { numRuns: 1_000 },
  )
})
