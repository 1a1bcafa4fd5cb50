import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DatabasePlace } from '#src/catalog/database-place.js'
import type { LiveTable } from '#src/catalog/manifest.js'
import { tableUniqueId } from '#src/format/table-unique-id.js'
import { RocksDB } from '#src/index.js'
import { verifyDatabase } from '#src/inspect/verify.js'
import { openStore } from '#src/store/open-store.js'
import { BlobTarget } from '#src/table/blob-target.js'
import type { RangedSource } from '#src/table/ranged-source.js'
import { type ExpectedTable, verifyTable } from '#src/table/verify-table.js'
import { tableOfManyFilters } from '../support/amplifying-tables.js'
import { copyToBucket } from '../support/bucket-copy.js'
import { flipped } from '../support/damage.js'
import { fixtureNames, fixtureSuite, haveFixtures, unpackFixture } from '../support/fixtures.js'
import { u32 } from '../support/little-endian.js'
import {
  block,
  type Entry,
  type Handle,
  handleBytes,
  internalKey,
  RawTable,
  type SmallTableOptions,
  smallTable,
  trailerSize,
  varint,
} from '../support/raw-table.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores } from '../support/test-stores.js'
import { writeVariedTables } from '../support/varied-tables.js'

const bytewise = 'leveldb.BytewiseComparator'
const entries: readonly Entry[] = ['a', 'b', 'c'].map((key, at) => [
  internalKey(key, at + 1),
  Buffer.from('value'),
])
const origin = { dbId: '6ecf7632-e908-46f9-b309-8f4cab643d31', sessionId: 'JCWMTVF3BSU4NE7SWKSG' }

function source(bytes: Uint8Array): RangedSource {
  return {
    name: 'file:///db/000007.sst-e',
    size: bytes.length,
    forget: async () => {},
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}

type Expected = Partial<LiveTable> & { readonly comparator?: string }

/** The MANIFEST's description: table 7 with the keys a to c and writes up to 3. */
function expectedTable(size: number, { comparator = bytewise, ...expected }: Expected = {}): ExpectedTable {
  const table: LiveTable = {
    number: 7,
    columnFamily: 0,
    level: 1,
    size,
    pathId: 0,
    smallest: { userKey: Buffer.from('a'), sequence: 1n, type: 1 },
    largest: { userKey: Buffer.from('c'), sequence: 3n, type: 1 },
    smallestSequence: 1n,
    largestSequence: 3n,
    isMarkedForCompaction: false,
    persistsTimestamps: true,
    editOffset: 0,
    ...expected,
  }
  const { smallest, largest } = table
  return {
    table,
    range: { columnFamily: 'default', smallest: smallest.userKey, largest: largest.userKey },
    comparator,
    nameOf: () => undefined,
    blobFile: () => undefined,
  }
}

/** Problems found in the table. */
async function found(options: Partial<SmallTableOptions> = {}, expected: Expected = {}): Promise<string[]> {
  const bytes = smallTable({ number: 7, entries, ...origin, ...options })
  const { problems } = await verifyTable(source(bytes), expectedTable(bytes.length, expected))
  return problems.map(({ code, message }) => `${code}: ${message}`)
}

/** The same of bytes. */
async function foundIn(bytes: Uint8Array): Promise<string[]> {
  const { problems } = await verifyTable(source(bytes), expectedTable(bytes.length))
  return problems.map(({ code, message }) => `${code}: ${message}`)
}

/** The properties with some of them changed. */
function withProperties(changes: Readonly<Record<string, Uint8Array>>): (properties: Entry[]) => Uint8Array {
  return (properties) => {
    const all = new Map(properties.map(([key, value]) => [key.toString(), value]))
    for (const [name, value] of Object.entries(changes)) all.set(name, value)
    return block([...all].sort().map(([name, value]) => [Buffer.from(name), value]))
  }
}

const uniqueId = (await tableUniqueId({ ...origin, fileNumber: 7 }))!

const versions = (sequences: readonly number[]) =>
  sequences.map((sequence): Entry => [internalKey('a', sequence), Buffer.from('value')])

describe('a table is sound', () => {
  test('when it is what the MANIFEST says', async () => {
    expect(await found()).toEqual([])
    expect(await found({}, { uniqueId })).toEqual([])
  })

  test('when it was written under another number in another column family, and has the id that the MANIFEST says', async () => {
    const imported = await tableUniqueId({ ...origin, fileNumber: 99 })
    const table = { number: 99, columnFamily: 5 }
    expect(await found(table, { uniqueId: imported! })).toEqual([])
  })

  test('when it was ingested: its entries have the numbers of where it was written', async () => {
    const version = { 'rocksdb.external_sst_file.version': u32(2) }
    const properties = withProperties({
      ...version,
      'rocksdb.external_sst_file.global_seqno': Buffer.from('0300000000000000', 'hex'),
    })
    expect(await found({ number: 1, properties })).toEqual([])
  })

  test('when its blocks are aligned, with zeros between them', async () => {
    expect(await found({ padding: Buffer.alloc(100) })).toEqual([])
  })

  test('when it has several versions of a key, the newest first', async () => {
    expect(
      await found({ entries: [...versions([300, 2, 1]), ...entries.slice(1)] }, { largestSequence: 300n }),
    ).toEqual([])
  })

  test('when LevelDB wrote it, without properties', async () => {
    expect(await found({ version: 0, properties: false })).toEqual([])
  })

  test.each([
    [bytewise, `${bytewise}.u64ts`],
    [`${bytewise}.u64ts`, bytewise],
  ])(
    'when it has the comparator %s, and its column family got, or lost, timestamps: %s',
    async (own, comparator) => {
      const properties = withProperties({ 'rocksdb.comparator': Buffer.from(own) })
      expect(await found({ properties }, { comparator })).toEqual([])
    },
  )

  test('when its keys are in an order that is unknown here', async () => {
    const comparator = 'mine'
    const properties = withProperties({ 'rocksdb.comparator': Buffer.from(comparator) })
    expect(await found({ entries: [...entries].reverse(), properties }, { comparator })).toEqual([])
  })
})

test.each<
  [what: string, problem: RegExp, options: Partial<SmallTableOptions>, expected?: Partial<LiveTable>]
>([
  ['an older version first', /^corrupt: .*not in order/, { data: block([...versions([1, 2]), entries[2]!]) }],
  ['keys out of order', /^corrupt: .*not in order/, { data: block([entries[1]!, entries[0]!, entries[2]!]) }],
  ['a key twice', /^corrupt: .*not in order/, { data: block([entries[0]!, entries[0]!, entries[2]!]) }],
  [
    'fewer entries than it says',
    /^mismatch: .*has 2 entries .*says that there are 3/,
    { data: block([entries[0]!, entries[2]!]) },
  ],
  [
    'a smaller key than in the MANIFEST',
    /^mismatch: .*other keys/,
    { data: block([[internalKey('A'), Buffer.of()], ...entries.slice(1)]) },
  ],
  [
    'not the largest key in the MANIFEST',
    /^mismatch: .*other keys/,
    { data: block([entries[0]!, entries[1]!, [internalKey('bb'), Buffer.of()]]) },
  ],
  [
    'a key beyond its place in the index',
    /^corrupt: .*index entry does not reach/,
    { index: (data) => block([[internalKey('b'), handleBytes(data)]]) },
  ],
  ['a write that is newer than those in the MANIFEST', /^corrupt: .*is newer/, {}, { largestSequence: 2n }],
  [
    'a key without a sequence number',
    /^corrupt: .*8-byte trailer/,
    { data: block([[Buffer.from('a'), Buffer.of()]]) },
  ],
  [
    'bytes between its blocks',
    /^corrupt: .*no block of the table/,
    { padding: Buffer.from('\0\0something') },
  ],
  [
    'another comparator',
    /^mismatch: .*order of "other"/,
    { properties: withProperties({ 'rocksdb.comparator': Buffer.from('other') }) },
  ],
  ['a block compressed as none is', /^corrupt: .*compression type 51/, { dataCompression: 51 }],
  [
    'a block that BZip2 did not compress',
    /^corrupt: .*not 10 bytes compressed with BZip2/,
    { dataCompression: 3, data: Buffer.concat([varint(10), Buffer.alloc(20)]) },
  ],
  [
    'a block compressed with what is not there',
    /^unsupported: .*Xpress.*checksum is right; what is in it was not checked/,
    { dataCompression: 6, data: Buffer.concat([varint(10), Buffer.alloc(20)]) },
  ],
  [
    'an id of another session',
    /^swapped: .*written as table 7 of another/,
    { sessionId: 'JCWMTVF3BSU4NE7SWKSX' },
    { uniqueId },
  ],
  ['no properties', /^corrupt: .*has no properties/, { properties: false }],
  [
    'no properties, where the MANIFEST has an id',
    /^corrupt: .*has no properties/,
    { version: 0, properties: false },
    { uniqueId },
  ],
  ['an id of another number', /^swapped: .*written as table 8 of another/, { number: 8 }, { uniqueId }],
  ['another number, where the MANIFEST has no id', /^swapped: .*written as table 8\./, { number: 8 }],
  [
    'another column family, where the MANIFEST has no id',
    /^mismatch: .*is of column family 3/,
    { columnFamily: 3 },
  ],
])('a table with %s is named', async (_, problem, options, expected) => {
  expect(await found(options, expected)).toEqual([expect.stringMatching(problem)])
})

describe('the index of a table', () => {
  const value = Buffer.from('value')
  const all: readonly Entry[] = [
    [internalKey('a', 2), value],
    [internalKey('b', 5), value],
    [internalKey('b', 3), value],
    [internalKey('d', 4), value],
  ]
  const expected = {
    largestSequence: 9n,
    largest: { userKey: Buffer.from('d'), sequence: 4n, type: 1 },
  }
  const maxSequence = 2n ** 56n - 1n

  interface TwoBlocks {
    readonly first: readonly Entry[]
    /** The index entry of the first block. */
    readonly separator: Uint8Array
    readonly second: readonly Entry[]
    readonly hasUserKeys?: boolean
  }
  const foundInTwo = ({ first, separator, second, hasUserKeys = false }: TwoBlocks) => {
    const size = block(first).length
    const next = size + trailerSize
    const index = () =>
      block([
        [separator, handleBytes({ offset: 0, size })],
        [
          hasUserKeys ? Buffer.from('d') : internalKey('d', 4),
          handleBytes({ offset: next, size: block(second).length }),
        ],
      ])
    const indexEntriesAreUserKeys = withProperties({ 'rocksdb.index.key.is.user.key': varint(1) })
    return found(
      {
        entries: all,
        data: block(first),
        next: block(second),
        index,
        ...(hasUserKeys && { properties: indexEntriesAreUserKeys }),
      },
      expected,
    )
  }
  const afterB = { first: all.slice(0, 3), second: all.slice(3) }
  const withinB = { first: all.slice(0, 2), second: all.slice(2) }
  const unreached = /^corrupt: .*byte 0: it has a key that its index entry does not reach/
  const notBehind =
    /^corrupt: .*byte \d\d: it has a key that is not behind the index entry of the block before/

  test.each<[separator: string, TwoBlocks]>([
    ['the last key', { ...afterB, separator: internalKey('b', 3) }],
    ['a key between two blocks', { ...afterB, separator: internalKey('c', maxSequence, 0x18) }],
    ['a user key', { ...afterB, separator: Buffer.from('b'), hasUserKeys: true }],
    ['a user key between two blocks', { ...afterB, separator: Buffer.from('c'), hasUserKeys: true }],
    ['a key of which the next block has older versions', { ...withinB, separator: internalKey('b', 5) }],
  ])('is sound with %s', async (_, blocks) => {
    expect(await foundInTwo(blocks)).toEqual([])
  })

  test.each<[separator: string, problem: RegExp, TwoBlocks]>([
    ['before the last key', unreached, { ...afterB, separator: internalKey('a', 2) }],
    ['behind the first key', notBehind, { ...afterB, separator: internalKey('e', 2) }],
    ['before the last version of a key', unreached, { ...withinB, separator: internalKey('b', 6) }],
    ['at the next version of a key', notBehind, { ...withinB, separator: internalKey('b', 3) }],
    ['before the last user key', unreached, { ...afterB, separator: Buffer.from('a'), hasUserKeys: true }],
    ['at the first user key', notBehind, { ...afterB, separator: Buffer.from('d'), hasUserKeys: true }],
    ['at a user key of both', notBehind, { ...withinB, separator: Buffer.from('b'), hasUserKeys: true }],
  ])('with an entry %s is named', async (_, problem, blocks) => {
    expect(await foundInTwo(blocks)).toEqual([expect.stringMatching(problem)])
  })

  const partitionUnreached = [
    expect.stringMatching(/^corrupt: .*it has a key that its index entry does not reach/),
  ]
  test.each([
    ['c of sequence 3', internalKey('c', 3), []],
    ['d of sequence 9', internalKey('d', 9), []],
    ['bb of sequence 3', internalKey('bb', 3), partitionUnreached],
    ['c of sequence 4', internalKey('c', 4), partitionUnreached],
  ])('whose partition goes to c of sequence 3, and is said to go to %s', async (_, top, problems) => {
    const file = new RawTable()
    const data = file.add(block(entries))
    const partition = file.add(block([[internalKey('c', 3), handleBytes(data)]]))
    const index = file.add(block([[top, handleBytes(partition)]]))
    const type: Entry = [Buffer.from('rocksdb.block.based.table.index.type'), u32(2)]
    const properties = file.add(block([type]))
    const metaindex = file.add(block([[Buffer.from('rocksdb.properties'), handleBytes(properties)]]))
    expect(await foundIn(file.finish(metaindex, index))).toEqual(problems)
  })

  test.each([
    ['a of sequence 1', internalKey('a', 1), []],
    ['a of sequence 2', internalKey('a', 2), [expect.stringMatching(/^corrupt: .*first key is another/)]],
    ['A of sequence 1', internalKey('A', 1), [expect.stringMatching(/^corrupt: .*first key is another/)]],
  ])(
    'whose block begins with a of sequence 1, and is said to begin with %s',
    async (_, firstKey, problems) => {
      const index = (data: Handle) =>
        block([[internalKey('c', 3), Buffer.concat([handleBytes(data), varint(firstKey.length), firstKey])]])
      expect(await found({ index, indexType: 3 })).toEqual(problems)
    },
  )
})

describe('the range deletions of a table', () => {
  const deletion: Entry = [internalKey('a', 1, 15), Buffer.from('c')]
  const stated = (count: number) =>
    withProperties({
      'rocksdb.num.range-deletions': varint(count),
      'rocksdb.num.entries': varint(entries.length + count),
    })

  test('are as many as it says', async () => {
    expect(await found({ rangeDeletions: [deletion], properties: stated(1) })).toEqual([])
    // Counted like RocksDB 5.15 to 5.18.
    const properties = withProperties({ 'rocksdb.num.range-deletions': varint(1) })
    expect(await found({ rangeDeletions: [deletion], properties })).toEqual([])
  })

  test('are as many as its other entries leave, where it does not say more', async () => {
    const properties = withProperties({ 'rocksdb.num.entries': varint(entries.length + 1) })
    expect(await found({ rangeDeletions: [deletion], properties })).toEqual([])
  })

  test.each([0, 2])('are named where they are one, and it says %i', async (count) => {
    expect(await found({ rangeDeletions: [deletion], properties: stated(count) })).toEqual([
      expect.stringMatching(`^mismatch: .*has 3 entries and 1 range deletions.* ${count} of them range`),
    ])
  })

  test('are named where they are missing', async () => {
    expect(await found({ properties: stated(1) })).toEqual([
      expect.stringMatching(/^mismatch: .*0 range del/),
    ])
  })

  test('are named where they are something else', async () => {
    const rangeDeletions = [[internalKey('a', 1), Buffer.from('c')] as const]
    expect(await found({ rangeDeletions, properties: stated(1) })).toEqual([
      expect.stringMatching(/^corrupt: .*an entry that is no range deletion/),
    ])
  })
})

test('a data block whose restart points lead past its keys is named', async () => {
  const [first, second] = [block(entries.slice(0, 1)), block(entries)]
  const restart = first.length - 8
  const data = Buffer.from(second)
  // Each leads to the second entry.
  for (let at = 1; at <= entries.length; at++) data.writeUInt32LE(restart, data.length - 4 - 4 * at)
  expect(await found({ data })).toEqual([
    expect.stringMatching(/^corrupt: .*byte 0: its restart point 1 is not the start of an entry/),
  ])
})

describe('what RocksDB writes is sound', () => {
  async function verifyDeep(write: (path: string) => Promise<void>) {
    const path = join(temporaryDirectory(), 'db')
    await write(path)
    const bucket = mainTestStores()[0]!.make()
    await copyToBucket(path, bucket, 'db')
    await bucket.put('db/IDENTITY', await readFile(join(path, 'IDENTITY')))
    const store = await openStore(bucket.url('db'))
    const { problems, checked } = await verifyDatabase([{ store, path: '' }], { isDeep: true })
    store.close()
    expect(problems).toEqual([])
    return checked
  }

  test('in every form of tables', async () => {
    const { tables, entries } = await verifyDeep(writeVariedTables)
    expect(tables).toBeGreaterThan(30)
    expect(entries).toBeGreaterThan(40_000)
  })

  test('in the opposite order of keys, whether the index has user keys or internal ones', async () => {
    const { blocks } = await verifyDeep(async (path) => {
      const db = await RocksDB.open(path)
      for (const format_version of [2, 5]) {
        const columnFamily = await db.createColumnFamily(`version${format_version}`, {
          comparator: 'rocksdb.ReverseBytewiseComparator',
          block_based_table_factory: { format_version, block_size: 300 },
        })
        for (let at = 0; at < 500; at++) await db.put(`key${at}`, `value ${at}`, { columnFamily })
        await db.flush({ columnFamily })
      }
      await db.close()
    })
    expect(blocks).toBeGreaterThan(40)
  })

  test.runIf(haveFixtures)(fixtureSuite('in databases of rocksdb-cloud'), async () => {
    for (const name of fixtureNames) {
      const { directory, views } = unpackFixture(name)
      for (const { open } of views) {
        const places = [open.dest, open.src].filter((place) => place !== undefined)
        const opened = places.map(async ({ bucket, path }) => ({
          store: await openStore(`file://${directory}/${bucket}`),
          path,
        }))
        const [own, ...others] = await Promise.all(opened)
        const { problems } = await verifyDatabase([own!, ...others], { isDeep: true })
        for (const { store } of [own!, ...others]) store.close()
        expect(problems.map(({ code, object }) => [name, code, object])).toEqual([])
      }
    }
  })
})

describe('a table whose blocks have no checksums', () => {
  const make = (options: Partial<SmallTableOptions>) =>
    smallTable({ number: 7, entries, ...origin, checksumType: 0, ...options })

  test.each([5, 6])('is sound in format version %i', async (version) => {
    expect(await found({ checksumType: 0, version })).toEqual([])
  })

  test('is damaged where it has some all the same', async () => {
    const bytes = make({})
    bytes[block(entries).length + 1] = 7
    expect(await foundIn(bytes)).toEqual([
      expect.stringMatching(/^corrupt: .*byte 0: .*stored 0x00000007, computed 0x00000000/),
    ])
  })

  test('is damaged where a block lies in another place, from format version 6 on', async () => {
    const size = block(entries).length + trailerSize
    const index = (data: Handle) => block([[internalKey('c'), handleBytes({ ...data, offset: size })]])
    const problemsOf = (version: number) => {
      const bytes = make({ version, padding: Buffer.alloc(size), index })
      bytes.copy(bytes, size, 0, size)
      return foundIn(bytes.fill(0, 0, size))
    }
    expect(await problemsOf(5)).toEqual([])
    expect(await problemsOf(6)).toEqual([
      expect.stringMatching(new RegExp(`^corrupt: .*byte ${size}: .*the checksum does not match`)),
    ])
  })
})

describe('where a value lies in a blob file', () => {
  const stored = {
    place: undefined as unknown as DatabasePlace,
    objectName: '',
    size: 1000,
    modified: new Date(0),
  }
  const foundWith = async (reference: Uint8Array, target: ReturnType<ExpectedTable['blobFile']>) => {
    const entry: Entry = [internalKey('b', 2, 17), reference]
    const bytes = smallTable({ number: 7, ...origin, entries: [entries[0]!, entry, entries[2]!] })
    const blobFile = (number: number) => (number === 9 ? target : undefined)
    const { problems } = await verifyTable(source(bytes), { ...expectedTable(bytes.length), blobFile })
    return problems.map(({ code, message }) => `${code}: ${message}`)
  }
  const reference = (file: number, offset: number, size: number) =>
    Buffer.concat([Buffer.of(1), varint(file), varint(offset), varint(size), Buffer.of(0)])

  test.each([
    [
      'of a file that the MANIFEST does not have',
      reference(8, 500, 10),
      /blob file 8, which the MANIFEST does/,
    ],
    [
      'where the header of the file is',
      reference(9, 62, 10),
      /10 bytes at byte 62 of blob file 9, which has no room/,
    ],
    ['in the footer', reference(9, 960, 9), /9 bytes at byte 960 of blob file 9, which has no room/],
    ['of nearly 2^53 bytes', reference(9, 500, 2 ** 53 - 1), /which has no room/],
    ['of another kind', Buffer.of(0, 1, 2), /reference to a blob of type 0/],
  ])('one %s is named', async (_, reference, message) => {
    const problems = await foundWith(reference, new BlobTarget(stored))
    expect(problems).toEqual([expect.stringMatching(message)])
    expect(problems[0]).toMatch(/^corrupt: .* at byte 0: /)
  })

  test('one of a file that is missing has nothing to say: the file is told of', async () => {
    expect(await foundWith(reference(9, 500, 10), 'missing')).toEqual([])
  })
})

describe('a block of more than 64 MiB', () => {
  const value = Buffer.alloc(64 * 2 ** 20 + 1)
  const bytes = smallTable({
    number: 7,
    entries,
    ...origin,
    data: block([entries[0]!, [internalKey('b', 2), value], entries[2]!]),
  })
  const problems = async (bytes: Uint8Array) => {
    let largest = 0
    const { read, ...others } = source(bytes)
    const noting: RangedSource = {
      ...others,
      read(offset, length) {
        largest = Math.max(largest, length)
        return read(offset, length)
      },
    }
    const { problems } = await verifyTable(noting, expectedTable(bytes.length))
    expect(largest).toBeLessThanOrEqual(2 ** 20)
    return problems.map(({ code, message }) => `${code}: ${message}`)
  }

  test('has its checksum checked piece by piece, and is said to have no more checked', async () => {
    expect(await problems(bytes)).toEqual([
      expect.stringMatching(
        /^unsupported: .*67108864 are the most .*checksum is right; what is in it was not checked$/,
      ),
    ])
  })

  test.each([
    ['beginning', 3],
    ['middle', 2 ** 25],
    ['compression type', bytes.indexOf(Buffer.from('value'), 2 ** 26) + 5],
  ])('is corrupt where a bit in its %s is flipped', async (_, at) => {
    expect(await problems(flipped(bytes, at))).toEqual([
      expect.stringMatching(/^corrupt: .*byte 0: in the block here, the checksum does not match/),
    ])
  })
})

describe('in the opposite order of keys', () => {
  const comparator = 'rocksdb.ReverseBytewiseComparator'
  const key = (userKey: string) => ({ userKey: Buffer.from(userKey), sequence: 3n, type: 1 })
  const expected = { comparator, smallest: key('c'), largest: key('a') }
  const options = {
    entries: [...entries].reverse(),
    properties: withProperties({ 'rocksdb.comparator': Buffer.from(comparator) }),
  }

  test('a sound table is sound', async () => {
    expect(await found(options, expected)).toEqual([])
  })

  test('keys out of order, beyond their place in the index, and others than in the MANIFEST are named', async () => {
    expect(await found({ ...options, data: block(entries) }, expected)).toEqual([
      expect.stringMatching(/^corrupt: .*not in order/),
    ])
    expect(
      await found({ ...options, index: (data) => block([[internalKey('b'), handleBytes(data)]]) }, expected),
    ).toEqual([expect.stringMatching(/^corrupt: .*index entry does not reach/)])
    expect(await found(options, { ...expected, largest: key('A') })).toEqual([
      expect.stringMatching(/^mismatch: .*other keys/),
    ])
  })
})

describe('what is told of the bytes that are done with', () => {
  async function told(bytes: Uint8Array): Promise<number[]> {
    const told: number[] = []
    await verifyTable(source(bytes), expectedTable(bytes.length), (more) => told.push(more))
    expect(Math.min(...told)).toBeGreaterThan(0)
    return told
  }
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

  test('comes block by block, and is all of them in the end', async () => {
    const bytes = smallTable({ number: 7, entries, ...origin })
    const pieces = await told(bytes)
    expect(pieces.length).toBeGreaterThan(3)
    expect(sum(pieces)).toBe(bytes.length)
  })

  test('is no more where blocks overlap, and no less where nothing can be read', async () => {
    const overlapping = smallTable({
      number: 7,
      entries,
      metaindex: (properties) =>
        block([
          [Buffer.from('fullfilter.x'), handleBytes({ offset: 0, size: Number(properties.offset) })],
          [Buffer.from('rocksdb.properties'), handleBytes(properties)],
        ]),
    })
    const repeated = tableOfManyFilters(20, 5)
    for (const bytes of [overlapping, repeated, Buffer.alloc(5_000)])
      expect(sum(await told(bytes))).toBe(bytes.length)
  })
})

test('a table that names a thousand blocks which cannot be has ten problems and their number', async () => {
  const bytes = tableOfManyFilters(990, 5)
  const { problems } = await verifyTable(source(bytes), expectedTable(bytes.length))
  expect(problems).toHaveLength(11)
  expect(problems.at(-1)!.message).toMatch(/has \d{3} more such problems/)
})
