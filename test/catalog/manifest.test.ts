import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { encodeNextFileNumberEdit } from '#src/format/encode-version-edit.js'
import { appendRecord, encodeLog } from '#src/format/log-record.js'
import { bytes, field } from '../support/version-edits.js'

const opening = bytes(
  field.comparator('bytewise'),
  field.logNumber(3),
  field.nextFileNumber(5),
  field.lastSequence(0),
)
const manifestOf = (...edits: Uint8Array[]) => encodeLog([opening, ...edits])
const read = (...edits: Uint8Array[]) => readManifest(manifestOf(...edits))
const liveTables = (...edits: Uint8Array[]) => [...read(...edits).liveTables.keys()]

describe('tables', () => {
  test('are live from the edit that adds them to the edit that deletes them', () => {
    expect(
      liveTables(field.newTable(0, 7, 700), field.newTable(0, 8, 800), field.deletedTable(0, 7)),
    ).toEqual([8])
  })

  test('stay live when they only move to another level', () => {
    const { liveTables } = read(
      field.newTable(0, 7, 700),
      bytes(field.deletedTable(0, 7), field.newTable(6, 7, 700)),
    )
    expect(liveTables.get(7)).toMatchObject({ number: 7, level: 6, size: 700, columnFamily: 0 })
  })

  test('disappear with their column family', () => {
    const cf = field.columnFamily(2)
    const { liveTables, columnFamilies } = read(
      bytes(cf, field.addsColumnFamily('two')),
      bytes(field.newTable(0, 7, 700)),
      bytes(cf, field.newTable(0, 8, 800)),
      bytes(cf, field.dropsColumnFamily()),
    )
    expect([...liveTables.keys()]).toEqual([7])
    expect([...columnFamilies.values()].map(({ name }) => name)).toEqual(['default'])
  })
})

test('adding and dropping column families is as fast with many tables as with few', () => {
  const tables = Buffer.concat(Array.from({ length: 30_000 }, (_, at) => field.newTable(6, at + 10, 1)))
  const cf = field.columnFamily(7)
  const coming = bytes(cf, field.addsColumnFamily('seven'))
  const going = bytes(cf, field.dropsColumnFamily())
  const comings = Array.from({ length: 10_000 }, () => [coming, going]).flat()
  const table = bytes(cf, field.newTable(0, 7, 1))
  const { liveTables, columnFamilies } = read(tables, ...comings, coming, table, going, coming)
  expect([liveTables.size, columnFamilies.size, liveTables.has(7)]).toEqual([30_000, 2, false])
})

test('a column family may reuse the name of a dropped one, or have nearly that of another', () => {
  const added = (id: number, name: string | Uint8Array) =>
    bytes(field.columnFamily(id), field.addsColumnFamily(name))
  const { columnFamilies } = read(
    added(1, 'one'),
    bytes(field.columnFamily(1), field.dropsColumnFamily()),
    added(2, 'one'),
    added(3, Uint8Array.of(0xff)),
    added(4, Uint8Array.of(0xfe)),
  )
  expect([...columnFamilies.keys()]).toEqual([0, 2, 3, 4])
})

describe('blob files', () => {
  const live = (...edits: Uint8Array[]) => [...read(...edits).liveBlobFiles.keys()]

  test('are live from the oldest one that a table points to', () => {
    expect(
      live(
        field.newBlobFile(6, 10, 100),
        field.newBlobFile(7, 10, 100),
        field.newBlobFile(8, 10, 100),
        field.newTable(0, 9, 900, 7),
      ),
    ).toEqual([7, 8])
  })

  test('are not live when no table points to any', () => {
    expect(live(field.newBlobFile(6, 10, 100), field.newTable(0, 9, 900))).toEqual([])
  })

  test('are dropped when they are all garbage and no table starts in them', () => {
    const edits = [field.newBlobFile(6, 10, 100), field.newBlobFile(8, 10, 100), field.newTable(0, 9, 900, 6)]
    expect(live(...edits, field.blobGarbage(8, 9, 90))).toEqual([6, 8])
    expect(live(...edits, field.blobGarbage(8, 9, 90), field.blobGarbage(8, 1, 10))).toEqual([6])
    expect(live(...edits, field.blobGarbage(6, 10, 100))).toEqual([6, 8])
  })

  test('that are garbage take no memory, however many', () => {
    const files = Array.from({ length: 1_000 }, (_, at) => at + 10)
    const edits = files.flatMap((number) => {
      // One in 100 has a blob left, one is garbage from the start, and one is garbage that a table points to.
      const isLinked = number % 100 === 10
      const left = number % 100 === 20 ? 1 : 0
      const count = number % 100 === 30 ? 0 : 3
      return [
        bytes(
          field.newBlobFile(number, count, 10 * count),
          ...(isLinked ? [field.newTable(0, number + 5_000, 1, number)] : []),
        ),
        ...(count > 0 ? [field.blobGarbage(number, 1, 10), field.blobGarbage(number, 2 - left, 10)] : []),
      ]
    })
    const { liveBlobFiles, ...manifest } = readManifest(manifestOf(...edits), { limit: 100 })
    expect([...liveBlobFiles.keys()]).toEqual(files.filter((number) => [10, 20].includes(number % 100)))
    expect({ ...manifest, liveBlobFiles }).toEqual(read(...edits))

    const more = (...some: Uint8Array[]) => readManifest(manifestOf(...edits, ...some), { limit: 100 })
    expect(() => more(field.blobGarbage(11, 1, 0))).toThrow('blob file 11 has garbage but is not there')
    expect(() => more(field.blobGarbage(11, 0, 0))).not.toThrow()
    const alive = Array.from({ length: 100 }, (_, at) => field.newBlobFile(at + 2_000, 1, 1))
    expect(() => more(...alive)).toThrow(expect.objectContaining({ code: 'NotSupported' }))
  })

  test('of one column family are not kept by tables of another', () => {
    const cf = field.columnFamily(1)
    expect(
      live(
        bytes(cf, field.addsColumnFamily('one')),
        field.newBlobFile(6, 10, 100),
        field.newTable(0, 7, 700, 6),
        bytes(cf, field.newBlobFile(8, 10, 100)),
      ),
    ).toEqual([6])
  })
})

test('the last of each number counts', () => {
  const manifest = read(bytes(field.nextFileNumber(9), field.lastSequence(70)), field.nextFileNumber(11))
  expect(manifest).toMatchObject({ lastNextFileNumber: 11, lastSequence: 70 })
  expect(manifest.columnFamilies.get(0)).toEqual({
    id: 0,
    name: 'default',
    comparator: 'bytewise',
    logNumber: 3,
  })
})

describe('an atomic group', () => {
  const group = [
    bytes(field.newTable(0, 7, 700), field.inAtomicGroup(2)),
    bytes(field.newTable(0, 8, 800), field.inAtomicGroup(1)),
    bytes(field.newTable(0, 9, 900), field.inAtomicGroup(0)),
  ]

  test('counts when it is whole', () => {
    expect(liveTables(...group, field.newTable(0, 10, 1))).toEqual([7, 8, 9, 10])
  })

  test('does not count when its end is missing, and nothing may be appended after it', () => {
    const torn = manifestOf(group[0]!, group[1]!)
    const manifest = readManifest(torn)
    expect([...manifest.liveTables.keys()]).toEqual([])
    expect(() => readManifest(torn, { tail: 'strict' })).toThrow('an atomic group is incomplete')

    const appended = appendRecord(torn.subarray(0, manifest.length), encodeNextFileNumberEdit(12))
    expect(readManifest(appended, { tail: 'strict' })).toMatchObject({ lastNextFileNumber: 12 })
    expect(() => readManifest(appendRecord(torn, encodeNextFileNumberEdit(12)))).toThrow(
      'an atomic group is interrupted',
    )
  })

  test('is corrupt when an edit of it is missing', () => {
    expect(() => read(group[0]!, group[2]!)).toThrow('an atomic group is interrupted')
    expect(() => read(group[0]!, field.newTable(0, 1, 1))).toThrow('an atomic group is interrupted')
  })
})

test('a torn last edit does not count, and the length ends before it', () => {
  const whole = manifestOf(field.newTable(0, 7, 700))
  const torn = appendRecord(whole, field.newTable(0, 8, 800)).subarray(0, -1)
  const manifest = readManifest(torn)
  expect([...manifest.liveTables.keys()]).toEqual([7])
  expect(manifest.length).toBe(whole.length)
  expect(() => readManifest(torn, { tail: 'strict' })).toThrow(`corrupt at byte ${whole.length}`)
})

test('appending an edit with the same next file number changes the bytes and nothing else', () => {
  const tables = fc.uniqueArray(fc.integer({ min: 6, max: 10_000 }), { maxLength: 800 })
  fc.assert(
    fc.property(tables, (numbers) => {
      const before = manifestOf(...numbers.map((number) => field.newTable(0, number, number)))
      const manifest = readManifest(before)
      const after = appendRecord(before, encodeNextFileNumberEdit(manifest.lastNextFileNumber))
      expect(after.length).toBeGreaterThan(before.length)
      expect(readManifest(after)).toEqual({ ...manifest, length: after.length })
    }),
    { numRuns: 30 },
  )
})

test.each([
  ['a table added twice', [field.newTable(0, 7, 1), field.newTable(1, 7, 1)], 'table 7 is added twice'],
  ['a table deleted that is not there', [field.deletedTable(0, 7)], 'table 7 is deleted from level 0'],
  [
    'a table deleted from another level',
    [field.newTable(0, 7, 1), field.deletedTable(1, 7)],
    'table 7 is deleted from level 1',
  ],
  [
    'a file of an unknown column family',
    [bytes(field.columnFamily(3), field.newTable(0, 7, 1))],
    'column family 3 is unknown',
  ],
  [
    'an unknown column family dropped',
    [bytes(field.columnFamily(3), field.dropsColumnFamily())],
    'column family 3 is dropped',
  ],
  [
    'a blob file added twice',
    [field.newBlobFile(7, 1, 1), field.newBlobFile(7, 1, 1)],
    'blob file 7 is added twice',
  ],
  ['garbage in no blob file', [field.blobGarbage(7, 1, 1)], 'blob file 7 has garbage'],
  [
    'garbage of more blobs than were written',
    [field.newBlobFile(7, 2, 20), field.blobGarbage(7, 2, 10), field.blobGarbage(7, 1, 10)],
    'blob file 7 has more garbage than blobs',
  ],
  [
    'garbage of more bytes than were written',
    [field.newBlobFile(7, 2, 20), field.blobGarbage(7, 1, 20), field.blobGarbage(7, 1, 1)],
    'blob file 7 has more garbage than blobs',
  ],
  [
    'the column family that each database has, added',
    [bytes(field.columnFamily(0), field.addsColumnFamily('default'))],
    'column family 0 is added twice',
  ],
  [
    'the column family that each database has, dropped',
    [bytes(field.columnFamily(0), field.dropsColumnFamily())],
    'the column family "default" is dropped',
  ],
  [
    'a second column family of a name',
    [1, 2].map((id) => bytes(field.columnFamily(id), field.addsColumnFamily('toString'))),
    'column family 2 has the name of another',
  ],
  [
    'another column family of the name "default"',
    [bytes(field.columnFamily(1), field.addsColumnFamily('default'))],
    'column family 1 has the name of another',
  ],
])('%s is corruption', (_title, edits, reason) => {
  expect(() => read(...edits)).toThrow(
    expect.objectContaining({ code: 'Corruption', message: expect.stringContaining(reason) }),
  )
})

test('a MANIFEST without the numbers that RocksDB needs is corrupt', () => {
  expect(() => readManifest(new Uint8Array())).toThrow('it lacks a log number')
  expect(() => readManifest(encodeLog([field.newTable(0, 7, 1)]))).toThrow('it lacks a log number')
})

describe('more files than the memory limit allows are refused', () => {
  /** Numbers from 2^14 to 2^21 take three bytes, behind a tag of two. */
  const blobs = (from: number, count: number) => {
    const one = field.newBlobFile(from, 1, 1)
    const all = Buffer.alloc(count * one.length, one)
    for (let at = 0; at < count; at++) all.set(bytes(from + at), at * one.length + 2)
    return all
  }
  const refusal = (byte: number) =>
    expect.objectContaining({
      code: 'NotSupported',
      message: `MANIFEST has more than 500000 files at byte ${byte}, more than is read here`,
    })

  test('in edits one after another', () => {
    const some = [blobs(100_000, 200_000), blobs(300_000, 200_000)]
    const oldest = [field.newBlobFile(8, 1, 1), field.newTable(0, 9, 1, 8)]
    expect(read(...oldest, ...some).liveBlobFiles.size).toBe(400_001)
    const most = [...some, blobs(500_000, 99_000)]
    expect(() => read(...most, blobs(599_000, 2_000))).toThrow(refusal(manifestOf(...most).length))
  })

  test('in the edits of an atomic group', () => {
    const deletions = Buffer.alloc(3 * 200_000, field.deletedTable(0, 7))
    const group = (remaining: number) => bytes(deletions, field.inAtomicGroup(remaining))
    expect(() => read(group(9), group(8), group(7))).toThrow(refusal(manifestOf(group(9), group(8)).length))
  })
})
