import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { RocksDB, type RocksDBOptions } from '#src/index.js'
import type { ScanEntryJson } from '#src/inspect/entry-json.js'
import { copyToBucket } from '../../support/bucket-copy.ts'
import { flipped, tableAnatomy, truncated } from '../../support/damage.ts'
import { FaultProxy, s3ErrorBody } from '../../support/fault-proxy.ts'
import { fill, fillOptions } from '../../support/filled-database.ts'
import {
  type FixtureName,
  fixtureNames,
  fixtureSuite,
  haveFixtures,
  unpackFixture,
} from '../../support/fixtures.ts'
import { putHostile } from '../../support/hostile-database.ts'
import { runGuarded, runTraceless, startTraceless, viewArguments } from '../../support/inspect-cli.ts'
import { u32 } from '../../support/little-endian.ts'
import { Digest, putFixture, temporaryDirectory } from '../../support/open-bucket.ts'
import { promptMs } from '../../support/prompt.ts'
import { block, type Entry, handleBytes, internalKey, smallTable, varint } from '../../support/raw-table.ts'
import { mainTestStores, type TestStore } from '../../support/test-stores.ts'

const [directory] = mainTestStores()
const minio = mainTestStores().find(({ name }) => name === 'minio')
const server = inject('servers').find(({ name }) => name === 'minio')

function entriesIn(stdout: string): [key: Buffer, value: Buffer][] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { key, value } = JSON.parse(line) as ScanEntryJson
      return [Buffer.from(key.base64, 'base64'), Buffer.from(value.base64, 'base64')]
    })
}

async function makeDatabase(
  store: TestStore,
  write: (db: RocksDB) => Promise<void>,
  options: RocksDBOptions = {},
): Promise<string> {
  const path = join(temporaryDirectory(), 'db')
  const db = await RocksDB.open(path, { options })
  await write(db)
  await db.flush()
  await db.close()
  await copyToBucket(path, store, 'db')
  return store.url('db')
}

const readable = fixtureNames.filter((name) => name !== 'newdb-format6')

describe.runIf(haveFixtures)(fixtureSuite('databases of rocksdb-cloud'), () => {
  describe.each(mainTestStores())('in $name', ({ name: kind, make }) => {
    test.each<FixtureName>(readable)(
      '%s is scanned whole, and neither bucket nor disk changes',
      async (name) => {
        const fixture = unpackFixture(name)
        const store = make()
        await putFixture(store, fixture)
        const before = await store.list()
        await Promise.all(
          fixture.views.flatMap((view) =>
            view.column_families.map(async ({ name: family, count, sha256 }) => {
              const args = ['scan', ...viewArguments(store, view), '--column-family', family]
              const { code, stdout, stderr } = await runTraceless(store, [...args, '--json'])
              expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
              const digest = new Digest()
              for (const [key, value] of entriesIn(stdout)) digest.add(key, value)
              expect(digest.result(), `${view.label}, ${family}`).toEqual({ count, sha256 })
              // Counting scans the same entries: one view of a fixture is enough.
              if (kind === 'directory' && view === fixture.views[0] && family === 'default')
                expect((await runTraceless(store, [...args, '--count'])).stdout).toBe(`${count}\n`)
            }),
          ),
        )
        expect(await store.list()).toEqual(before)
      },
    )
  })

  test('tables of format_version 6 give their content or, if RocksDB does not know it, one error', async () => {
    const fixture = unpackFixture('newdb-format6')
    const store = directory!.make()
    await putFixture(store, fixture)
    const [view] = fixture.views
    const { code, stdout, stderr } = await runTraceless(store, [
      'scan',
      ...viewArguments(store, view!),
      '--count',
    ])
    const [major = 0, minor = 0] = RocksDB.libraryVersion.split('.').map(Number)
    if (major > 8 || (major === 8 && minor >= 6))
      expect({ code, stdout }).toEqual({ code: 0, stdout: '1000\n' })
    else {
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^cloudenv: cannot read .* format_version 6, .* It takes RocksDB 8\.6 or newer.*\n$/,
      )
    }
  })

  test('the existing cookies are named if there is no plain state', async () => {
    const fixture = unpackFixture('cookie')
    const store = directory!.make()
    await putFixture(store, fixture)
    const { code, stderr } = await runTraceless(store, ['scan', store.url('rockset.cookie/dbs/cookie')])
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--cookie A, --cookie B-2/),
    })
  })
})

describe('a range', () => {
  const keys = ['', 'a', 'a\xff', 'b', 'b/1', 'b/2', 'b0', 'c', '\u{1f600}']
  const setUp = () =>
    makeDatabase(directory!.make(), async (db) => {
      for (const key of keys) await db.put(key, `value of ${key}`)
    })
  const cases: readonly [options: string[], expected: (key: string) => boolean][] = [
    [[], () => true],
    [['--gte', 'b'], (key) => key >= 'b'],
    [['--gt', 'b'], (key) => key > 'b'],
    [['--lt', 'b/2'], (key) => key < 'b/2'],
    [['--lte', '0x622f32'], (key) => key <= 'b/2'],
    [['--gt', 'a', '--lt', 'c'], (key) => key > 'a' && key < 'c'],
    [['--prefix', 'b/'], (key) => key.startsWith('b/')],
    [['--prefix', '0x61'], (key) => key.startsWith('a')],
    [['--prefix', 'b', '--gt', 'b'], (key) => key.startsWith('b') && key > 'b'],
    [['--prefix', 'x'], () => false],
  ]

  test('follows its bounds, forward, backward, limited and counted', async () => {
    const url = await setUp()
    const store = directory!.make()
    const scan = async (...options: string[]) => {
      const { code, stdout, stderr } = await runTraceless(store, ['scan', url, ...options])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }
    const ranges = cases.map(async ([options, isExpected]) => {
      const expected = keys.filter(isExpected)
      const found = async (...more: string[]) =>
        entriesIn(await scan(...options, '--json', ...more)).map(([key]) => key.toString())
      expect(await found(), options.join(' ')).toEqual(expected)
      // The last two do not depend on where a range begins.
      if (options.length === 2 && /^--gte?$/.test(options[0]!)) return
      expect(await found('--reverse', '--limit', '2')).toEqual(expected.toReversed().slice(0, 2))
    })
    await Promise.all(ranges)
    expect(await scan('--prefix', 'b/', '--count')).toBe('2\n')
    expect(JSON.parse(await scan('--count', '--json', '--limit', '3'))).toEqual({
      columnFamily: 'default',
      count: 3,
    })
    expect(await scan('--limit', '0')).toBe('')
  })

  test.each([
    [['--gte', 'a', '--gt', 'a'], /--gte <key>' cannot be used with option '--gt <key>/],
    [['--gte', '0xabc'], /pairs of hex digits/],
    [['--limit', '-1'], /--limit/],
    [['--column-family', 'x'], /no column family "x".*which has "default"/],
    [['--as', 'hex', '--json'], /--json/],
    [['--as', 'raw'], /--as/],
  ])('%j is wrong use', async (options, message) => {
    const url = await setUp()
    const { code, stdout, stderr } = await runTraceless(directory!.make(), ['scan', url, ...options])
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) })
  })

  test('in a column family that is in the reverse order of bytes is read in that order', async () => {
    const url = await makeDatabase(
      directory!.make(),
      async (db) => {
        for (const key of ['a', 'b', 'c']) await db.put(key, '1')
      },
      { comparator: 'rocksdb.ReverseBytewiseComparator' },
    )
    const { stdout } = await runTraceless(directory!.make(), ['scan', url])
    expect(stdout).toBe('c\t1\nb\t1\na\t1\n')
    for (const range of [
      ['--prefix', 'b'],
      ['--gte', 'b'],
      ['--reverse', '--lt', 'b'],
    ]) {
      expect(await runTraceless(directory!.make(), ['scan', url, ...range])).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/column family "default" is in the order of "rocksdb.ReverseBytewise/),
      })
    }
  })
})

describe('the output', () => {
  const value = '{ "id": 12345678901234567890.10, "a":[ 1,{} ],\n "t": "\u202eevil" }'

  test('is a key, a tab and a value per line, in the requested form, and never raw', async () => {
    const store = directory!.make()
    const url = await makeDatabase(store, async (db) => {
      await db.put('tab\tline\n\u001b[31m\u202e', value)
      await db.put(Buffer.from([0xff, 0x41]), Buffer.from([0, 0x5c, 0xfe]))
    })
    const scan = async (as: string) =>
      (await runTraceless(store, ['scan', url, '--as', as])).stdout.split('\n')
    expect(await scan('utf8')).toEqual([
      'tab\\tline\\n\\u{1b}[31m\\u{202e}\t{ "id": 12345678901234567890.10, "a":[ 1,{} ],\\n "t": "\\u{202e}evil" }',
      '\\xffA\t\\x00\\\\\\xfe',
      '',
    ])
    expect((await scan('hex'))[1]).toBe('0xff41\t0x005cfe')
    expect(await scan('json')).toEqual([
      'tab\\tline\\n\\u{1b}[31m\\u{202e}\t{"id":12345678901234567890.10,"a":[1,{}],"t":"\\u202eevil"}',
      '\\xffA\t\\x00\\\\\\xfe',
      '',
    ])
  })
})

describe('a scan that does not reach its end', () => {
  const big = (store: TestStore, entries = 20_000) =>
    makeDatabase(store, (db) => fill(db, entries), fillOptions)

  test('ends quietly when its reader stops', async () => {
    const store = directory!.make()
    const cli = startTraceless(store, ['scan', await big(store)])
    await cli.printed(/key00000003/)
    cli.child.stdout!.destroy()
    expect(await cli.result).toMatchObject({ code: 0, stderr: '' })
  })

  test.runIf(minio)('fails with exit code 3 when the server goes away', async () => {
    const store = minio!.make()
    const url = await big(store)
    const proxy = await FaultProxy.start(server!.endpoint)
    const connection = { ...store.connection, endpoint: proxy.endpoint }
    const cli = startTraceless({ ...store, connection }, ['scan', url])
    await cli.printed(/key00000003/)
    await proxy.stop()
    const { code, stderr } = await cli.result
    expect(code).toBe(3)
    expect(stderr).toMatch(/^cloudenv: cannot read a range of "s3:.*: IO error: get s3:.*\n$/)
  })

  test.runIf(minio)('fails with exit code 3 when it is not allowed to read', async () => {
    const store = minio!.make()
    const url = await big(store, 2000)
    const credentials = { accessKeyId: 'nobody', secretAccessKey: 'knows-what' }
    const connection = { ...store.connection, credentials }
    const { code, stderr } = await runTraceless({ ...store, connection }, ['scan', url])
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringMatching(/credentials/) })
    expect(stderr).not.toContain('knows-what')
  })

  test.runIf(minio).each(['SIGINT', 'SIGTERM'] as const)(
    'stops at once at %s, whatever it waits for',
    async (signal) => {
      const store = minio!.make()
      const url = await big(store)
      const proxy = await FaultProxy.start(server!.endpoint)
      proxy.next('GET', { kind: 'hang' }, { path: /\.sst/, times: 1000 })
      const arrived = proxy.arrival(/\.sst/)
      const connection = { ...store.connection, endpoint: proxy.endpoint }
      const cli = startTraceless({ ...store, connection }, ['scan', url])
      await arrived
      cli.child.kill(signal)
      const stopped = performance.now()
      const { stdout } = await cli.result
      expect({ signal: cli.child.signalCode, stdout }).toEqual({ signal, stdout: '' })
      expect(performance.now() - stopped).toBeLessThan(promptMs)
      await proxy.stop()
    },
  )
})

describe('a table of level 0 that cannot be opened, beside newer ones with range deletions,', () => {
  async function setUp(store: TestStore): Promise<{ readonly url: string; readonly table: string }> {
    const url = await makeDatabase(
      store,
      async (db) => {
        for (let round = 1; round <= 6; round++) {
          await db.put(`key${round}`, 'value')
          if (round > 3) await db.batch([{ type: 'deleteRange', start: 'x', end: 'y' }])
          await db.flush()
        }
      },
      { disable_auto_compactions: true, block_based_table_factory: { format_version: 5 } },
    )
    const tables = [...(await store.list()).keys()].filter((key) => key.includes('.sst-'))
    return { url, table: tables[2]! }
  }

  /** Returns the new bytes of the table; undefined removes it. */
  type Damage = (bytes: Uint8Array) => Uint8Array | undefined
  test.each<[what: string, damage: Damage, message: RegExp]>([
    [
      'damaged',
      (bytes) => flipped(bytes, bytes.length - 1),
      /is corrupt at byte \d+: .*magic number.*Bring the object back/,
    ],
    [
      'of another format',
      (bytes) => flipped(bytes, tableAnatomy(bytes).version.offset + 2),
      /has format version 262149/,
    ],
    ['cut off', truncated, /has \d+ bytes in the store instead of \d+/],
    ['missing', () => undefined, /is missing in the store/],
  ])('is reported if it is %s, and RocksDB does not crash', async (_, damage, message) => {
    const store = directory!.make()
    const { url, table } = await setUp(store)
    const damaged = damage(await store.get(table))
    await (damaged ? store.put(table, damaged) : store.delete([table]))
    const { code, stdout, stderr } = await runTraceless(store, ['scan', url])
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) })
    expect(stderr.startsWith(`cloudenv: ${store.url(table)} `)).toBe(true)
  })

  test.runIf(minio)('is not damage but exit code 3 if the store refuses it', async () => {
    const store = minio!.make()
    const { url, table } = await setUp(store)
    const proxy = await FaultProxy.start(server!.endpoint)
    proxy.next(
      'GET',
      { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') },
      { path: new RegExp(table), times: 100 },
    )
    const connection = { ...store.connection, endpoint: proxy.endpoint }
    const { code, stdout, stderr } = await runTraceless({ ...store, connection }, ['scan', url])
    await proxy.stop()
    expect({ code, stdout, stderr }).toEqual({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^cloudenv: .*AccessDenied/),
    })
    expect(stderr).toContain(table)
  })
})

describe('a hostile bucket', () => {
  const entries: Entry[] = ['a', 'b', 'z'].map((key) => [internalKey(key, 1), Buffer.from(`value of ${key}`)])
  const number = 7
  const huge = [2n ** 40n, 2n ** 63n, 2n ** 64n - 5n]
  const table = (options: Partial<Parameters<typeof smallTable>[0]>) =>
    smallTable({ number, entries, ...options })
  const index = (size: bigint | number, offset: bigint | number = 0) =>
    table({ index: () => block([[internalKey('z'), handleBytes({ offset, size })]]) })
  /** RocksDB cannot crash over these during a scan: they are refused before it sees them. */
  const unopened: readonly [name: string, content: Uint8Array][] = [
    ['random bytes', randomBytes(100_000)],
    ['nothing', new Uint8Array(0)],
    ['a few bytes', Buffer.alloc(10)],
    ...huge.map((size): [string, Uint8Array] => [
      `a footer that says ${size}`,
      table({ footer: (metaindex, place) => [metaindex, { ...place, size }] }),
    ]),
    ['format_version 99', table({ version: 99 })],
  ]
  const opened: readonly [name: string, content: Uint8Array][] = [
    ...huge.map((size): [string, Uint8Array] => [`an index entry for ${size} bytes`, index(size)]),
    ...huge.map((offset): [string, Uint8Array] => [`an index entry for offset ${offset}`, index(10, offset)]),
    [
      'an index that points to itself',
      table({ index: (_, at) => block([[internalKey('z'), handleBytes({ offset: at, size: 18 })]]) }),
    ],
    ['a handle without end', table({ index: () => block([[internalKey('z'), Buffer.alloc(40, 0xff)]]) })],
    ['a data block of random bytes', table({ data: randomBytes(5000) })],
    [
      'an entry that is longer than its block',
      table({
        data: Buffer.concat([varint(0), varint(0xffff_ffff), varint(5), Buffer.alloc(60), u32(0), u32(1)]),
      }),
    ],
    ['keys that are too short', table({ data: block([[Buffer.from('a'), Buffer.from('x')]]) })],
    ['an unknown compression', table({ dataCompression: 200 })],
    ['a compressed block that is none', table({ dataCompression: 7, data: randomBytes(300) })],
  ]

  test.each([
    ...unopened.map(([name, content]) => ({ name, content, runScan: runTraceless })),
    ...opened.map(([name, content]) => ({ name, content, runScan: runGuarded })),
  ])('with $name as a table is refused with exit code 1, soon', async ({ content, runScan }) => {
    const store = directory!.make()
    const url = store.url('db')
    await putHostile(store, [{ number, content }])
    const results = [runScan(store, ['scan', url]), runGuarded(store, ['get', url, 'b'])]
    for (const { code, stdout, stderr } of await Promise.all(results)) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/^cloudenv: .+\n$/m)
      expect(stderr).toContain(url)
    }
  })

  test('is named by its URL alone, whatever that contains', async () => {
    const store = directory!.make()
    await putHostile(store, [{ number, content: table({}), size: 2n ** 40n }])
    for (const key of (await store.list()).keys())
      await store.put(`bucket/$&/${key.slice('db/'.length)}`, await store.get(key))
    const stderrAt = async (path: string) => (await runTraceless(store, ['get', store.url(path), 'b'])).stderr
    const message = await stderrAt('db')
    expect(message).toContain(`${store.url('db')}/000007.sst`)
    expect(await stderrAt('bucket/$&')).toBe(message.replaceAll(store.url('db'), store.url('bucket/%24%26')))
  })

  test.each([
    ['what the MANIFEST says', table({})],
    ['those of LevelDB, without properties,', table({ version: 0, properties: false })],
  ])('whose tables are %s is read', async (_, content) => {
    const store = directory!.make()
    await putHostile(store, [{ number, content }])
    expect((await runTraceless(store, ['scan', store.url('db')])).stdout).toBe(
      'a\tvalue of a\nb\tvalue of b\nz\tvalue of z\n',
    )
  })

  test('without a MANIFEST, or with another size of a table, is refused by the object’s URL', async () => {
    const store = directory!.make()
    await putHostile(store, [{ number, content: table({}), size: 2n ** 40n }])
    expect(await runTraceless(store, ['scan', store.url('db')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/000007\.sst-bad has \d+ bytes in the store instead of 1099511627776/),
    })
    await store.delete(['db/MANIFEST-bad'])
    expect(await runTraceless(store, ['scan', store.url('db')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/MANIFEST-bad is missing/),
    })
  })

  test('with merged values asks for the operator, and accepts it', async () => {
    const store = directory!.make()
    const merged: Entry[] = [[internalKey('b', 1, 2), Buffer.from('operand')]]
    await putHostile(store, [{ number, content: table({ entries: merged }) }])
    expect(await runTraceless(store, ['scan', store.url('db')])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--merge-operator'),
    })
    const merge = ['--merge-operator', 'stringappend']
    expect(await runTraceless(store, ['scan', store.url('db'), ...merge])).toMatchObject({
      code: 0,
      stdout: 'b\toperand\n',
    })
  })

  test('in an order that RocksDB does not know is refused by the comparator’s name', async () => {
    const store = directory!.make()
    await putHostile(store, [{ number, content: table({}) }], { comparator: 'their.Comparator' })
    expect(await runTraceless(store, ['scan', store.url('db')])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"their.Comparator"'),
    })
  })

  test('has one column family in such an order, and all others are read', async () => {
    const store = directory!.make()
    const others = [
      { name: 'theirs', comparator: 'their.Comparator' },
      { name: 'ours', comparator: 'rocksdb.ReverseBytewiseComparator' },
    ]
    await putHostile(store, [{ number, content: table({}) }], { others })
    const count = (family: string) =>
      runTraceless(store, ['scan', store.url('db'), '--count', '--column-family', family])
    expect(await count('default')).toEqual({ code: 0, stdout: '3\n', stderr: '' })
    expect(await count('ours')).toEqual({ code: 0, stdout: '0\n', stderr: '' })
    expect(await count('theirs')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/column family "theirs" is in the order of "their.Comparator"/),
    })
  })
})
