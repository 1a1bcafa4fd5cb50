import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import type { DatabasePlace, Places } from '#src/catalog/database-place.js'
import { readManifest } from '#src/catalog/manifest.js'
import { EnvError } from '#src/env/env-error.js'
import { decodeCloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { type Epoch, epochOf } from '#src/format/epoch.js'
import { tableFileName } from '#src/format/file-name.js'
import { appendRecord, encodeLog, readLog } from '#src/format/log-record.js'
import { verifyDatabase } from '#src/inspect/verify.js'
import type { VerifyJson } from '#src/inspect/verify-json.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { openStore } from '#src/store/open-store.js'
import { Cli } from '../../support/cli.js'
import { runCommand } from '../../support/command-runner.js'
import {
  type BlobFileAnatomy,
  blobFileAnatomy,
  extended,
  flipped,
  type Objects,
  overwritten,
  readObjects,
  type TableAnatomy,
  tableAnatomy,
  truncated,
  writeObjects,
} from '../../support/damage.js'
import { FaultProxy } from '../../support/fault-proxy.js'
import {
  type FixturePath,
  fixtureNames,
  fixtureSuite,
  haveFixtures,
  unpackFixture,
} from '../../support/fixtures.js'
import { Machine } from '../../support/machine.js'
import { internalKey } from '../../support/raw-table.js'
import { writeSound } from '../../support/sound-database.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'
import { bytes, field, prefixed } from '../../support/version-edits.js'

const [directory] = mainTestStores()

/** Objects of a sound database, and of another one written in the same way. */
let sound: Objects
let twin: Objects

beforeAll(async () => {
  const written = async () => {
    const store = directory!.make()
    await writeSound(store)
    return readObjects(store)
  }
  ;[sound, twin] = [await written(), await written()]
})

/** A copy of the sound database, to be damaged. */
class Copy {
  readonly objects: Objects = new Map(sound)
  readonly cloudManifest = 'db/CLOUDMANIFEST'
  readonly identity = 'db/IDENTITY'
  /** The MANIFESTs of the past epochs, and the present one. */
  readonly manifests: readonly [string, string, string]
  /** Two of the same size. */
  readonly a: string
  readonly b: string
  /** A table of `orders` with a filter. */
  readonly filtered: string
  /** A table of `events` with partitions. */
  readonly partitioned: string
  readonly blobFile: string

  constructor() {
    const { past, current } = decodeCloudManifest(this.get(this.cloudManifest))
    const manifests = [...past.map(({ epoch }) => epoch), current].map((epoch) => `db/MANIFEST-${epoch}`)
    this.manifests = manifests as unknown as [string, string, string]
    const live = liveTables(this.objects)
    ;[this.a, this.b] = live.default as [string, string]
    this.filtered = live.orders![0]!
    this.partitioned = live.events![0]!
    this.blobFile = [...this.objects.keys()].find((key) => key.includes('.blob-'))!
  }

  get manifest(): string {
    return this.manifests[2]
  }

  /** Key of a table of the present epoch. */
  tableKey(number: number): string {
    return `db/${tableFileName(number)}-${this.manifest.split('-')[1]}`
  }

  get(key: string): Uint8Array {
    return this.objects.get(key) ?? expect.fail(`there is no ${key}`)
  }

  change(key: string, damage: (bytes: Uint8Array) => Uint8Array): void {
    this.objects.set(key, damage(this.get(key)))
  }

  swap(one: string, other: string): void {
    const [first, second] = [this.get(one), this.get(other)]
    this.objects.set(one, second).set(other, first)
  }

  rename(from: string, to: string): void {
    this.objects.set(to, this.get(from))
    this.objects.delete(from)
  }

  /** One more edit at the end of the MANIFEST. */
  edit(...fields: readonly Uint8Array[]): void {
    this.change(this.manifest, (log) => appendRecord(log, Buffer.concat(fields)))
  }
}

/** The keys of the live tables of each column family, in the order of their numbers. */
function liveTables(objects: Objects): Readonly<Record<string, readonly string[]>> {
  const cloudManifest = decodeCloudManifest(objects.get('db/CLOUDMANIFEST')!)
  const { columnFamilies, liveTables } = readManifest(objects.get(`db/MANIFEST-${cloudManifest.current}`)!)
  const families = [...columnFamilies.values()].map(({ id, name }) => {
    const numbers = [...liveTables.values()]
      .filter((table) => table.columnFamily === id)
      .map(({ number }) => number)
    const keyOf = (number: number) => `db/${tableFileName(number)}-${epochOf(cloudManifest, number)}`
    return [name, numbers.sort((x, y) => x - y).map(keyOf)]
  })
  return Object.fromEntries(families)
}

type Found = readonly [code: string, key: string]

/** Report of `verify` on these objects. */
async function problemsOf(objects: Objects, { isDeep }: { readonly isDeep: boolean }): Promise<Found[]> {
  const store = directory!.make()
  await writeObjects(store, objects)
  const { problems } = await verifyDatabase(await placesOf(store.url('db')), { isDeep })
  return problems.map(({ code, object }): Found => [code, object.slice(store.url().length + 1)]).sort()
}

const opened: DatabasePlace[] = []
afterAll(() => {
  for (const { store } of opened) store.close()
})

async function placesOf(url: string, source?: string): Promise<Places> {
  const open = async (place: string): Promise<DatabasePlace> => ({ store: await openStore(place), path: '' })
  const own = await open(url)
  const places: Places = source === undefined ? [own] : [own, await open(source)]
  opened.push(...places)
  return places
}

const empty = () => new Uint8Array(0)
const flip = (at: number, mask?: number) => (content: Uint8Array) => flipped(content, at, mask)
const middle = (content: Uint8Array) => flipped(content, content.length >> 1)

test('a sound database has no problem', async () => {
  expect(await problemsOf(sound, { isDeep: false })).toEqual([])
  expect(await problemsOf(sound, { isDeep: true })).toEqual([])
})

describe('without reading tables, it names', () => {
  test.each<[what: string, damage: (copy: Copy) => readonly Found[]]>([
    [
      'a missing table',
      (copy) => {
        copy.objects.delete(copy.b)
        return [['missing', copy.b]]
      },
    ],
    [
      'a missing MANIFEST',
      (copy) => {
        copy.objects.delete(copy.manifest)
        return [['missing', copy.manifest]]
      },
    ],
    [
      'a missing IDENTITY',
      (copy) => {
        copy.objects.delete(copy.identity)
        return [['missing', copy.identity]]
      },
    ],
    [
      'a missing CLOUDMANIFEST',
      (copy) => {
        copy.objects.delete(copy.cloudManifest)
        return [['missing', copy.cloudManifest]]
      },
    ],
    [
      'a table that was cut',
      (copy) => {
        copy.change(copy.a, truncated)
        return [['wrongSize', copy.a]]
      },
    ],
    [
      'a table that grew',
      (copy) => {
        copy.change(copy.a, extended)
        return [['wrongSize', copy.a]]
      },
    ],
    [
      'an empty table',
      (copy) => {
        copy.change(copy.a, empty)
        return [['wrongSize', copy.a]]
      },
    ],
    [
      'tables of different sizes that were swapped',
      (copy) => {
        copy.swap(copy.a, copy.partitioned)
        return [
          ['wrongSize', copy.a],
          ['wrongSize', copy.partitioned],
        ]
      },
    ],
    [
      'a missing blob file',
      (copy) => {
        copy.objects.delete(copy.blobFile)
        return [['missing', copy.blobFile]]
      },
    ],
    [
      'a blob file that was cut',
      (copy) => {
        copy.change(copy.blobFile, truncated)
        return [['wrongSize', copy.blobFile]]
      },
    ],
    [
      'an empty blob file',
      (copy) => {
        copy.change(copy.blobFile, empty)
        return [['wrongSize', copy.blobFile]]
      },
    ],
    [
      'a CLOUDMANIFEST that was cut',
      (copy) => {
        copy.change(copy.cloudManifest, truncated)
        return [['corrupt', copy.cloudManifest]]
      },
    ],
    [
      'an empty CLOUDMANIFEST',
      (copy) => {
        copy.change(copy.cloudManifest, empty)
        return [['corrupt', copy.cloudManifest]]
      },
    ],
    [
      'a flipped bit in the CLOUDMANIFEST',
      (copy) => {
        copy.change(copy.cloudManifest, middle)
        return [['corrupt', copy.cloudManifest]]
      },
    ],
    [
      'a CLOUDMANIFEST of a future version',
      (copy) => {
        copy.objects.set(copy.cloudManifest, encodeLog([bytes(2, 1), bytes(2, prefixed('a1b2'))]))
        return [['corrupt', copy.cloudManifest]]
      },
    ],
    [
      'a second CLOUDMANIFEST, which leads to an epoch that is not there',
      (copy) => {
        const manifest = encodeCloudManifest({ past: [], current: 'feed' as Epoch })
        copy.objects.set('db/CLOUDMANIFEST-test', manifest)
        return [['missing', 'db/MANIFEST-feed']]
      },
    ],
    [
      'a CLOUDMANIFEST by which tables are of another epoch',
      (copy) => {
        const { past, current } = decodeCloudManifest(copy.get(copy.cloudManifest))
        const [, second] = past
        copy.objects.set(copy.cloudManifest, encodeCloudManifest({ past: [second!], current }))
        return [copy.a, copy.b].map((key) => ['wrongEpoch', key.replace(/-.*/, `-${second!.epoch}`)])
      },
    ],
    [
      'a table under the name of another epoch',
      (copy) => {
        copy.rename(copy.a, copy.a.replace(/-.*/, '-feed'))
        return [['wrongEpoch', copy.a]]
      },
    ],
    [
      'an empty MANIFEST',
      (copy) => {
        copy.change(copy.manifest, empty)
        return [['corrupt', copy.manifest]]
      },
    ],
    [
      'a MANIFEST that ends in the middle of an edit',
      (copy) => {
        copy.change(copy.manifest, truncated)
        return [['corrupt', copy.manifest]]
      },
    ],
    [
      'a flipped bit in the MANIFEST',
      (copy) => {
        copy.change(copy.manifest, middle)
        return [['corrupt', copy.manifest]]
      },
    ],
    [
      'a MANIFEST with something unknown in it',
      (copy) => {
        copy.edit(bytes(720, prefixed('replication')))
        return [['corrupt', copy.manifest]]
      },
    ],
    [
      'a MANIFEST of an earlier epoch that was put back',
      (copy) => {
        copy.objects.set(copy.manifest, copy.get(copy.manifests[0]))
        return [['staleManifest', copy.manifest]]
      },
    ],
    [
      'an empty IDENTITY',
      (copy) => {
        copy.change(copy.identity, empty)
        return [['corrupt', copy.identity]]
      },
    ],
    [
      'an invalid IDENTITY',
      (copy) => {
        copy.change(copy.identity, () => Buffer.from('foo'))
        return [['corrupt', copy.identity]]
      },
    ],
    [
      'an IDENTITY other than that in the MANIFEST',
      (copy) => {
        copy.edit(bytes((1 << 13) + 1, prefixed('00000000-feed')))
        return [['identity', copy.identity]]
      },
    ],
  ])('%s', async (_, damage) => {
    const copy = new Copy()
    const expected = [...damage(copy)].sort()
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual(expected)
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual(expected)
  })
})

describe('with --deep, and only then, it names', () => {
  const part = (select: (parts: TableAnatomy) => number, mask?: number) => (content: Uint8Array) =>
    flipped(content, select(tableAnatomy(content)), mask)

  test.each<[what: string, flip: (content: Uint8Array) => Uint8Array, code?: string]>([
    ['data block', part(({ firstData }) => firstData.offset + 3)],
    ['data block in the middle', middle],
    ['compression type of a data block', part(({ lastDataTrailer }) => lastDataTrailer.offset)],
    ['checksum of a data block', part(({ lastDataTrailer }) => lastDataTrailer.offset + 2)],
    ['index', part(({ index }) => index.offset + 2)],
    ['checksum of the index', part(({ index }) => index.offset + index.size + 2)],
    ['filter', part(({ filter }) => filter!.offset + 7)],
    ['properties', part(({ properties }) => properties.offset + 40)],
    ['metaindex', part(({ metaindex }) => metaindex.offset + 9)],
    ['checksum type', part(({ checksumType }) => checksumType.offset, 1)],
    [
      'checksum type, which then claims that there are none',
      part(({ checksumType }) => checksumType.offset, 4),
    ],
    ['handles of the footer', part(({ handles }) => handles.offset)],
    ['size of the metaindex in the footer', part(({ handles }) => handles.offset + 3, 1)],
    ['format version, which is then one of the past', part(({ version }) => version.offset, 4)],
    ['format version, which is then a future one', part(({ version }) => version.offset, 2), 'unsupported'],
    ['magic number', part(({ magic }) => magic.offset)],
  ])('a flipped bit in the %s', async (_, damage, code = 'corrupt') => {
    const copy = new Copy()
    copy.change(copy.filtered, damage)
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual([[code, copy.filtered]])
  })

  test.each<[what: string, at: (parts: TableAnatomy) => number]>([
    ['a partition of the index', ({ index }) => index.offset - 30],
    ['the index of the partitions', ({ index }) => index.offset + 2],
    ['a partition of the filter', ({ filter }) => filter!.offset - 30],
    ['the index of the partitions of the filter', ({ filter }) => filter!.offset + 2],
  ])('a flipped bit in %s', async (_, at) => {
    const copy = new Copy()
    copy.change(copy.partitioned, (content) => flipped(content, at(tableAnatomy(content))))
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual([['corrupt', copy.partitioned]])
  })

  test.each<[what: string, at: (parts: BlobFileAnatomy) => number, code?: string, mask?: number]>([
    ['header of a blob file', ({ header }) => header.offset],
    [
      'compression type of a blob file, which is then a different one',
      ({ compression }) => compression.offset,
      'corrupt',
      3,
    ],
    ['version of a blob file', ({ version }) => version.offset, 'unsupported'],
    ['header of a blob', ({ records }) => records[250]!.header.offset],
    ['checksum of a blob', ({ records }) => records[250]!.header.offset + 30],
    ['key of a blob', ({ records }) => records[250]!.key.offset],
    ['value of a blob', ({ records }) => records[250]!.value.offset],
    ['number of blobs in the footer', ({ blobCount }) => blobCount.offset],
    ['footer of a blob file', ({ footer }) => footer.offset + footer.size - 1],
  ])('a flipped bit in the %s', async (_, at, code = 'corrupt', mask) => {
    const copy = new Copy()
    copy.change(copy.blobFile, (content) => flipped(content, at(blobFileAnatomy(content)), mask))
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual([[code, copy.blobFile]])
  })

  test('a blob file that is sound by itself and another one', async () => {
    const copy = new Copy()
    copy.change(copy.blobFile, (content) => {
      const { header, records, footer } = blobFileAnatomy(content)
      const ends = records.map(({ header, value }) => [header.offset, value.offset + value.size] as const)
      const pieces = [[0, header.size] as const, ...ends.reverse(), [footer.offset, content.length] as const]
      return Buffer.concat(pieces.map(([start, end]) => content.subarray(start, end)))
    })
    expect(copy.get(copy.blobFile)).not.toEqual(sound.get(copy.blobFile))
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual([['swapped', copy.blobFile]])
  })

  test('a page of zeros', async () => {
    const copy = new Copy()
    copy.change(copy.a, (content) => overwritten(content, 4096, new Uint8Array(2000)))
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual([['corrupt', copy.a]])
  })

  test('tables of the same size that were swapped, and which they are', async () => {
    const copy = new Copy()
    expect(copy.get(copy.a)).toHaveLength(copy.get(copy.b).length)
    copy.swap(copy.a, copy.b)
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    const store = directory!.make()
    await writeObjects(store, copy.objects)
    const { problems } = await verifyDatabase(await placesOf(store.url('db')), { isDeep: true })
    const name = (key: string) => key.slice('db/'.length)
    expect(problems.map(({ code, message }) => [code, message]).sort()).toEqual([
      ['swapped', expect.stringContaining(`${name(copy.a)} holds ${name(copy.b)}.`)],
      ['swapped', expect.stringContaining(`${name(copy.b)} holds ${name(copy.a)}.`)],
    ])
  })

  test('a table of another database with the same number, size and keys', async () => {
    const copy = new Copy()
    const [other] = liveTables(twin).default!
    const content = twin.get(other!)!
    expect(other!.split('-')[0]).toBe(copy.a.split('-')[0])
    expect(content).toHaveLength(copy.get(copy.a).length)
    copy.objects.set(copy.a, content)
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual([['swapped', copy.a]])
  })
})

test('a bad block is reported with its keys', async () => {
  const copy = new Copy()
  copy.change(copy.a, flip(0))
  const store = directory!.make()
  await writeObjects(store, copy.objects)
  const { problems } = await verifyDatabase(await placesOf(store.url('db')), { isDeep: true })
  const [{ range } = expect.fail('nothing was found')] = problems
  const text = (key: Uint8Array | undefined) => Buffer.from(key ?? []).toString()
  expect(range?.columnFamily).toBe('default')
  expect(text(range?.smallest)).toBe('a1000')
  // A block has 4 KiB, of which an entry takes some 110.
  expect(text(range?.largest)).toMatch(/^a10[34]/)
})

test('each bad block is reported, and the rest counted', async () => {
  const copy = new Copy()
  // Each block of 4 KiB has a flipped bit.
  copy.change(copy.a, (content) => {
    let damaged = content
    for (let at = 100; at < tableAnatomy(content).lastDataTrailer.offset; at += 2000)
      damaged = flipped(damaged, at)
    return damaged
  })
  const found = await problemsOf(copy.objects, { isDeep: true })
  expect(found).toHaveLength(11)
})

describe('in a MANIFEST that contradicts itself, it names', () => {
  const endOf = (key: string, sequence = 1) => internalKey(key, sequence)
  const newTable = (level: number, number: number, smallest: Uint8Array, largest: Uint8Array, sequence = 1) =>
    bytes(100, level, number, 3, prefixed(smallest), prefixed(largest), sequence, sequence)

  test.each<[what: string, code: string, edit: (next: number) => Uint8Array]>([
    [
      'a table that shares keys with the one before it',
      'overlap',
      (next) => {
        const [first, second] = [
          newTable(1, next, endOf('a'), endOf('m')),
          newTable(1, next + 1, endOf('m'), endOf('z')),
        ]
        return Buffer.concat([first, second, field.nextFileNumber(next + 2)])
      },
    ],
    [
      'a table that ends before it begins',
      'keyOrder',
      (next) => Buffer.concat([newTable(1, next, endOf('m'), endOf('a')), field.nextFileNumber(next + 1)]),
    ],
    [
      'a table with a write that is newer than the last',
      'sequence',
      (next) =>
        Buffer.concat([newTable(1, next, endOf('a'), endOf('m'), 1e6), field.nextFileNumber(next + 1)]),
    ],
    [
      'a table with a number that was not assigned yet',
      'fileNumber',
      (next) => Buffer.concat([newTable(1, next, endOf('a'), endOf('m')), field.nextFileNumber(next)]),
    ],
  ])('%s', async (_, code, edit) => {
    const copy = new Copy()
    const { lastNextFileNumber } = readManifest(copy.get(copy.manifest))
    copy.edit(edit(lastNextFileNumber))
    for (const number of [lastNextFileNumber, lastNextFileNumber + 1]) {
      copy.objects.set(copy.tableKey(number), Buffer.alloc(3))
    }
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([[code, copy.manifest]])
  })

  test('a blob file that tables need and the MANIFEST lacks: the tables are sound', async () => {
    const copy = new Copy()
    const { liveBlobFiles, liveTables } = readManifest(copy.get(copy.manifest))
    const [file] = [...liveBlobFiles.values()]
    const added = field.newBlobFile(file!.number, file!.blobCount, file!.blobBytes)
    copy.change(copy.manifest, (log) =>
      encodeLog(
        Array.from(readLog(log, { name: 'MANIFEST', tail: 'strict' }), ({ payload }) => {
          const edit = Buffer.from(payload)
          const at = edit.indexOf(added)
          return at < 0 ? edit : Buffer.concat([edit.subarray(0, at), edit.subarray(at + added.length)])
        }),
      ),
    )
    const lacking = [...liveTables.values()].filter(({ oldestBlobFile }) => oldestBlobFile === file!.number)
    const expected = lacking.map(() => ['corrupt', copy.manifest])
    expect(expected.length).toBeGreaterThan(0)
    expect(await problemsOf(copy.objects, { isDeep: true })).toEqual(expected)
  })

  test('but not a range deletion that ends where the next table begins', async () => {
    const copy = new Copy()
    const { lastNextFileNumber: next } = readManifest(copy.get(copy.manifest))
    // Cut like RocksDB does it: the end of the first has the highest sequence number, and the type of range deletions.
    const cut = internalKey('m', 2n ** 56n - 1n, 15)
    copy.edit(
      newTable(1, next, endOf('a'), cut),
      newTable(1, next + 1, endOf('m'), endOf('z')),
      field.nextFileNumber(next + 2),
    )
    for (const number of [next, next + 1]) copy.objects.set(copy.tableKey(number), Buffer.alloc(3))
    expect(await problemsOf(copy.objects, { isDeep: false })).toEqual([])
  })
})

describe('a table that is gone when it should be read', () => {
  /** Report of verify if the file cannot be found so many times. */
  const problemsWhereGone = async (times: number, file = new Copy().a) => {
    const store = directory!.make()
    await writeObjects(store, sound)
    const [place] = await placesOf(store.url('db'))
    let left = times
    const get: ObjectStore['get'] = (key, range) => {
      if (`db/${key}` !== file || left-- <= 0) return place.store.get(key, range)
      return Promise.reject(new EnvError('NotFound', 'there is no such object'))
    }
    const vanishing = { store: { ...delegate(place.store), get }, path: '' }
    const { problems } = await verifyDatabase([vanishing], { isDeep: true })
    return problems.map(({ code, object }) => [code, object.slice(store.url().length + 1)])
  }
  const delegate = (store: ObjectStore): ObjectStore => ({
    url: store.url,
    get: (...given) => store.get(...given),
    head: (...given) => store.head(...given),
    put: (...given) => store.put(...given),
    list: (...given) => store.list(...given),
    deleteMany: (...given) => store.deleteMany(...given),
    copy: (...given) => store.copy(...given),
    close: () => store.close(),
  })

  test('is looked up again: an owner may have deleted it', async () => {
    expect(await problemsWhereGone(1)).toEqual([])
  })

  test('is missing if it is still needed', async () => {
    expect(await problemsWhereGone(Infinity)).toEqual([['missing', new Copy().a]])
  })

  test('and so is a blob file', async () => {
    const { blobFile } = new Copy()
    expect(await problemsWhereGone(1, blobFile)).toEqual([])
    expect(await problemsWhereGone(Infinity, blobFile)).toEqual([['missing', blobFile]])
  })
})

describe.runIf(haveFixtures)(fixtureSuite('databases of rocksdb-cloud'), () => {
  test.each(fixtureNames)('%s is sound, in every view', async (name) => {
    const { directory: root, views } = unpackFixture(name)
    const url = ({ bucket, path }: FixturePath) => `file://${join(root, bucket, path)}`
    for (const { open } of views) {
      const places = open.dest ? await placesOf(url(open.dest), url(open.src)) : await placesOf(url(open.src))
      for (const isDeep of [false, true]) {
        const { problems, checked } = await verifyDatabase(places, { isDeep, cookie: open.cookie_on_open })
        expect(problems).toEqual([])
        expect(checked.tables).toBeGreaterThan(0)
        if (isDeep) expect(checked.blocks).toBeGreaterThan(checked.tables)
      }
    }
  })

  test('a clone whose source is not given lacks tables, and the message says where they are', async () => {
    const { directory: root, views } = unpackFixture('clone')
    const { dest } = views.find(({ open }) => open.dest)!.open
    const { problems } = await verifyDatabase(
      await placesOf(`file://${join(root, dest!.bucket, dest!.path)}`),
      {
        isDeep: true,
      },
    )
    expect(problems.map(({ code }) => code)).toEqual(['missing', 'missing'])
    for (const { message } of problems) expect(message).toContain('name that with --source')
  })
})

describe.each(mainTestStores())('in $name', ({ make }) => {
  test('a database is sound while its owner commits, compacts and deletes', async () => {
    const store = make()
    const machine = new Machine(store, { deletionDelayMs: 0 })
    const { connection } = store
    const place = { store: await openStore(store.url('db'), connection), path: '' }
    opened.push(place)
    const options = {
      write_buffer_size: '64K',
      level0_file_num_compaction_trigger: 2,
      target_file_size_base: '64K',
    }
    let isOver = false
    const commits = machine.open(
      async (db) => {
        for (let round = 0; !isOver; round++) {
          for (let at = 0; at < 200; at++)
            await db.put(`key${(round * 37 + at * 101) % 5000}`, randomBytes(100))
          await db.flush()
        }
      },
      { options },
    )
    try {
      await expect.poll(() => keysOf(store, /CLOUDMANIFEST/)).not.toEqual([])
      // Until it was verified in many states.
      const seen = new Set<number>()
      while (seen.size < 8) {
        const { problems, checked } = await verifyDatabase([place], { isDeep: true })
        expect(problems).toEqual([])
        seen.add(checked.tableBytes)
      }
    } finally {
      isOver = true
      await commits
    }
    expect((await verifyDatabase([place], { isDeep: true })).problems).toEqual([])
  })

  test('the program says what is wrong and exits with 1, or with 0 if nothing is', async () => {
    const store = make()
    await writeObjects(store, sound)
    const { options, env } = cliAccess(store)
    const verify = (...args: string[]) => runCommand(['verify', store.url('db'), ...options, ...args], env)
    const isSound = await verify('--deep')
    expect(isSound).toMatchObject({ code: 0, stderr: '' })
    expect(isSound.stdout).toMatch(
      /\/db is sound \(\d+ tables of [\d.]+ KiB, 1 blob file with 500 blobs, \d+ blocks with 3,000 entries\)\n$/,
    )

    const copy = new Copy()
    await store.delete([copy.b])
    await store.put(copy.a, middle(copy.get(copy.a)))
    const shallow = await verify()
    expect(shallow).toMatchObject({ code: 1, stderr: '' })
    expect(shallow.stdout.split('\n')).toEqual([
      expect.stringMatching(/^problem +keys +what is wrong$/),
      expect.stringMatching(/^missing +default: b1000 … b1499 +0000\d+\.sst-[0-9a-f]+ is missing, /),
      expect.stringMatching(/\/db has 1 problem \(.*: see --deep\)$/),
      '',
    ])

    const deep = await verify('--deep', '--json')
    expect(deep).toMatchObject({ code: 1, stderr: '' })
    const { problems, ...rest } = JSON.parse(deep.stdout) as VerifyJson
    expect(rest).toEqual({
      url: store.url('db'),
      isSound: false,
      isDeep: true,
      checked: {
        states: 1,
        tables: 7,
        tableBytes: expect.any(Number),
        blobFiles: 1,
        blobs: 500,
        blocks: expect.any(Number),
        entries: expect.any(Number),
      },
      displaced: { objects: 0, bytes: 0 },
    })
    expect(problems).toEqual([
      {
        code: 'missing',
        object: store.url(copy.b),
        message: expect.stringContaining(`${store.url(copy.b)} is missing`),
        range: {
          columnFamily: 'default',
          smallest: { base64: Buffer.from('b1000').toString('base64'), text: 'b1000' },
          largest: { base64: Buffer.from('b1499').toString('base64'), text: 'b1499' },
        },
      },
      {
        code: 'corrupt',
        object: store.url(copy.a),
        message: expect.stringMatching(/ is corrupt at byte \d+: .*checksum/),
        range: expect.objectContaining({ columnFamily: 'default' }),
      },
    ])
    expect(await verify('--cookie', 'other')).toMatchObject({ code: 2, stdout: '' })
  })

  test('a missing database is wrong use', async () => {
    const store = make()
    await store.put('readme.txt', Buffer.from('hello'))
    const { options, env } = cliAccess(store)
    const { code, stderr, stdout } = await runCommand(['verify', store.url(), ...options], env)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/holds no database/)
  })
})

test('a store that cannot be reached is neither sound nor damaged', async () => {
  const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' }
  const nobody = ['--endpoint', 'http://127.0.0.1:9', '--region', 'x']
  const { code, stdout } = await runCommand(['verify', 's3://bucket/db', ...nobody], env)
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
})

const server = inject('servers').find(({ name }) => name === 'minio')

test.runIf(server)('a listing that takes longer than a second shows progress', async () => {
  const store = mainTestStores()
    .find(({ name }) => name === 'minio')!
    .make()
  await writeObjects(store, sound)
  const proxy = await FaultProxy.start(server!.endpoint)
  onTestFinished(() => proxy.stop())
  let answer = () => {}
  const until = new Promise<void>((resolve) => {
    answer = resolve
  })
  proxy.next('GET', { kind: 'hold', until }, { path: /list-type=2/ })
  const connection = { ...store.connection, endpoint: proxy.endpoint }
  const { options, env } = cliAccess({ ...store, connection })
  const cli = new Cli(['verify', store.url('db'), ...options], env)
  await expect.poll(() => cli.stderr).toBe('surveying: 0 objects, 0/s\n')
  answer()
  expect(await cli.result).toMatchObject({ code: 0, stdout: expect.stringContaining('is sound') })
})

async function keysOf(store: TestStore, pattern: RegExp): Promise<string[]> {
  return [...(await store.list()).keys()].filter((key) => pattern.test(key))
}
