/**
 * Buckets that an attacker has written to. Any command on any content gives an answer or one clear error, in bounded
 * time and memory, prints nothing but text to the terminal, writes no file, and changes nothing in the bucket.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import type { Epoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import type { VerifyJson } from '#src/inspect/verify-json.js'
import { tableOfLongIndex, tableOfManyFilters } from '../support/amplifying-tables.js'
import type { CliResult } from '../support/cli.js'
import { CommandRunner } from '../support/command-runner.js'
import { type Objects, overwritten, readObjects, writeObjects } from '../support/damage.js'
import {
  block,
  type Entry,
  endlessVarint,
  footerSize,
  handleBytes,
  internalKey,
  type SmallTableOptions,
  smallTable,
  varint,
} from '../support/raw-table.js'
import { writeSound } from '../support/sound-database.js'
import { cliAccess, mainTestStores, type TestStore, testStores } from '../support/test-stores.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

const [directory] = mainTestStores()
const epoch = 'bad' as Epoch

/** Node, the SDK and librocksdb take some 130 MiB before anything is read. The largest block to be read has 64 MiB. */
const maxMemoryMiB = 350
/** At most three problems for each of 5,000 tables, of some 400 bytes in JSON. */
const maxOutput = 16 * 2 ** 20
const maxCpuSeconds = 60

/** Characters that must not reach a terminal: controls except line breaks and tabs, and those that hide text. */
const raw = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/u

const runner = new CommandRunner(['--max-old-space-size=160'])

/** Runs a command in an empty directory, and checks that it behaves. */
async function behaved(store: TestStore, command: readonly string[]): Promise<CliResult> {
  const home = mkdtempSync(join(tmpdir(), 'cloudenv-far-'))
  try {
    const { options, env } = cliAccess(store)
    const { maxMemoryKiB, cpuSeconds, ...result } = await runner.run(
      [...command, ...options],
      { ...env, TMPDIR: home, HOME: home },
      home,
    )
    const label = command.join(' ')
    expect([0, 1, 2], `${label}: ${result.stderr}`).toContain(result.code)
    expect(maxMemoryKiB / 1024, label).toBeLessThan(maxMemoryMiB)
    expect(cpuSeconds, label).toBeLessThan(maxCpuSeconds)
    expect(result.stdout.length + result.stderr.length, label).toBeLessThan(maxOutput)
    expect(result.stdout, label).not.toMatch(raw)
    expect(result.stderr, label).not.toMatch(raw)
    // One clear error without a stack.
    expect(result.stderr, label).not.toMatch(/^ {4}at |Error:/m)
    if (command.includes('--json') && result.code !== 2 && result.stdout !== '')
      JSON.parse(result.stdout.trim().split('\n')[0]!)
    expect(readdirSync(home), label).toEqual([])
    return result
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** Every command that looks into a bucket, on the database at `db`, in one of its two forms. */
function someCommands(store: TestStore): string[][] {
  const url = store.url('db')
  return [
    ['ls', store.url(), '--json'],
    ['info', url],
    ['info', url, '--json'],
    ['tables', url, '--json'],
    ['manifest', url],
    ['gc', url],
    ['du', store.url(), '--json'],
    ['verify', url],
    ['verify', '--deep', url, '--json'],
    ['get', url, 'key'],
    ['scan', url, '--limit', '10'],
  ]
}

/** Commands that differ in how they read a database. */
function readingCommands(store: TestStore): string[][] {
  const url = store.url('db')
  return [
    ['ls', store.url()],
    ['verify', url],
    ['manifest', url],
    ['get', url, 'key'],
  ]
}

/** The same commands in the other form. */
function allCommands(store: TestStore): string[][] {
  const url = store.url('db')
  return [
    ...someCommands(store),
    ['ls', store.url()],
    ['tables', url],
    ['manifest', url, '--json'],
    ['gc', url, '--json'],
    ['du', store.url()],
    ['verify', '--deep', url],
    ['scan', url, '--limit', '10', '--json'],
  ]
}

/** Runs all commands, each with its expected outcome; the bucket stays unchanged. */
async function allBehaved(store: TestStore, commands = someCommands(store)): Promise<Map<string, CliResult>> {
  const before = await store.list()
  const results = new Map<string, CliResult>()
  for (const command of commands)
    results.set(command.filter((word) => !word.includes('://')).join(' '), await behaved(store, command))
  expect(await store.list()).toEqual(before)
  return results
}

/** A database of these edits and tables. */
async function putDatabase(
  store: TestStore,
  edits: readonly Uint8Array[],
  tables: ReadonlyMap<number, Uint8Array> = new Map(),
): Promise<void> {
  for (const [number, content] of tables) {
    await store.put(`db/${String(number).padStart(6, '0')}.sst-${epoch}`, content)
  }
  await store.put(`db/MANIFEST-${epoch}`, encodeLog(edits))
  await store.put('db/IDENTITY', Buffer.from('6ecf7632-e908-46f9-b309-8f4cab643d31'))
  await store.put('db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: epoch }))
}

const start = bytes(
  field.comparator('leveldb.BytewiseComparator'),
  field.logNumber(0),
  field.nextFileNumber(1000),
  field.lastSequence(1000),
)

interface TableFields {
  readonly level?: number | bigint
  readonly size?: number | bigint
  readonly smallest?: Uint8Array
  readonly largest?: Uint8Array
  /** Custom fields without their terminator. */
  readonly more?: Uint8Array
}

function newTable(number: number | bigint, fields: TableFields): Buffer {
  const {
    level = 0,
    size = 0,
    smallest = internalKey('a'),
    largest = internalKey('z'),
    more = Buffer.of(),
  } = fields
  const numbers = [varint(level), varint(number), varint(size)]
  return bytes(103, ...numbers, prefixed(smallest), prefixed(largest), 1, 1, more, 1)
}

const entries: readonly Entry[] = ['a', 'z'].map((key) => [internalKey(key), Buffer.from('value')])

function table(options: Partial<SmallTableOptions> = {}): Buffer {
  // Without a number, so that it may have any.
  return smallTable({ number: 0, entries, ...options })
}

/** Escapes that clear the screen, set the title or turn the direction of text; invisible characters; invalid UTF-8. */
const nasty = '\u001b[2J\u001b]0;owned\u0007\u202egpj.\u200b\u009b31m\r\n\u2028'

const nine = 2n ** 63n - 1n
const withProperties = (change: (properties: Entry[]) => Entry[]) => (properties: Entry[]) =>
  block(change(properties).sort(([a], [b]) => Buffer.compare(a, b)))
const property = (name: string, value: Uint8Array) =>
  withProperties((properties) => [
    ...properties.filter(([key]) => key.toString() !== name),
    [Buffer.from(name), value],
  ])
const named = (name: string, handle: Uint8Array) => (properties: Parameters<typeof handleBytes>[0]) =>
  block(
    [
      [Buffer.from(name), handle] as const,
      [Buffer.from('rocksdb.properties'), handleBytes(properties)] as const,
    ].sort(([a], [b]) => Buffer.compare(a, b)),
  )
const restarts = (content: Buffer, count: number) => {
  const copy = Buffer.from(content)
  copy.writeUInt32LE(count, copy.length - 4)
  return copy
}
const compressed = (size: number | bigint, data: Uint8Array) => Buffer.concat([varint(size), data])

/** Tables that lie, and what `verify --deep` says of them. */
const hostileTables: readonly (readonly [what: string, says: RegExp, content: () => Uint8Array])[] = [
  ['random bytes', /does not end as a table does/, () => randomBytes(100_000)],
  ['few bytes', /too few for a table/, () => Buffer.from('SST')],
  [
    'a footer that points outside',
    /what can be a block ends/,
    () => table({ footer: (_, index) => [{ offset: 2 ** 40, size: 10 }, index] }),
  ],
  [
    'a footer that points near 2^63',
    /beyond 2\^53/,
    () => table({ footer: (_, index) => [{ offset: nine, size: nine }, index] }),
  ],
  [
    'a footer with an index near 2^64',
    /beyond 2\^53/,
    () => table({ footer: (metaindex) => [metaindex, { offset: 2n ** 64n - 5n, size: 5n }] }),
  ],
  [
    'a footer with a varint that never ends',
    /cut off or too long/,
    () => {
      const sound = table()
      return overwritten(sound, sound.length - footerSize + 1, endlessVarint.subarray(0, 40))
    },
  ],
  [
    'an index that points outside',
    /what can be a block ends/,
    () => table({ index: () => block([[internalKey('z'), handleBytes({ offset: 2 ** 33, size: 9 })]]) }),
  ],
  [
    'an index that points near 2^63',
    /too large/,
    () => table({ index: () => block([[internalKey('z'), handleBytes({ offset: 0, size: nine })]]) }),
  ],
  [
    'an index that points to itself',
    /said to come behind/,
    () => table({ index: (_, at) => block([[internalKey('z'), handleBytes({ offset: at, size: 30 })]]) }),
  ],
  [
    'a partitioned index that points to itself',
    /said to come behind/,
    () =>
      table({
        indexType: 2,
        index: (_, at) => block([[internalKey('z'), handleBytes({ offset: at, size: 24 })]]),
      }),
  ],
  [
    'an index in which ten thousand entries lead to one block',
    /said to come behind/,
    () =>
      table({
        index: (data) =>
          block(
            Array.from(
              { length: 10_000 },
              (_, at) => [internalKey(`b${1e6 + at}`), handleBytes(data)] as const,
            ),
          ),
      }),
  ],
  [
    'an index with a varint that never ends',
    /cut off or too large/,
    () => table({ index: () => block([[internalKey('z'), endlessVarint]]) }),
  ],
  ['an index of five million entries, in 15 KB', / more such problems/, () => tableOfLongIndex(5_000_000)],
  ['an index of an unknown type', /index type 99/, () => table({ indexType: 99 })],
  [
    'a metaindex that points to itself',
    /restart points do not fit/,
    () =>
      table({
        metaindex: ({ offset, size }) =>
          block([
            [
              Buffer.from('rocksdb.properties'),
              handleBytes({ offset: Number(offset) + Number(size) + 5, size: 30 }),
            ],
          ]),
      }),
  ],
  [
    'a metaindex of a hundred thousand names',
    /names more than 1000 blocks/,
    () =>
      table({
        metaindex: () =>
          block(
            Array.from(
              { length: 100_000 },
              (_, at) => [Buffer.from(`name${1e6 + at}`), handleBytes({ offset: 0, size: 1 })] as const,
            ),
          ),
      }),
  ],
  [
    'a metaindex with a varint that never ends',
    /restart points do not fit|cut off|too long|too large/,
    () => table({ metaindex: () => endlessVarint }),
  ],
  [
    'a filter that points outside',
    /what can be a block ends/,
    () =>
      table({
        metaindex: named(
          'fullfilter.rocksdb.BuiltinBloomFilter',
          handleBytes({ offset: 2 ** 41, size: 100 }),
        ),
      }),
  ],
  [
    'a partitioned filter that is the data',
    /said to come behind/,
    () =>
      table({
        metaindex: named(
          'partitionedfilter.rocksdb.BuiltinBloomFilter',
          // All of the data block.
          handleBytes({ offset: 0, size: block(entries).length }),
        ),
      }),
  ],
  [
    'a thousand names for one filter of ten thousand partitions',
    /said to come behind/,
    () => tableOfManyFilters(990, 10_000),
  ],
  [
    'a dictionary that points near 2^63',
    /beyond 2\^53/,
    () => table({ metaindex: named('rocksdb.compression_dict', handleBytes({ offset: nine, size: 1 })) }),
  ],
  ['invalid properties', /restart points do not fit/, () => table({ properties: () => randomBytes(1000) })],
  [
    'properties that zlib makes 60 MiB',
    /8388608 are the most that are read/,
    () =>
      table({
        propertiesCompression: 2,
        properties: () => compressed(60 * 2 ** 20, deflateRawSync(Buffer.alloc(60 * 2 ** 20))),
      }),
  ],
  [
    'a property of 7 MiB that speaks to the terminal',
    /is in the order of/,
    () => table({ properties: property('rocksdb.comparator', Buffer.alloc(7 * 2 ** 20, '\u001b[2J')) }),
  ],
  [
    'a hundred thousand properties',
    /more than 10000 properties/,
    () =>
      table({
        properties: withProperties((own) => [
          ...own,
          ...Array.from({ length: 99_000 }, (_, at): Entry => [Buffer.from(`own${1e6 + at}`), Buffer.of(0)]),
        ]),
      }),
  ],
  [
    'another number of entries, and nearly as many properties as are read',
    /says that there are/,
    () =>
      table({
        properties: withProperties((own) => [
          ...own.filter(([name]) => name.toString() !== 'rocksdb.num.entries'),
          [Buffer.from('rocksdb.num.entries'), varint(7)],
          ...Array.from({ length: 9_900 }, (_, at): Entry => [Buffer.from(`own${1e6 + at}`), Buffer.of(0)]),
        ]),
      }),
  ],
  [
    'a count of entries near 2^63',
    /says that there are/,
    () => table({ properties: property('rocksdb.num.entries', varint(nine)) }),
  ],
  [
    'a comparator that speaks to the terminal',
    /is in the order of/,
    () => table({ properties: property('rocksdb.comparator', Buffer.from(nasty)) }),
  ],
  [
    'a comparator of a million characters',
    /is in the order of/,
    () => table({ properties: property('rocksdb.comparator', Buffer.alloc(1e6, 'x')) }),
  ],
  [
    'a block of 4 billion restart points',
    /restart points do not fit/,
    () => table({ data: restarts(block(entries), 0xffff_ffff) }),
  ],
  [
    'a block of 2 billion restart points',
    /restart points do not fit/,
    () => table({ data: restarts(block(entries), 0x7fff_ffff) }),
  ],
  [
    'a block with a key of 4 GiB',
    /longer than the block/,
    () =>
      table({
        data: block([[internalKey('a'), Buffer.of()]]).fill(
          Buffer.concat([varint(0), varint(0xffff_ffff)]),
          0,
          6,
        ),
      }),
  ],
  [
    'a block with a varint that never ends',
    /cut off or too long/,
    () => table({ data: Buffer.concat([endlessVarint, block([])]) }),
  ],
  ['an empty block', /too short for a block/, () => table({ data: Buffer.of() })],
  [
    'a block that Snappy makes 4 GiB',
    /the most that are read/,
    () => table({ dataCompression: 1, data: compressed(2 ** 32 - 1, randomBytes(100)) }),
  ],
  [
    'a block that Snappy makes 60 MiB, out of nothing',
    /not \d+ bytes compressed with Snappy/,
    () => table({ dataCompression: 1, data: compressed(60 * 2 ** 20, randomBytes(100)) }),
  ],
  [
    'a block that LZ4 makes 60 MiB, out of nothing',
    /not \d+ bytes compressed with LZ4/,
    () => table({ dataCompression: 4, data: compressed(60 * 2 ** 20, randomBytes(100)) }),
  ],
  [
    'a block that ZSTD makes 2^63 bytes',
    /claims \d+ bytes/,
    () => table({ dataCompression: 7, data: compressed(nine, randomBytes(100)) }),
  ],
  [
    'a block that zlib makes a thousand times as long as it says',
    /cannot decompress/,
    () => table({ dataCompression: 2, data: compressed(1000, deflateRawSync(Buffer.alloc(100 * 2 ** 20))) }),
  ],
  [
    'a block that zlib makes 100 MiB',
    /the most that are read/,
    () =>
      table({
        dataCompression: 2,
        data: compressed(100 * 2 ** 20, deflateRawSync(Buffer.alloc(100 * 2 ** 20))),
      }),
  ],
  ['a format version of 4 billion', /format version 4294967295/, () => table({ version: 0xffff_ffff })],
]

describe('tables', () => {
  /** All in one database. */
  let store: TestStore
  beforeAll(async () => {
    store = directory!.make()
    const tables = new Map(hostileTables.map(([, , content], at) => [at + 7, content()] as const))
    const edits = [...tables].map(([number, { length }]) => newTable(number, { size: length }))
    await putDatabase(store, [bytes(start, ...edits)], tables)
  })

  test('verify --deep names each, and says what it is', async () => {
    const results = await allBehaved(store, [
      ['verify', '--deep', '--json', store.url('db')],
      ['verify', '--deep', store.url('db')],
    ])
    const { problems } = JSON.parse(results.get('verify --deep --json')!.stdout) as VerifyJson
    for (const [at, [what, says]] of hostileTables.entries()) {
      const url = store.url(`db/${String(at + 7).padStart(6, '0')}.sst-${epoch}`)
      const messages = problems.filter(({ object }) => object === url).map(({ message }) => message)
      expect(messages, what).toContainEqual(expect.stringMatching(says))
    }
    expect(results.get('verify --deep')!.stdout).toMatch(/ problems \(/)
  })

  test('sst shows or refuses each', async () => {
    const url = (at: number) => store.url(`db/${String(at + 7).padStart(6, '0')}.sst-${epoch}`)
    const commands = hostileTables.flatMap(([what], at) => [
      ['sst', url(at)],
      ['sst', url(at), '--index'],
      ['sst', url(at), '--blocks', ...(at % 2 === 0 ? ['--json'] : [])],
      // Only these reach the entries.
      ...(/^an? (block|index|comparator)/.test(what) ? [['sst', url(at), '--entries', '--json']] : []),
    ])
    await allBehaved(store, commands)
  })

  test('every other command', async () => {
    await allBehaved(store)
  })
})

const columnFamily = (id: number, name: string) =>
  bytes(field.columnFamily(id), field.addsColumnFamily(name), field.comparator('leveldb.BytewiseComparator'))

describe('a MANIFEST', () => {
  test('with names and keys that speak to the terminal', async () => {
    const store = directory!.make()
    const inFamily = (fields: TableFields & { readonly number: number }) =>
      bytes(field.columnFamily(1), newTable(fields.number, fields))
    await putDatabase(store, [
      bytes(start, field.comparator(nasty), bytes((1 << 13) + 1, prefixed(nasty))),
      columnFamily(1, nasty),
      inFamily({ number: 7, smallest: internalKey(nasty), largest: internalKey(`${nasty}\uffff`) }),
      inFamily({
        number: 8,
        level: 3,
        smallest: internalKey(nasty),
        largest: internalKey(Buffer.alloc(100, 0xff)),
      }),
    ])
    await allBehaved(store, allCommands(store))
  })

  test.each<[what: string, edits: readonly Uint8Array[]]>([
    [
      'with names and keys of great length',
      [
        start,
        columnFamily(1, 'x'.repeat(1e6)),
        bytes(field.columnFamily(1), newTable(7, {})),
        newTable(8, {
          smallest: internalKey(Buffer.alloc(1e5, 0x1b)),
          largest: internalKey(Buffer.alloc(1e5, 0xff)),
        }),
      ],
    ],
    [
      'with the largest numbers that there are',
      [
        start,
        newTable(7, { level: 0xffff_ffff }),
        newTable(8, { size: 2 ** 53 - 1 }),
        newTable(9, { size: 2 ** 53 - 1 }),
        newTable(2 ** 53 - 1, {}),
        newTable(10, { more: Buffer.concat([5, 6].map((tag) => bytes(tag, prefixed(varint(2 ** 53 - 1))))) }),
        columnFamily(0xffff_ffff, 'last'),
        bytes(field.columnFamily(0xffff_ffff), newTable(11, {})),
        field.newBlobFile(12, 2 ** 53 - 1, 2 ** 53 - 1),
        field.newTable(0, 13, 100, 12),
      ],
    ],
    [
      'with five thousand tables that are not there, overlap, and were never counted',
      [start, bytes(...Array.from({ length: 5_000 }, (_, at) => newTable(at + 1, { level: 6 })))],
    ],
  ])('%s', async (_, edits) => {
    const store = directory!.make()
    await putDatabase(store, edits)
    const results = await allBehaved(store)
    expect(results.get('verify')!.code).toBe(1)
  })

  test.each<[what: string, edit: Uint8Array]>([
    ['a table at level 2^63', newTable(7, { level: nine })],
    ['a table of 2^63 bytes', newTable(7, { size: nine })],
    ['a table number of 2^64', newTable(2n ** 64n - 1n, {})],
    ['a varint that never ends', endlessVarint],
    ['a length of 4 GiB', bytes(1, 0xffff_ffff)],
    ['a next file number of 2^63', Buffer.concat([varint(3), varint(nine)])],
    ['an atomic group that never ends', bytes(field.inAtomicGroup(0xffff_ffff))],
  ])('with %s is corrupt', async (_, edit) => {
    const store = directory!.make()
    await putDatabase(store, [start, edit])
    const results = await allBehaved(store, readingCommands(store))
    expect(results.get('verify')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('is corrupt at byte'),
    })
  })
})

describe('a CLOUDMANIFEST', () => {
  const header = (records: number) => bytes(1, records)
  test.each<[what: string, content: () => Uint8Array]>([
    ['of 4 billion epochs', () => encodeLog([header(0xffff_ffff)])],
    ['with an epoch that is a path', () => encodeLog([header(1), bytes(2, prefixed('../../etc/passwd'))])],
    ['with an epoch that speaks to the terminal', () => encodeLog([header(1), bytes(2, prefixed(nasty))])],
    [
      'with an end of 2^63',
      () =>
        encodeLog([
          header(2),
          Buffer.concat([varint(1), prefixed('ab'), varint(nine)]),
          bytes(2, prefixed('cd')),
        ]),
    ],
    ['with a varint that never ends', () => encodeLog([header(1), endlessVarint])],
    ['of random bytes', () => randomBytes(100_000)],
  ])('%s', async (_, content) => {
    const store = directory!.make()
    await putDatabase(store, [start])
    await store.put('db/CLOUDMANIFEST', content())
    const results = await allBehaved(store, readingCommands(store))
    expect(results.get('verify')!.code).toBe(1)
  })
})

describe('objects', () => {
  let sound: Objects
  beforeAll(async () => {
    const store = directory!.make()
    await writeSound(store)
    sound = await readObjects(store)
  })

  test('every one of random bytes', async () => {
    const store = directory!.make()
    for (const [key, { length }] of sound) await store.put(key, randomBytes(length))
    const results = await allBehaved(store)
    expect(results.get('verify')!.code).toBe(1)
  })

  test('every table of random bytes', async () => {
    const store = directory!.make()
    await writeObjects(store, sound)
    for (const [key, { length }] of sound)
      if (key.includes('.sst-')) await store.put(key, randomBytes(length))
    const results = await allBehaved(store)
    expect(results.get('verify')!.code).toBe(0)
    expect(results.get('verify --deep --json')!.code).toBe(1)
  })

  test('an IDENTITY that speaks to the terminal, at length', async () => {
    const store = directory!.make()
    await writeObjects(store, sound)
    await store.put('db/IDENTITY', Buffer.from(nasty.repeat(100_000)))
    await allBehaved(store)
  })

  describe.each(testStores())('in $name', ({ make }) => {
    test('with names that lead elsewhere, hide, or speak to the terminal', async () => {
      const store = make()
      await writeObjects(store, sound)
      const names = [
        '../escaped',
        '../../../../tmp/escaped',
        'a/../../escaped',
        './here',
        '/tmp/absolute',
        '//double',
        `${nasty}.txt`,
        `000099.sst-${nasty}`,
        `CLOUDMANIFEST-${nasty}`,
        'CLOUDMANIFEST-\u202egpj',
        'CLOUDMANIFEST-../../escaped',
        'MANIFEST-../../escaped',
        '000099.sst-../../escaped',
        '99999999999999999999.sst-bad',
        '000099.sst\u200b-bad',
        'new\nline',
        'bell\u0007',
        'x'.repeat(200),
      ]
      const put: string[] = []
      for (const name of names) {
        // No store accepts all of them, and the file system of a directory resolves some.
        if (store.connection.endpoint === undefined && /(^|\/)\.{0,2}(\/|$)/.test(name)) continue
        await store.put(`db/${name}`, Buffer.from('hello')).then(
          () => put.push(name),
          () => undefined,
        )
      }
      expect(put.length).toBeGreaterThan(5)
      const results = await allBehaved(store, allCommands(store))
      // An invalid CLOUDMANIFEST is a damaged state.
      expect(results.get('verify')!.code).toBe(1)
      expect(results.get('get key')!.code).toBe(1)
      for (const path of ['/tmp/escaped', '/tmp/absolute']) expect(existsSync(path)).toBe(false)
    })
  })
})
