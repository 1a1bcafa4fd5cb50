import { describe, expect, test } from 'vitest'
import { findState } from '#src/catalog/find-state.js'
import { readHistory } from '#src/catalog/history.js'
import { readManifest } from '#src/catalog/manifest.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { StoredObjects } from '../support/stored-objects.js'
import { bytes, field } from '../support/version-edits.js'

const epoch = (text: string) => parseEpoch(text)!
const day = (at: number) => new Date(Date.UTC(2026, 0, at))
/** Size of every table. */
const size = 100
const table = Buffer.alloc(size)

/** Edits of one commit. */
const edit = (next: number, sequence: number, ...fields: Uint8Array[]) =>
  bytes(...fields, field.nextFileNumber(next), field.lastSequence(sequence))
/** First edit of a log that RocksDB began with these tables. */
const opening = (next: number, sequence: number, ...tables: number[]) =>
  edit(next, sequence, field.logNumber(1), ...tables.map((number) => field.newTable(0, number, size)))
const adds = (number: number) => field.newTable(0, number, size)
const removes = (number: number) => field.deletedTable(0, number)

const cloudManifest = (current: string, ...past: [string, number][]) =>
  encodeCloudManifest({
    past: past.map(([name, end]) => ({ epoch: epoch(name), end })),
    current: epoch(current),
  })

/** A database at `db`, whose objects were written a day after the other in January 2026. */
function stored(objects: Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>) {
  const found = new StoredObjects()
  for (const [name, body] of Object.entries(objects))
    found.set(`db/${name}`, body instanceof Uint8Array ? body : encodeLog(body))
  return { objects: found, places: [{ store: found.store, path: 'db' }] as const }
}

/** Three flushes and a compaction, in one epoch. */
const simple = {
  '000010.sst-a': table,
  '000011.sst-a': table,
  '000012.sst-a': table,
  '000014.sst-a': table,
  'MANIFEST-a': [
    opening(10, 0),
    edit(11, 1, adds(10)),
    edit(12, 2, adds(11)),
    edit(13, 3, adds(12)),
    edit(15, 3, removes(10), removes(11), removes(12), field.newTable(1, 14, size)),
  ],
  CLOUDMANIFEST: cloudManifest('a'),
}

test('each edit that changes the files is a state, the newest first, with the time of its newest file', async () => {
  const { places } = stored(simple)
  const { states, hasMore, problems } = (await readHistory(places, ''))!
  expect(states.map(({ time, sequence, tables, bytes }) => ({ time, sequence, tables, bytes }))).toEqual([
    { time: day(4), sequence: 3, tables: 1, bytes: size },
    { time: day(3), sequence: 3, tables: 3, bytes: 3 * size },
    { time: day(2), sequence: 2, tables: 2, bytes: 2 * size },
    { time: day(1), sequence: 1, tables: 1, bytes: size },
    { time: undefined, sequence: 0, tables: 0, bytes: 0 },
  ])
  expect(states[0]!.change).toMatchObject({ addedTables: 1, removedTables: 3, levels: [1] })
  expect(states.at(-1)!.change.isBeginning).toBe(true)
  expect({ hasMore, problems }).toEqual({ hasMore: false, problems: [] })
})

test('no more states are returned than asked for, the newest ones', async () => {
  const { places } = stored(simple)
  const { states, hasMore } = (await readHistory(places, '', { limit: 2 }))!
  expect({ sequences: states.map(({ tables }) => tables), hasMore }).toEqual({
    sequences: [1, 3],
    hasMore: true,
  })
  expect((await readHistory(places, '', { limit: 5 }))!.hasMore).toBe(false)
})

test('a place without a database has no history', async () => {
  expect(await readHistory(stored({ '000010.sst-a': table }).places, '')).toBeUndefined()
})

test('the beginning of the log up to a state is its whole MANIFEST', async () => {
  const { places } = stored(simple)
  const { states } = (await readHistory(places, ''))!
  const log = encodeLog(simple['MANIFEST-a'])
  const tablesOf = (at: number) => [
    ...readManifest(log.subarray(0, states[at]!.manifestLength)).liveTables.keys(),
  ]
  expect(tablesOf(0)).toEqual([14])
  expect(tablesOf(2)).toEqual([10, 11])
})

test('an edit that changes no file is no state: a seal, a log number, a table that moves', async () => {
  const { places } = stored({
    '000010.sst-a': table,
    'MANIFEST-a': [
      opening(10, 0),
      edit(11, 1, adds(10)),
      edit(11, 1, field.logNumber(9)),
      edit(11, 1, removes(10), field.newTable(1, 10, size)),
      bytes(field.nextFileNumber(11)),
    ],
    CLOUDMANIFEST: cloudManifest('a'),
  })
  expect((await readHistory(places, ''))!.states).toHaveLength(2)
})

test('an atomic group is one state, and so is what recovery commits at once', async () => {
  const { places } = stored({
    '000010.sst-a': table,
    '000011.sst-a': table,
    '000012.sst-a': table,
    '000013.sst-a': table,
    'MANIFEST-a': [
      bytes(field.comparator('x'), field.logNumber(1), field.lastSequence(0)),
      bytes(field.columnFamily(1), field.addsColumnFamily('other')),
      edit(12, 2, adds(10)),
      edit(12, 2, field.columnFamily(1), adds(11)),
      edit(14, 4, adds(12), field.inAtomicGroup(1)),
      edit(14, 4, field.columnFamily(1), adds(13), field.inAtomicGroup(0)),
      edit(14, 4, field.columnFamily(1), field.dropsColumnFamily()),
    ],
    CLOUDMANIFEST: cloudManifest('a'),
  })
  const { states } = (await readHistory(places, ''))!
  expect(states.map(({ tables, columnFamilies }) => ({ tables, columnFamilies }))).toEqual([
    { tables: 2, columnFamilies: 1 },
    { tables: 4, columnFamilies: 2 },
    { tables: 2, columnFamilies: 2 },
  ])
  expect(states[0]!.change).toMatchObject({ droppedFamilies: ['other'], removedTables: 2 })
})

test('a column family dropped right after the opening is a state of its own', async () => {
  const { places } = stored({
    'MANIFEST-a': [
      bytes(field.columnFamily(1), field.addsColumnFamily('other')),
      opening(10, 0),
      edit(10, 0, field.columnFamily(1), field.dropsColumnFamily()),
    ],
    CLOUDMANIFEST: cloudManifest('a'),
  })
  const { states } = (await readHistory(places, ''))!
  expect(states.map(({ columnFamilies }) => columnFamilies)).toEqual([1, 2])
})

test('a state that only removes has the latest time at which it can have been committed', async () => {
  const { places } = stored({
    '000010.sst-a': table,
    '000011.sst-a': table,
    // Begun before the removal, and finished after it.
    '000012.sst-a': table,
    '000015.sst-a': table,
    'MANIFEST-a': [
      opening(10, 0),
      edit(11, 1, adds(10)),
      edit(12, 2, adds(11)),
      edit(13, 2, removes(10)),
      edit(16, 3, adds(15)),
      edit(16, 3, removes(15)),
    ],
    CLOUDMANIFEST: cloudManifest('a'),
  })
  const { states } = (await readHistory(places, ''))!
  expect(states.map(({ time }) => time)).toEqual([day(5), day(4), day(4), day(2), day(1), undefined])
  // Somebody who asks for the time before gets the state with the file.
  expect((await findState(places, '', day(3))).manifest.liveTables.size).toBe(2)
})

describe('states of past epochs', () => {
  const epochs = {
    '000010.sst-a': table,
    'MANIFEST-a': [opening(10, 0), edit(11, 1, adds(10)), bytes(field.nextFileNumber(11))],
    '000012.sst-b': table,
    'MANIFEST-b': [opening(12, 1, 10), edit(13, 5, adds(12)), bytes(field.nextFileNumber(20))],
    '000021.sst-c': table,
    'MANIFEST-c': [opening(21, 5, 10, 12), edit(22, 9, adds(21), removes(10))],
    CLOUDMANIFEST: cloudManifest('c', ['a', 11], ['b', 20]),
  }

  test('are those of their MANIFESTs, under the CLOUDMANIFEST as it was then', async () => {
    const { places } = stored(epochs)
    const { states } = (await readHistory(places, ''))!
    expect(states.map((state) => `${state.epoch} ${state.sequence} ${state.tables}`)).toEqual([
      'c 9 2',
      'c 5 2',
      'b 5 2',
      'b 1 1',
      'a 1 1',
      'a 0 0',
    ])
    const { cloudManifest: cut, files } = await findState(places, '', 4)
    expect(cut).toEqual({ past: [{ epoch: 'a', end: 11 }], current: 'b' })
    expect([...files].map(([name, { objectName }]) => `${name} ${objectName}`)).toEqual([
      '000010.sst 000010.sst-a',
    ])
  })

  test('begin when the MANIFEST before was written for the last time', async () => {
    const { places } = stored(epochs)
    const { states } = (await readHistory(places, ''))!
    const beginnings = states.filter(({ change }) => change.isBeginning).map(({ time }) => time)
    expect(beginnings).toEqual([day(4), day(2), undefined])
  })

  test('are left out if their MANIFEST is gone', async () => {
    const { objects, places } = stored(epochs)
    objects.delete('db/MANIFEST-b')
    const { states } = (await readHistory(places, ''))!
    expect(new Set(states.map((state) => state.epoch))).toEqual(new Set(['c', 'a']))
  })

  test('end where the next epoch began, whatever a displaced owner wrote then', async () => {
    const { places } = stored({
      ...epochs,
      '000011.sst-a': table,
      'MANIFEST-a': [opening(10, 0), edit(11, 1, adds(10)), edit(12, 7, adds(11)), edit(12, 7, removes(10))],
    })
    const { states } = (await readHistory(places, ''))!
    expect(states.filter((state) => state.epoch === 'a').map(({ tables }) => tables)).toEqual([1, 0])
  })

  test('are told of up to the first edit that cannot be read', async () => {
    const { objects, places } = stored(epochs)
    const damaged = [opening(12, 1, 10), edit(13, 5, removes(99)), edit(13, 5, adds(12))]
    objects.set('db/MANIFEST-b', encodeLog(damaged))
    const { states, problems } = (await readHistory(places, ''))!
    expect(states.map((state) => state.epoch)).toEqual(['c', 'c', 'b', 'a', 'a'])
    expect(problems).toMatchObject([{ code: 'corrupt', object: 'memory://bucket/db/MANIFEST-b' }])
  })
})

describe('a MANIFEST that RocksDB began anew within an epoch', () => {
  const former = [opening(10, 0), edit(11, 1, adds(10)), edit(12, 2, adds(11))]
  const objects = {
    '000010.sst-a': table,
    '000011.sst-a': table,
    'HISTORY-a-000005': former,
    '000012.sst-a': table,
    'MANIFEST-a': [opening(12, 2, 10, 11), edit(13, 3, adds(12))],
    CLOUDMANIFEST: cloudManifest('a'),
  }

  test('continues the states of the one before', async () => {
    const { places } = stored(objects)
    const { states } = (await readHistory(places, ''))!
    expect(states.map(({ manifestObject, tables }) => `${manifestObject} ${tables}`)).toEqual([
      'MANIFEST-a 3',
      'MANIFEST-a 2',
      'HISTORY-a-000005 2',
      'HISTORY-a-000005 1',
      'HISTORY-a-000005 0',
    ])
    expect((await findState(places, '', 1)).id).toMatch(/^HISTORY-a-000005-\d+$/)
  })

  test('is no second copy of states if the commit that was to replace it never came', async () => {
    const { places } = stored({ ...objects, 'MANIFEST-a': [...former, edit(13, 3, adds(12))] })
    const { states } = (await readHistory(places, ''))!
    expect(states.map(({ manifestObject, tables }) => `${manifestObject} ${tables}`)).toEqual([
      'MANIFEST-a 3',
      'MANIFEST-a 2',
      'MANIFEST-a 1',
      'MANIFEST-a 0',
    ])
  })

  test('dates the next one no longer once it is deleted, also while somebody reads', async () => {
    const history = 'db/HISTORY-a-000005'
    const read = async (onRequest: (objects: StoredObjects, request: string) => void) => {
      const { objects: found, places } = stored(objects)
      found.onRequest = (request) => onRequest(found, request)
      const { states } = (await readHistory(places, ''))!
      return states.map(({ manifestObject, time }) => ({ manifestObject, time }))
    }
    const deletedBefore = await read((found) => found.delete(history))
    expect(deletedBefore).toEqual([
      { manifestObject: 'MANIFEST-a', time: day(4) },
      { manifestObject: 'MANIFEST-a', time: day(2) },
    ])
    const deletesAtLast = (found: StoredObjects, request: string) => {
      if (request === `GET ${history}`) found.delete(history)
    }
    expect(await read(deletesAtLast)).toEqual(deletedBefore)
    const { objects: found, places } = stored(objects)
    found.onRequest = (request) => deletesAtLast(found, request)
    expect((await findState(places, '', day(2))).id).toMatch(/^MANIFEST-a-/)
  })
})

describe('a state can be opened', () => {
  test('if each of its tables is there with its size', async () => {
    const { objects, places } = stored(simple)
    objects.delete('db/000011.sst-a')
    const openable = async () => (await readHistory(places, ''))!.states.map((state) => state.isOpenable)
    expect(await openable()).toEqual([true, false, false, true, true])
    objects.set('db/000014.sst-a', Buffer.alloc(size + 1))
    expect(await openable()).toEqual([false, false, false, true, true])
    expect((await readHistory(places, ''))!.states.map(({ missingTables }) => missingTables)).toEqual([
      1, 1, 1, 0, 0,
    ])
  })

  test('if each blob file that it needs is there', async () => {
    const { objects, places } = stored({
      '000010.sst-a': table,
      '000011.blob-a': table,
      '000012.sst-a': table,
      '000013.blob-a': table,
      'MANIFEST-a': [
        opening(10, 0),
        edit(12, 1, field.newBlobFile(11, 1, 50), field.newTable(0, 10, size, 11)),
        edit(14, 2, field.newBlobFile(13, 1, 50), field.newTable(0, 12, size, 13)),
        edit(14, 2, removes(10), field.blobGarbage(11, 1, 50)),
      ],
      CLOUDMANIFEST: cloudManifest('a'),
    })
    const openable = async () => (await readHistory(places, ''))!.states.map((state) => state.isOpenable)
    expect(await openable()).toEqual([true, true, true, true])
    objects.delete('db/000011.blob-a')
    expect(await openable()).toEqual([true, false, false, true])
  })
})

describe('findState', () => {
  test('finds the latest state that is not later than a time', async () => {
    const { places } = stored(simple)
    const tables = async (at: Date) => [...(await findState(places, '', at)).manifest.liveTables.keys()]
    expect(await tables(day(2))).toEqual([10, 11])
    expect(await tables(new Date(day(3).getTime() - 1))).toEqual([10, 11])
    expect(await tables(day(3))).toEqual([10, 11, 12])
    expect(await tables(day(400))).toEqual([14])
  })

  test('finds the latest state without later writes', async () => {
    const { places } = stored(simple)
    const tables = async (at: number | bigint) => [
      ...(await findState(places, '', at)).manifest.liveTables.keys(),
    ]
    expect(await tables(2)).toEqual([10, 11])
    expect(await tables(3n)).toEqual([14])
    expect(await tables(0)).toEqual([])
  })

  test('finds the state of a checkpoint by its name', async () => {
    const { places } = stored({
      ...simple,
      'MANIFEST-e': [opening(12, 2, 10, 11)],
      'CLOUDMANIFEST-checkpoint-monday': cloudManifest('e', ['a', 12]),
    })
    const state = await findState(places, '', 'monday')
    expect([...state.files.values()].map(({ objectName }) => objectName).sort()).toEqual([
      '000010.sst-a',
      '000011.sst-a',
    ])
    await expect(findState(places, '', 'tuesday')).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('no checkpoint "tuesday". It has "monday"'),
    })
  })

  test('says which states are left where there is none', async () => {
    const { objects, places } = stored(simple)
    await expect(findState(places, '', new Date(0))).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(
        /no state at 1970.* oldest .* unknown time \(sequence number 0, epoch a\), the newest of 2026-01-04T.*Nobody recorded/,
      ),
    })
    objects.delete('db/000010.sst-a')
    await expect(findState(places, '', day(2))).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(/state at 2026-01-02.*can no longer be opened: tables of it are gone/),
    })
  })

  test('never takes an older state in place of one whose tables are gone', async () => {
    const { objects, places } = stored(simple)
    objects.delete('db/000012.sst-a')
    await expect(findState(places, '', day(3))).rejects.toMatchObject({ code: 'NotFound' })
    expect((await findState(places, '', day(2))).manifest.liveTables.size).toBe(2)
  })

  test('fetches no MANIFEST that is too new to have it', async () => {
    const { objects, places } = stored({
      '000010.sst-a': table,
      'MANIFEST-a': [opening(10, 0), edit(11, 1, adds(10))],
      'MANIFEST-b': [opening(12, 1, 10)],
      'MANIFEST-c': [opening(13, 1, 10)],
      CLOUDMANIFEST: cloudManifest('c', ['a', 11], ['b', 12]),
    })
    await findState(places, '', day(1))
    expect(objects.requests).toEqual([
      'GET db/CLOUDMANIFEST',
      'GET db/MANIFEST-c',
      'LIST db/',
      'GET db/MANIFEST-a',
    ])
  })
})

test('a branch has its own states at their times, though the line that it came from goes on', async () => {
  const { places } = stored({
    '000010.sst-a': table,
    '000011.sst-b': table,
    '000011.sst-a': table,
    'MANIFEST-a': [opening(10, 0), edit(11, 1, adds(10)), edit(12, 2, adds(11))],
    CLOUDMANIFEST: cloudManifest('a'),
    '000012.sst-b': table,
    'MANIFEST-b': [opening(11, 1, 10), edit(12, 3, adds(11)), edit(13, 4, adds(12))],
    'CLOUDMANIFEST-branch': cloudManifest('b', ['a', 11]),
  })
  const at = async (time: Date) => [...(await findState(places, 'branch', time)).manifest.liveTables.keys()]
  expect(await at(day(1))).toEqual([10])
  expect(await at(day(2))).toEqual([10, 11])
  expect(await at(day(5))).toEqual([10, 11])
  expect(await at(day(6))).toEqual([10, 11, 12])
})

test('a clone has the states of its source up to its own beginning', async () => {
  const source = stored(simple)
  const own = stored({
    '000013.sst-b': table,
    'MANIFEST-b': [opening(13, 2, 10, 11), edit(14, 4, adds(13))],
    CLOUDMANIFEST: cloudManifest('b', ['a', 12]),
  })
  const { states } = (await readHistory([own.places[0], source.places[0]], ''))!
  expect(states.map((state) => `${state.epoch} ${state.tables} ${state.isOpenable}`)).toEqual([
    'b 3 true',
    'b 2 true',
    'a 2 true',
    'a 1 true',
    'a 0 true',
  ])
})
