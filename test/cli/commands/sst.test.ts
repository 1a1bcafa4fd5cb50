import { execFile, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import pLimit from 'p-limit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import type { SstBlocksJson, SstEntryJson, SstIndexJson, SstJson } from '#src/inspect/sst-json.js'
import { openStore } from '#src/store/open-store.js'
import { rangedObject } from '#src/table/ranged-source.js'
import { TableReader } from '#src/table/table-reader.js'
import { tableOfManyFilters } from '../../support/amplifying-tables.js'
import { Cli } from '../../support/cli.js'
import { runCommand } from '../../support/command-runner.js'
import { FaultProxy } from '../../support/fault-proxy.js'
import { fixtureNames, fixtureSuite, haveFixtures, unpackFixture } from '../../support/fixtures.js'
import { u32 } from '../../support/little-endian.js'
import {
  block,
  type Entry,
  type Handle,
  handleBytes,
  internalKey,
  RawTable,
  smallTable,
  varint,
} from '../../support/raw-table.js'
import {
  dumpedProperties,
  propertiesInWords,
  storedProperties,
  typeNumbers,
} from '../../support/rocksdb-dumps.js'
import { cliAccess, mainTestStores } from '../../support/test-stores.js'
import { writeVariedTables } from '../../support/varied-tables.js'

const directory = mkdtempSync(join(tmpdir(), 'cloudenv-sst-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const minio = mainTestStores().find(({ name }) => name === 'minio')
const twoAtOnce = pLimit(2)

async function sst<T = SstJson>(url: string, ...options: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await runCommand(['sst', url, '--json', ...options])
  expect({ url, code, stderr }).toEqual({ url, code: 0, stderr: '' })
  return JSON.parse(stdout)
}

async function entries(url: string, ...options: readonly string[]): Promise<SstEntryJson[]> {
  const { code, stdout, stderr } = await runCommand(['sst', url, '--json', '--entries', ...options])
  expect({ url, code, stderr }).toEqual({ url, code: 0, stderr: '' })
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

function expectDumped(shown: SstJson, dump: string): void {
  const dumped = dumpedProperties(dump)
  expect(dumped.size).toBeGreaterThan(30)
  expect(propertiesInWords(shown.properties!, dumped.keys())).toEqual(storedProperties(dumped))
}

describe.skipIf(!haveFixtures)(fixtureSuite('of what rocksdb-cloud wrote'), () => {
  test.each(fixtureNames)("in '%s', properties are what the real sst_dump prints", async (name) => {
    const { directory: fixture, objects } = unpackFixture(name)
    const dumps = readdirSync(join(fixture, 'dump')).filter((file) => file.includes('.sst'))
    expect(dumps.length).toBeGreaterThan(0)
    const compared = dumps.map(async (dump) => {
      const { bucket, key, size } = objects.find((object) =>
        object.key.endsWith(`/${basename(dump, '.txt')}`),
      )!
      const shown = await twoAtOnce(() => sst(`file://${join(fixture, bucket, key)}`))
      expectDumped(shown, readFileSync(join(fixture, 'dump', dump), 'utf8'))
      expect([shown.sizeBytes, shown.problems]).toEqual([size, []])
    })
    await Promise.all(compared)
  })

  test('a name without an epoch is found by the CLOUDMANIFEST, at the source of a clone too', async () => {
    const { directory: fixture } = unpackFixture('clone')
    const clone = `file://${join(fixture, 'rockset.clonedst/dbs/clone')}`
    const source = `file://${join(fixture, 'rockset.clonesrc/dbs/source')}`
    const own = await sst(`${clone}/000025.sst`, '--source', source)
    expect(own.url).toBe(`${clone}/000025.sst-da16e32205aa46d0`)
    const inherited = await sst(`${clone}/000017.sst`, '--source', source)
    expect(inherited.url).toBe(`${source}/000017.sst-7d6422e4dcbf700b`)
    const { code, stderr } = await runCommand(['sst', `${clone}/000017.sst`])
    expect(code).toBe(1)
    expect(stderr).toMatch(/000017\.sst-7d6422e4dcbf700b is not there.* name that with --source$/m)
  })
})

describe.skipIf(!haveFixtures)(fixtureSuite('a number that the MANIFEST does not have'), () => {
  test('is wrong use, and the error names the objects there', async () => {
    const { directory: fixture } = unpackFixture('simple')
    const path = join(fixture, 'rockset.simple/dbs/simple')
    const url = `file://${path}`
    const none = `cloudenv: the MANIFEST of ${url} has no table 99. Those that it has: cloudenv tables ${url}`
    const lookedUp = () => runCommand(['sst', `${url}/000099.sst`])
    expect(await lookedUp()).toEqual({ code: 2, stdout: '', stderr: `${none}\n` })

    const table = readdirSync(path).find((name) => name.startsWith('000026.sst-'))!
    copyFileSync(join(path, table), join(path, '000099.sst-abc'))
    const stderr = `${none}. Of another epoch there is: cloudenv sst ${url}/000099.sst-abc\n`
    expect(await lookedUp()).toEqual({ code: 2, stdout: '', stderr })
    expect((await sst(`${url}/000099.sst-abc`)).properties).not.toBe(null)
  })

  test('cannot be distinguished from a missing one if the MANIFEST is unreadable', async () => {
    const { directory: fixture } = unpackFixture('simple')
    const path = join(fixture, 'rockset.simple/dbs/simple')
    for (const name of readdirSync(path)) if (name.startsWith('MANIFEST-')) rmSync(join(path, name))
    expect(await runCommand(['sst', `file://${path}/000099.sst`])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/000099\.sst-[0-9a-f]+ is not there$/m),
    })
  })
})

const haveSstDump = spawnSync('sst_dump', ['--help']).error === undefined

describe.skipIf(!haveSstDump)(
  haveSstDump ? "of this machine's RocksDB, in every form of tables" : 'of RocksDB (skipped: no sst_dump)',
  () => {
    const db = join(directory, 'varied')
    let tables: readonly string[]
    beforeAll(async () => {
      await writeVariedTables(db)
      tables = readdirSync(db)
        .filter((name) => name.endsWith('.sst'))
        .sort()
    })

    const forEachTable = (work: (path: string) => Promise<void>) =>
      Promise.all(tables.map((name) => twoAtOnce(() => work(join(db, name)))))
    const sstDump = async (path: string, ...options: readonly string[]) => {
      const { stdout } = await promisify(execFile)('sst_dump', [`--file=${path}`, ...options], {
        maxBuffer: 2 ** 26,
      })
      return stdout
    }

    test('properties are what sst_dump prints', async () => {
      expect(tables.length).toBeGreaterThan(25)
      await forEachTable(async (path) => {
        expectDumped(await sst(`file://${path}`), await sstDump(path, '--show_properties', '--command=none'))
      })
    })

    const dumpedEntries = async (path: string) =>
      (await sstDump(path, '--command=scan', '--output_hex'))
        .split('\n')
        .filter((line) => line.startsWith("'"))
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').toUpperCase()

    test('entries are what sst_dump prints', async () => {
      for (const name of [tables[0]!, tables[6]!, tables.at(-1)!]) {
        const path = join(db, name)
        const bytes = (base64: string) => hex(Buffer.from(base64, 'base64'))
        const shown = (await entries(`file://${path}`))
          .filter(({ type }) => type !== 'rangeDeletion')
          .map(
            ({ key, sequence, type, value }) =>
              `'${bytes(key.base64)}' seq:${sequence}, type:${typeNumbers[type]} => ${bytes(value.base64)}`,
          )
        expect(shown).toEqual(await dumpedEntries(path))
      }
    })

    test('entries, when read, are what sst_dump prints', async () => {
      const store = await openStore(`file://${db}`)
      await forEachTable(async (path) => {
        const source = rangedObject({ store, path: '' }, basename(path), statSync(path).size)
        const reader = await TableReader.open(source)
        const read: string[] = []
        for await (const { userKey, sequence, type, value } of reader.entries()) {
          read.push(`'${hex(userKey)}' seq:${sequence}, type:${type} => ${hex(value)}`)
        }
        expect(read).toEqual(await dumpedEntries(path))
      })
      store.close()
    })

    test('a range, with keys in either form, has its entries and no other', async () => {
      const url = `file://${join(db, tables.at(-1)!)}`
      const range = ['--from', 'key000298', '--to', `0x${Buffer.from('key000301').toString('hex')}`]
      const found = await entries(url, ...range)
      expect(found.map(({ key }) => key.text)).toEqual(['key000298', 'key000299', 'key000300'])
      expect(await entries(url, ...range, '--limit', '2')).toEqual(found.slice(0, 2))
    })

    test('blocks and index are listed, and range deletions after the entries', async () => {
      const url = `file://${join(db, tables[0]!)}`
      const { blocks } = await sst<SstBlocksJson>(url, '--blocks')
      const data = blocks.filter(({ kind }) => kind === 'data')
      const { index } = await sst<SstIndexJson>(url, '--index')
      expect(index).toEqual(
        data.map(({ byteOffset, sizeBytes, upperKey }) => ({ byteOffset, sizeBytes, upperKey })),
      )
      expect(data.every(({ isSound, contentBytes }) => isSound && contentBytes! > 1_000)).toBe(true)

      const last = (await entries(url)).at(-1)!
      expect([last.type, last.key.text, last.value.text]).toEqual(['rangeDeletion', 'key000100', 'key000200'])
      expect((await entries(url, '--from', 'key000199')).at(-1)).toEqual(last)
      expect((await entries(url, '--from', 'key000200')).at(-1)!.type).toBe('value')
    })
  },
)

describe('a table', () => {
  const values = Array.from(
    { length: 3 },
    (_, at) => [internalKey(`key${at}`, at + 1), Buffer.from(`v${at}`)] as const,
  )
  const write = (name: string, bytes: Uint8Array) => {
    const path = join(directory, name)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, '000017.sst-ab'), bytes)
    return `file://${path}/000017.sst-ab`
  }

  test('is printed for people', async () => {
    const url = write('people', smallTable({ number: 17, entries: values }))
    const { code, stdout } = await runCommand(['sst', url])
    expect(code).toBe(0)
    expect(stdout).toContain('format version 5, kCRC32c')
    expect(stdout).toMatch(/^num\.entries +3$/m)
    expect(stdout).toMatch(/^block\.based\.table\.index\.type +kBinarySearch$/m)
    expect(stdout).toMatch(/^rocksdb\.properties +\d+ +\d+ B$/m)
    expect((await runCommand(['sst', url, '--entries', '--as', 'hex'])).stdout.split('\n')[0]).toBe(
      `0x${Buffer.from('key0').toString('hex')}\t1\tvalue\t0x${Buffer.from('v0').toString('hex')}`,
    )
  })

  test("has a program's properties shown as text if possible, and RocksDB's long ones in full", async () => {
    const compression = 'window_bits=-14; level=32767; '.repeat(8)
    const more: [name: string, value: Buffer][] = [
      ['a.flag', Buffer.from('1')],
      ['a.number', Buffer.from([1, 0, 0, 0])],
      ['a.text', Buffer.from('Zürich \u{1f600}')],
      ['an.escape', Buffer.from('a\u202eb')],
      ['nothing', Buffer.alloc(0)],
      ['rocksdb.compression_options', Buffer.from(compression)],
    ]
    const properties = (own: Parameters<typeof block>[0]) => {
      const all = [...own, ...more.map(([name, value]) => [Buffer.from(name), value] as const)]
      return block(all.sort(([a], [b]) => Buffer.compare(a, b)))
    }
    const { stdout } = await runCommand([
      'sst',
      write('program', smallTable({ number: 17, entries: values, properties })),
    ])
    for (const [name, shown] of [
      ['a.flag', '1'],
      ['a.number', '0x01000000'],
      ['a.text', 'Zürich \u{1f600}'],
      ['an.escape', '0x61e280ae62'],
      ['nothing', '0x'],
      ['compression_options', compression.trim()],
    ]) {
      expect(stdout.replaceAll(/ {2,}/g, '  ').split('\n')).toContain(`${name}  ${shown}`)
    }
  })

  test('with names and keys that would affect a terminal does not affect it', async () => {
    const evil = '\u001b[2J\u202e\u009b31m'
    const entries = [[internalKey(evil, 1), Buffer.from(evil)] as const]
    const url = write('evil', smallTable({ number: 17, entries, dbId: evil, sessionId: evil }))
    for (const mode of [[], ['--index'], ['--blocks'], ['--entries']]) {
      for (const form of [[], ['--json']]) {
        const { code, stdout, stderr } = await runCommand(['sst', url, ...mode, ...form])
        expect([code, stderr]).toEqual([0, ''])
        expect(stdout.replaceAll('\n', '').replaceAll('\t', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }
    }
  })

  describe('with damage', () => {
    const entries = values
    const sound = smallTable({ number: 17, entries })
    const run = async (bytes: Uint8Array, ...options: readonly string[]) =>
      runCommand(['sst', write('damaged', bytes), ...options])
    const flipped = (at: number) => {
      const bytes = Buffer.from(sound)
      bytes[at]! ^= 1
      return bytes
    }

    test('in a data block is shown without that block, which is named', async () => {
      const properties = await run(flipped(3))
      expect(properties.code).toBe(0)
      const blocks = await run(flipped(3), '--blocks', '--json')
      expect(blocks.code).toBe(1)
      const { blocks: shown, problems } = JSON.parse(blocks.stdout) as SstBlocksJson
      expect(shown.map(({ kind, isSound }) => [kind, isSound])).toEqual([
        ['data', false],
        ['index', true],
        ['properties', true],
        ['metaindex', true],
      ])
      expect(problems).toMatchObject([
        {
          code: 'corrupt',
          message: expect.stringMatching(/000017\.sst-ab is corrupt at byte 0: .*checksum/),
        },
      ])
      const { code, stdout, stderr } = await run(flipped(3), '--entries')
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^cloudenv: corrupt: .* is corrupt at byte 0/)
    })

    test('in its properties still has a footer and a metaindex', async () => {
      const at = sound.indexOf('rocksdb.num.entries')
      const { code, stdout } = await run(flipped(at), '--json')
      const shown = JSON.parse(stdout) as SstJson
      expect([code, shown.properties, shown.footer!.formatVersion]).toEqual([1, null, 5])
      expect(shown.metaindex!.map(({ name }) => name)).toEqual(['rocksdb.properties'])
      expect(shown.problems).toHaveLength(1)
    })

    test('in its metaindex still has a footer', async () => {
      const at = sound.indexOf('rocksdb.properties')
      const shown = JSON.parse((await run(flipped(at), '--json')).stdout) as SstJson
      expect([shown.properties, shown.metaindex, shown.footer!.checksum]).toEqual([null, null, 'kCRC32c'])
    })

    test('that claims to be of another kind is refused as such', async () => {
      const bytes = Buffer.from(sound)
      bytes.writeBigUInt64LE(0x8242229663bf9564n, bytes.length - 8)
      const { code, stdout } = await run(bytes)
      expect(code).toBe(1)
      expect(stdout).toContain('a plain table, not a block-based table')
    })

    test.each([
      ['empty', Buffer.alloc(0)],
      ['one byte', Buffer.of(1)],
      ['zeros', Buffer.alloc(5_000)],
      ['random', Buffer.from('4af5'.repeat(999), 'hex')],
    ])('whose bytes are %s, has a problem in every mode', async (_title, bytes) => {
      for (const mode of [[], ['--index'], ['--blocks'], ['--entries']]) {
        const { code, stderr, stdout } = await run(bytes, ...mode)
        expect(code).toBe(1)
        expect(stdout + stderr).toContain('is corrupt at byte')
      }
    })
  })

  test('that LevelDB wrote has everything but properties', async () => {
    const url = write('leveldb', smallTable({ number: 17, entries: values, version: 0, properties: false }))
    const { code, stdout } = await runCommand(['sst', url])
    expect(code).toBe(0)
    expect(stdout).toMatch(/, format version 0, kCRC32c\n\nno properties, as in what LevelDB wrote\n/)
    expect(await sst(url)).toMatchObject({ properties: {}, metaindex: [], problems: [] })
    expect(await entries(url)).toHaveLength(values.length)
  })

  test('that was ingested has the sequence number stored in it, or none', async () => {
    const ingested = (sequence: number) => {
      const properties = (own: Entry[]) => {
        const value = Buffer.alloc(8)
        value.writeBigUInt64LE(BigInt(sequence))
        const external: Entry[] = [
          [Buffer.from('rocksdb.external_sst_file.global_seqno'), value],
          [Buffer.from('rocksdb.external_sst_file.version'), u32(2)],
        ]
        return block([...own, ...external].sort(([a], [b]) => Buffer.compare(a, b)))
      }
      const values = [[internalKey('a', 0), Buffer.from('v')] as const]
      return write(`ingested-${sequence}`, smallTable({ number: 17, entries: values, properties }))
    }
    const lines = async (sequence: number) =>
      (await runCommand(['sst', ingested(sequence), '--entries'])).stdout
    expect(await lines(4711)).toBe('a\t4711\tvalue\tv\n')
    expect(await lines(0)).toBe('a\t-\tvalue\tv\n')
    expect(await entries(ingested(0))).toMatchObject([{ sequence: null, type: 'value' }])
  })

  describe('with a block that is too large to read here', () => {
    const url = () => write('unread', withUnreadBlock())

    test('does not count as damaged', async () => {
      const { code, stdout } = await runCommand(['sst', url(), '--blocks'])
      expect(code).toBe(1)
      expect(stdout).toMatch(/^ +\d+ +\d+ +not read +data +b$/m)
      expect(stdout).toMatch(/^unsupported: .* is compressed with Xpress/m)
      expect(stdout).not.toMatch(/damaged|corrupt/)

      const json = await runCommand(['sst', url(), '--blocks', '--json'])
      const { blocks, problems } = JSON.parse(json.stdout) as SstBlocksJson
      expect(blocks.map(({ isSound }) => isSound)).toEqual([true, null, true, true, true, true])
      expect(problems.map(({ code }) => code)).toEqual(['unsupported'])
    })

    test('shows the entries before it, without fetching it', async () => {
      expect(await runCommand(['sst', url(), '--entries', '--limit', '1'])).toEqual({
        code: 0,
        stdout: 'a\t1\tvalue\tv\n',
        stderr: '',
      })
      expect(await runCommand(['sst', url(), '--entries', '--limit', '2'])).toMatchObject({
        code: 1,
        // After the part that is not read.
        stdout: 'a\t1\tvalue\tv\nc\t1\tvalue\tv\n',
        stderr: expect.stringMatching(/^cloudenv: unsupported: .*Xpress/),
      })
    })

    /** The second of three data blocks. */
    function withUnreadBlock(): Buffer {
      const file = new RawTable()
      const data = (key: string) => file.add(block([[internalKey(key), Buffer.from('v')]]))
      const handles = [data('a'), file.add(Buffer.concat([varint(10), Buffer.alloc(20)]), 6), data('c')]
      const index = file.add(
        block(handles.map((handle, at) => [internalKey('abc'[at]!), handleBytes(handle)])),
      )
      const properties = file.add(block([]))
      const metaindex = file.add(block([[Buffer.from('rocksdb.properties'), handleBytes(properties)]]))
      return file.finish(metaindex, index)
    }
  })

  test('reads range deletions only if the entries before them are not enough', async () => {
    const metaindex = (properties: Handle) =>
      block([
        [Buffer.from('rocksdb.properties'), handleBytes(properties)],
        [Buffer.from('rocksdb.range_del'), handleBytes({ offset: 1, size: 8 })],
      ])
    const url = write('deletions', smallTable({ number: 17, entries: values, metaindex }))
    const read = (limit: number) => runCommand(['sst', url, '--entries', '--limit', String(limit)])
    expect(await read(3)).toMatchObject({ code: 0, stderr: '' })
    expect(await read(4)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cloudenv: corrupt: .*at byte 1:/),
    })
  })

  test('with endless problems reports a hundred and their number', async () => {
    const url = write('many', tableOfManyFilters(1, 5_000))
    for (const form of [[], ['--json']]) {
      const { code, stdout } = await runCommand(['sst', url, '--blocks', ...form])
      expect(code).toBe(1)
      expect(stdout.match(/the checksum does not match/g)).toHaveLength(100)
      expect(stdout).toMatch(/000017\.sst-ab has 4900 more problems/)
    }
  })

  test('of many blocks is listed while it is read, with columns as wide as necessary', async () => {
    const url = write('filters', tableOfManyFilters(1, 25_000))
    const rows = (await runCommand(['sst', url, '--blocks'])).stdout.split('\n')
    expect(rows[0]).toMatch(/^ +offset +size +content +compression +kind +keys up to$/)
    const partitions = rows.filter((row) => row.includes('filterPartition'))
    expect(partitions).toHaveLength(25_000)
    expect(partitions.at(-1)).toMatch(/^125,\d{3} +0 +damaged/)
    expect(new Set(partitions.map((row) => row.indexOf('damaged'))).size).toBe(1)
  })

  test.runIf(minio)('that takes long to open shows progress', async () => {
    const store = minio!.make()
    await store.put('db/000017.sst-ab', smallTable({ number: 17, entries: values }))
    const proxy = await FaultProxy.start(store.connection.endpoint!)
    onTestFinished(() => proxy.stop())
    let answer = () => {}
    const until = new Promise<void>((resolve) => {
      answer = resolve
    })
    proxy.next('GET', { kind: 'hold', until }, { path: /000017/ })
    const connection = { ...store.connection, endpoint: proxy.endpoint }
    const { options, env } = cliAccess({ ...store, connection })
    const cli = new Cli(['sst', store.url('db/000017.sst-ab'), '--index', ...options], env)
    await expect.poll(() => cli.stderr).toMatch(/^opening: [1-9]\d* s\n/)
    answer()
    expect(await cli.result).toMatchObject({ code: 0, stdout: expect.stringMatching(/ key2$/m) })
  })

  test('that is missing, or not named by a URL, says so', async () => {
    const url = write('alone', smallTable({ number: 17, entries: values }))
    const database = url.slice(0, url.lastIndexOf('/'))
    expect((await runCommand(['sst', `${database}/000018.sst-ab`])).code).toBe(1)
    expect(await runCommand(['sst', `${database}/000017.sst`])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no CLOUDMANIFEST'),
    })
    const root = join(database.slice('file://'.length), 'CLOUDMANIFEST')
    // No more than 16 of its 20 MiB are ever fetched.
    writeFileSync(root, Buffer.alloc(20 * 2 ** 20))
    expect(await runCommand(['sst', `${database}/000017.sst`])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/CLOUDMANIFEST.* 20971520 bytes/),
    })
    expect(await runCommand(['sst', database])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('names no table'),
    })
    writeFileSync(root, encodeCloudManifest({ past: [], current: parseEpoch('ab')! }))
    expect((await sst(`${database}/000017.sst`)).url).toBe(url)
  })

  test.each([
    ['two modes', ['--index', '--blocks']],
    ['a range without entries', ['--from', 'a']],
    ['a limit that is none', ['--entries', '--limit', 'many']],
    ['a form of keys where none are printed', ['--as', 'hex']],
    ['a cookie with the whole name of an object', ['--cookie', 'A']],
    ['a key in half a byte of hex', ['--entries', '--from', '0x1']],
  ])('%s are wrong use', async (_title, options) => {
    const url = write('use', smallTable({ number: 17, entries: values }))
    expect((await runCommand(['sst', url, ...options])).code).toBe(2)
  })
})
