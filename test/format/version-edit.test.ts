import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { encodeVarint } from '#src/format/varint.js'
import { decodeVersionEdit, encodeNextFileNumberEdit } from '#src/format/version-edit.js'
import { bytes, prefixed } from '../support/version-edits.js'

const decode = (payload: Uint8Array) => decodeVersionEdit(payload, 4711, 'MANIFEST-aa')
const empty = {
  columnFamily: 0,
  dropsColumnFamily: false,
  deletedTables: [],
  newTables: [],
  newBlobFiles: [],
  blobGarbage: [],
}
const key = prefixed('some key12345678')

describe('a field', () => {
  test.each([
    ['comparator', bytes(1, prefixed('bytewise')), { comparator: 'bytewise' }],
    ['log number', bytes(2, 15), { logNumber: 15 }],
    ['next file number', bytes(3, 300), { nextFileNumber: 300 }],
    ['last sequence', bytes(4, 2 ** 50), { lastSequence: 2 ** 50 }],
    ['compaction cursor', bytes(5, 1, key), {}],
    ['deleted table', bytes(6, 2, 17), { deletedTables: [{ level: 2, number: 17 }] }],
    [
      'new table, first form',
      bytes(7, 6, 17, 720, key, key),
      { newTables: [{ level: 6, number: 17, size: 720 }] },
    ],
    [
      'new table, second form',
      bytes(100, 6, 17, 720, key, key, 1, 2),
      { newTables: [{ level: 6, number: 17, size: 720 }] },
    ],
    [
      'new table, third form',
      bytes(102, 6, 17, 1, 720, key, key, 1, 2),
      { newTables: [{ level: 6, number: 17, size: 720 }] },
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
        5,
        prefixed('\x09'),
        4,
        prefixed('\x21'),
        65,
        prefixed('\0'),
        16,
        prefixed('\0'),
        1,
      ),
      { newTables: [{ level: 6, number: 17, size: 720, oldestBlobFile: 33 }] },
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
    ['early log addition', bytes(8196, 7, 2, 4096, 1), {}],
    ['early log deletion', bytes(8197, 7), {}],
    ['timestamps', bytes(8201, prefixed('\x01')), {}],
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
