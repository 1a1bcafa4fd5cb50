import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { openStore } from '#src/store/open-store.js'
import type { StoreRequest } from '#src/store/store-request.js'
import { type RangedSource, rangedObject } from '#src/table/ranged-source.js'
import type { TableBlock } from '#src/table/table-block.js'
import { TableReader } from '#src/table/table-reader.js'
import { tableOfLongIndex, tableOfManyFilters } from '../support/amplifying-tables.js'
import { u32 } from '../support/little-endian.js'
import {
  block,
  endlessVarint,
  type Handle,
  handleBytes,
  internalKey,
  RawTable,
  type SmallTableOptions,
  smallTable,
  varint,
} from '../support/raw-table.js'
import { writeVariedTables } from '../support/varied-tables.js'

const directory = mkdtempSync(join(tmpdir(), 'cloudenv-reader-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function sourceOf(bytes: Uint8Array): RangedSource {
  return {
    name: '000017.sst',
    size: bytes.length,
    forget: async () => {},
    read: async (offset, length) => {
      if (offset < 0 || offset + length > bytes.length) throw new Error(`read outside: ${offset} + ${length}`)
      return bytes.subarray(offset, offset + length)
    },
  }
}

/** Reads all there is to read. */
async function readEverything(bytes: Uint8Array) {
  const reader = await TableReader.open(sourceOf(bytes))
  const blocks = []
  for await (const found of reader.blocks())
    blocks.push({ ...found, contents: await reader.readBlock(found) })
  const entries = []
  for await (const entry of reader.entries()) entries.push(entry)
  for await (const entry of reader.rangeDeletions()) entries.push(entry)
  return { reader, blocks, entries }
}

describe('of tables in every form in which RocksDB writes them', () => {
  const db = join(directory, 'varied')
  let tables: readonly string[]
  beforeAll(async () => {
    await writeVariedTables(db)
    tables = readdirSync(db)
      .filter((name) => name.endsWith('.sst'))
      .sort()
  })

  test('blocks, partitions and entries are as many as the table says', async () => {
    expect(tables.length).toBeGreaterThan(25)
    const seen = new Set<string>()
    for (const name of tables) {
      const { reader, blocks, entries } = await readEverything(readFileSync(join(db, name)))
      const { numbers, indexType } = reader.properties
      const count = (kind: string) => blocks.filter((found) => found.kind === kind).length
      expect([name, count('data')]).toEqual([name, numbers.get('rocksdb.num.data.blocks')])
      expect([name, count('indexPartition')]).toEqual([name, numbers.get('rocksdb.index.partitions') ?? 0])
      expect([name, entries.length]).toEqual([name, numbers.get('rocksdb.num.entries')])
      expect(count('properties') + count('metaindex') + count('index')).toBe(3)
      for (const { kind, contents } of blocks) seen.add(`${kind} ${contents.compression}`)
      for (const fact of [reader.footer.checksum, `version ${reader.footer.formatVersion}`, indexType])
        seen.add(fact)
    }
    for (const compression of ['NoCompression', 'Snappy', 'Zlib', 'LZ4', 'LZ4HC', 'ZSTD']) {
      expect([...seen]).toContain(`data ${compression}`)
    }
    for (const checksum of ['kNoChecksum', 'kCRC32c', 'kxxHash', 'kxxHash64', 'kXXH3'])
      expect([...seen]).toContain(checksum)
    for (const version of [2, 3, 4, 5]) expect([...seen]).toContain(`version ${version}`)
    for (const type of [
      'kBinarySearch',
      'kHashSearch',
      'kTwoLevelIndexSearch',
      'kBinarySearchWithFirstKey',
    ]) {
      expect([...seen]).toContain(type)
    }
    for (const other of ['compressionDictionary', 'filterPartition', 'rangeDeletions']) {
      expect([...seen]).toContain(`${other} NoCompression`)
    }
  })

  test('a range has the entries that are in it', async () => {
    const allOf = async (
      reader: TableReader,
      range: { readonly from?: Uint8Array; readonly to?: Uint8Array },
    ) => {
      const found = []
      for await (const { userKey } of reader.entries(range)) found.push(Buffer.from(userKey).toString())
      return found
    }
    for (const name of tables) {
      const reader = await TableReader.open(sourceOf(readFileSync(join(db, name))))
      const all = await allOf(reader, {})
      for (const [from, to] of [
        ['key000299', 'key000303'],
        ['', 'key000005'],
        ['key0014', 'z'],
        ['key0005x', 'key0005y'],
        ['key000700', 'key000700'],
      ] as const) {
        const expected = all.filter((key) => key >= from && key < to)
        expect(await allOf(reader, { from: Buffer.from(from), to: Buffer.from(to) })).toEqual(expected)
      }
    }
  })

  test('what RocksDB opens a table by is read and checked without its data and filters', async () => {
    const opens = async (bytes: Uint8Array) => (await TableReader.open(sourceOf(bytes))).readFrame()
    const seen = new Set<string>()
    for (const name of tables) {
      const bytes = readFileSync(join(db, name))
      const { reader, blocks } = await readEverything(bytes)
      await opens(bytes)
      const behindData = blocks.filter(({ kind }) => kind !== 'data' && !/Partition$/.test(kind))
      expect(reader.frameOffset).toBe(Math.min(...behindData.map(({ offset }) => offset)))
      if (reader.footer.checksum === 'kNoChecksum') continue
      // The last of each kind: where there are partitions, not the one that is read first.
      for (const { kind, offset } of new Map(blocks.map((found) => [found.kind, found])).values()) {
        seen.add(kind)
        const damaged = Uint8Array.from(bytes)
        damaged[offset]! ^= 1
        const isNeeded = !['data', 'filter', 'filterPartition', 'other'].includes(kind)
        if (isNeeded) await expect(opens(damaged), `${name}, ${kind}`).rejects.toThrow(EnvError)
        else await opens(damaged)
      }
    }
    for (const kind of ['index', 'indexPartition', 'rangeDeletions', 'compressionDictionary'])
      expect([...seen]).toContain(kind)
  })

  test('any bit of a block that is flipped is found, where there are checksums', async () => {
    const checked = tables.filter((name) => readFileSync(join(db, name)).at(-53) !== 0)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...checked),
        fc.double({ min: 0, max: 0.9999, noNaN: true }),
        fc.nat({ max: 7 }),
        async (name, at, bit) => {
          const bytes = readFileSync(join(db, name))
          const { blocks } = await readEverything(bytes)
          const place = Math.floor(at * bytes.length)
          const isInBlock = blocks.some(({ offset, size }) => offset <= place && place < offset + size + 5)
          fc.pre(isInBlock)
          bytes[place]! ^= 1 << bit
          await expect(readEverything(bytes)).rejects.toThrow(EnvError)
        },
      ),
    )
  })
})

describe('a table that was ingested', () => {
  const entries = [[internalKey('a', 0), Buffer.from('1')]] as const
  const ingested = (sequence: bigint) => {
    const bytes = smallTable({
      number: 17,
      entries,
      properties: (own) => {
        const value = Buffer.alloc(8)
        return block(
          [
            ...own,
            [Buffer.from('rocksdb.external_sst_file.global_seqno'), value] as const,
            [Buffer.from('rocksdb.external_sst_file.version'), u32(2)] as const,
          ].sort(([a], [b]) => Buffer.compare(a, b)),
        )
      },
    })
    const name = 'rocksdb.external_sst_file.global_seqno'
    bytes.writeBigUInt64LE(sequence, bytes.indexOf(name) + name.length)
    return bytes
  }

  test('has the sequence number that was written into it afterwards', async () => {
    const found = await readEverything(ingested(4711n))
    expect(found.entries.map(({ sequence }) => sequence)).toEqual([4711n])
  })

  test('has none that is known where 0 was written', async () => {
    const found = await readEverything(ingested(0n))
    expect(found.entries.map(({ sequence }) => sequence)).toEqual([undefined])
  })

  test('is damaged all the same where something else was written', async () => {
    const bytes = ingested(4711n)
    bytes[bytes.indexOf('rocksdb.comparator')]! ^= 1
    await expect(TableReader.open(sourceOf(bytes))).rejects.toThrow('the checksum does not match')
  })
})

test('a table without properties, as LevelDB wrote them, is read', async () => {
  const entries = ['a', 'b'].map((key) => [internalKey(key, 7), Buffer.from('1')] as const)
  const bytes = smallTable({ number: 17, entries, version: 0, properties: false })
  const found = await readEverything(bytes)
  expect(found.entries.map(({ userKey, sequence }) => `${userKey} ${sequence}`)).toEqual(['a 7', 'b 7'])
  expect(found.reader.hasProperties).toBe(false)
  expect([...found.reader.properties.raw]).toEqual([])
})

describe('a hostile table is corruption, with its name and the place:', () => {
  const entries = [[internalKey('a', 1), Buffer.from('1')] as const]
  const table = (options: Partial<SmallTableOptions> = {}) => smallTable({ number: 17, entries, ...options })
  const key = internalKey('a', 1)
  const bomb = (size: number) => Buffer.concat([varint(size), deflateRawSync(Buffer.alloc(size))])

  test.each<[string, () => Uint8Array]>([
    [
      'a footer that points outside',
      () => table({ footer: (_, index) => [{ offset: 2 ** 40, size: 10 }, index] }),
    ],
    [
      'a footer that points near 2^63',
      () => table({ footer: (_, index) => [{ offset: 2n ** 63n - 1n, size: 10 }, index] }),
    ],
    [
      'a footer that points at itself',
      () => table({ footer: (metaindex, index) => [{ ...metaindex, size: 200 }, index] }),
    ],
    ['a metaindex of random bytes', () => table({ metaindex: () => Buffer.alloc(50, 0xff) })],
    [
      'a metaindex that points outside',
      () =>
        table({
          metaindex: () =>
            block([[Buffer.from('rocksdb.properties'), handleBytes({ offset: 2 ** 50, size: 1 })]]),
        }),
    ],
    [
      'a metaindex with a varint without end',
      () => table({ metaindex: () => block([[Buffer.from('rocksdb.properties'), endlessVarint]]) }),
    ],
    [
      'an index that points at itself',
      () => table({ index: (_, offset) => block([[key, handleBytes({ offset, size: 40 })]]) }),
    ],
    [
      'an index that names a block twice',
      () =>
        table({
          index: (data) =>
            block([
              [key, handleBytes(data)],
              [internalKey('b', 1), handleBytes(data)],
            ]),
        }),
    ],
    [
      'an index that points outside',
      () => table({ index: () => block([[key, handleBytes({ offset: 2n ** 62n, size: 1 })]]) }),
    ],
    ['an index whose handle has no end', () => table({ index: () => block([[key, endlessVarint]]) })],
    [
      'a partitioned index whose partitions are the index',
      () => table({ indexType: 2, index: (_, offset) => block([[key, handleBytes({ offset, size: 30 })]]) }),
    ],
    ['a partitioned index that leads back to itself again and again', () => nestedIndex()],
    ['an index type that is unknown', () => table({ indexType: 77 })],
    ['a data block of random bytes', () => table({ data: Buffer.alloc(300, 0xa7) })],
    ['an unknown compression', () => table({ dataCompression: 99 })],
    [
      'data that is not what its compression says',
      () => table({ data: Buffer.from('\x20not zlib'), dataCompression: 2 }),
    ],
    ['data that is not Snappy', () => table({ data: Buffer.from('\x20not snappy'), dataCompression: 1 })],
    ['data that is not LZ4', () => table({ data: Buffer.from('\x20not lz4'), dataCompression: 4 })],
    ['data that is not ZSTD', () => table({ data: Buffer.from('\x20not zstd'), dataCompression: 7 })],
    [
      'data that claims to grow to 2^62 bytes',
      () => table({ data: Buffer.concat([varint(2n ** 62n), Buffer.from('x')]), dataCompression: 7 }),
    ],
    [
      'data that grows beyond what it claims',
      () =>
        table({
          data: Buffer.concat([varint(10), deflateRawSync(Buffer.alloc(2 ** 20))]),
          dataCompression: 2,
        }),
    ],
    [
      'data that stays below what it claims',
      () => table({ data: Buffer.concat([varint(10), deflateRawSync(Buffer.alloc(5))]), dataCompression: 2 }),
    ],
    ['a file without a beginning', () => table().subarray(10)],
  ])('%s', async (_title, make) => {
    const bytes = make()
    const before = process.memoryUsage().arrayBuffers
    const thrown = await readEverything(bytes).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(thrown).toMatchObject({
      code: 'Corruption',
      message: expect.stringMatching(/^000017\.sst is corrupt at byte \d+: /),
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 2 ** 20)
  })

  test('but data that grows beyond 64 MiB may be sound, and is too large', async () => {
    const bytes = table({ data: bomb(65 * 2 ** 20), dataCompression: 2 })
    await expect(readEverything(bytes)).rejects.toMatchObject({
      code: 'NotSupported',
      message: expect.stringMatching(/^000017\.sst: the block at byte 0 has 68157440 bytes/),
    })
  })

  /** The partition of the index has the partition itself as its data block. */
  function nestedIndex(): Buffer {
    const file = new RawTable()
    const partitionOf = (handle: Handle) => block([[key, handleBytes(handle)]])
    const own = { offset: 0, size: partitionOf({ offset: 0, size: 30 }).length }
    const partition = file.add(partitionOf(own))
    const index = file.add(
      block([
        [key, handleBytes(partition)],
        [internalKey('b', 1), handleBytes(partition)],
      ]),
    )
    const properties = file.add(block([[Buffer.from('rocksdb.block.based.table.index.type'), u32(2)]]))
    const metaindex = file.add(block([[Buffer.from('rocksdb.properties'), handleBytes(properties)]]))
    return file.finish(metaindex, index)
  }

  test('and so may properties that grow beyond 8 MiB be', async () => {
    const bytes = table({ properties: () => bomb(9 * 2 ** 20), propertiesCompression: 2 })
    await expect(TableReader.open(sourceOf(bytes))).rejects.toMatchObject({
      code: 'NotSupported',
      message: expect.stringContaining('has 9437184 bytes, and 8388608 are the most that are read here'),
    })
  })

  test('compression that is not read here is said to be that', async () => {
    await expect(
      readEverything(table({ data: Buffer.from('\x20x'), dataCompression: 6 })),
    ).rejects.toMatchObject({
      code: 'NotSupported',
      message:
        '000017.sst: the block at byte 0 is compressed with Xpress, which is not read here. ' +
        "RocksDB's own sst_dump may",
    })
  })

  test('any bytes anywhere in it are either read or refused', async () => {
    // Without checksums, so that what was changed is what is decoded.
    const sound = table({ checksumType: 0 })
    const change = fc.tuple(fc.nat({ max: sound.length - 1 }), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(sound)
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          await readEverything(bytes)
        } catch (thrown) {
          if (!EnvError.is(thrown)) throw thrown
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('what can be read of a damaged one is read, and what cannot is told', async () => {
    const file = new RawTable()
    const handles = [0, 1, 2].map((at) => file.add(block([[internalKey(`key${at}`, 1), Buffer.from('v')]])))
    const index = file.add(
      block(handles.map((handle, at) => [internalKey(`key${at}`, 1), handleBytes(handle)])),
    )
    const properties = file.add(block([]))
    const metaindex = file.add(block([[Buffer.from('rocksdb.properties'), handleBytes(properties)]]))
    const bytes = file.finish(metaindex, index)
    bytes[Number(handles[1]!.offset) + 4]! ^= 1

    const reader = await TableReader.open(sourceOf(bytes))
    const found: string[] = []
    const damage: [string, string][] = []
    const onDamage = (problem: EnvError, { upperKey }: { readonly upperKey?: Uint8Array }) =>
      damage.push([problem.message, Buffer.from(upperKey!).toString()])
    for await (const { userKey } of reader.entries({ onDamage })) found.push(Buffer.from(userKey).toString())
    expect(found).toEqual(['key0', 'key2'])
    expect(damage).toEqual([
      [expect.stringContaining(`at byte ${handles[1]!.offset}: in the block here, the checksum`), 'key1'],
    ])
  })
})

describe('a small table', () => {
  /** All blocks, and what is told of damage. */
  async function listed(bytes: Uint8Array) {
    const reader = await TableReader.open(sourceOf(bytes))
    const damage: string[] = []
    const blocks: TableBlock[] = []
    const onDamage = ({ message }: EnvError) => damage.push(message)
    for await (const found of reader.blocks({ onDamage })) blocks.push(found)
    return { blocks, damage }
  }

  test('whose index names a million blocks is not asked for all of them', async () => {
    const bytes = tableOfLongIndex(1_000_000)
    expect(bytes.length).toBeLessThan(5_000)
    const { blocks, damage } = await listed(bytes)
    expect(blocks.length).toBeLessThan(100)
    expect(damage.length).toBeLessThan(100)
    expect(damage).toContainEqual(expect.stringContaining('10 entries lead to what cannot be a block'))
  })

  test('that has a thousand names for one filter has its partitions once', async () => {
    const partitions = 2_000
    const { blocks, damage } = await listed(tableOfManyFilters(990, partitions))
    const count = (kind: string) => blocks.filter((found) => found.kind === kind).length
    expect([count('filter'), count('filterPartition')]).toEqual([1, partitions])
    expect(damage).toHaveLength(989)
    expect(damage[0]).toMatch(/the block here is said to come behind that at byte/)
  })

  test('is listed in the order of the file, with all partitions in their places', async () => {
    const { blocks } = await listed(tableOfManyFilters(1, 100))
    const offsets = blocks.map(({ offset }) => offset)
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
    expect(blocks.map(({ kind }) => kind).filter((kind) => kind !== 'filterPartition')).toEqual([
      'data',
      'index',
      'filter',
      'properties',
      'metaindex',
    ])
  })
})

describe('requests to the store', () => {
  const blockCount = 500
  const size = (() => {
    const file = new RawTable()
    const key = (at: number) => internalKey(`key${String(at).padStart(6, '0')}`, 1)
    const index = Array.from({ length: blockCount }, (_, at) => {
      const handle = file.add(block([[key(at), Buffer.alloc(4_000, at)]]))
      return [key(at), handleBytes(handle)] as const
    })
    const indexHandle = file.add(block(index))
    const properties = file.add(block([]))
    const metaindex = file.add(block([[Buffer.from('rocksdb.properties'), handleBytes(properties)]]))
    const bytes = file.finish(metaindex, indexHandle)
    writeFileSync(join(directory, '000017.sst-ab'), bytes)
    return bytes.length
  })()

  /** Opens a table with a store that counts requests. */
  async function counted(work: (reader: TableReader) => Promise<void>): Promise<StoreRequest[]> {
    const requests: StoreRequest[] = []
    const store = await openStore(`file://${directory}`, { onRequest: (request) => requests.push(request) })
    await work(await TableReader.open(rangedObject({ store, path: '' }, '000017.sst-ab', size)))
    store.close()
    return requests
  }

  const bytesOf = (requests: readonly StoreRequest[]) => requests.reduce((sum, { bytes }) => sum + bytes, 0)

  test('opening a table takes one, of the end of the file', async () => {
    const requests = await counted(async () => {})
    expect(requests.map(({ operation, bytes }) => [operation, bytes])).toEqual([['get', 64 * 1024]])
  })

  test('reading some keys of it takes one for their block besides, where the index is at the end', async () => {
    const found: string[] = []
    const requests = await counted(async (reader) => {
      const range = { from: Buffer.from('key000300'), to: Buffer.from('key000301') }
      for await (const { userKey } of reader.entries(range)) found.push(Buffer.from(userKey).toString())
    })
    expect(found).toEqual(['key000300'])
    expect(requests.length).toBeLessThanOrEqual(3)
    expect(bytesOf(requests)).toBeLessThan(150 * 1024)
  })

  test('reading all blocks takes few, and hardly a byte twice', async () => {
    let blocks = 0
    const requests = await counted(async (reader) => {
      for await (const found of reader.blocks()) {
        await reader.readBlock(found)
        blocks += 1
      }
    })
    expect(blocks).toBe(blockCount + 3)
    expect(requests.length).toBeLessThanOrEqual(10)
    expect(bytesOf(requests)).toBeLessThan(size + 128 * 1024)
  })

  test('an object that is shorter than it was said to be is corruption', async () => {
    const store = await openStore(`file://${directory}`)
    const source = rangedObject({ store, path: '' }, '000017.sst-ab', size + 10)
    await expect(TableReader.open(source)).rejects.toMatchObject({
      code: 'Corruption',
      message: expect.stringContaining(`corrupt at byte ${size}: it ends here`),
    })
    store.close()
  })
})

test('no block of more than 64 MiB is fetched, however large the file', async () => {
  const fileSize = 10 * 2 ** 30
  const end = new RawTable().finish({ offset: 0, size: 2 ** 32 }, { offset: 0, size: 1 })
  let longest = 0
  const source: RangedSource = {
    name: '000017.sst',
    size: fileSize,
    forget: async () => {},
    read: async (offset, length) => {
      longest = Math.max(longest, length)
      expect(offset + length).toBe(fileSize)
      return Buffer.concat([Buffer.alloc(length - end.length), end])
    },
  }
  // One large value makes such a block: it may well be sound.
  await expect(TableReader.open(source)).rejects.toMatchObject({
    code: 'NotSupported',
    message: expect.stringContaining('has 4294967296 bytes, and 8388608 are the most'),
  })
  expect(longest).toBeLessThan(2 ** 20)
})
