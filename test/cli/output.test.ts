import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonLine } from '#src/cli/output/json.js'
import { problemLines } from '#src/cli/output/problem.js'
import { progressLine } from '#src/cli/output/progress.js'
import { tableLines } from '#src/cli/output/table.js'
import { formatBytes, formatSeconds } from '#src/cli/output/text.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { exactText } from '#src/format/exact-text.js'
import { encodeLog } from '#src/format/log-record.js'
import type { DiskUsage } from '#src/inspect/disk-usage-report.js'
import { jsonBytes } from '#src/inspect/json-bytes.js'
import {
  printable,
  printableBytes,
  printableMessage,
  shortened,
  shortenedBytes,
} from '#src/inspect/printable.js'
import { runTraceless } from '../support/inspect-cli.ts'
import { promptMs } from '../support/prompt.ts'
import { block, internalKey, smallTable } from '../support/raw-table.ts'
import { mainTestStores } from '../support/test-stores.ts'
import { bytes, field, prefixed } from '../support/version-edits.ts'

describe('text from a bucket', () => {
  test.each([
    ['a line break', 'a\nb', 'a\\nb'],
    ['an escape sequence', '\u001b[2J', '\\u{1b}[2J'],
    ['a right-to-left override', 'a\u202egpj.exe', 'a\\u{202e}gpj.exe'],
    ['a lone surrogate', 'a\ud800', 'a\\u{d800}'],
    ['a byte of what is no UTF-8', exactText(Uint8Array.of(0x61, 0xff)), 'a\\xff'],
    ['the C1 controls', '\u009b31m', '\\u{9b}31m'],
    ['a zero-width space', 'a\u200bb', 'a\\u{200b}b'],
    ['a backslash', '\\n', '\\\\n'],
    ['other writing', 'Zürich 東京', 'Zürich 東京'],
  ])('%s is shown, and has no effect on a terminal', (_, text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  test('contains nothing that a terminal acts upon, whatever it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(printableBytes(bytes)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      }),
    )
  })

  test('is unchanged in JSON, and contains nothing that a terminal acts upon', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = jsonLine({ text })
        expect(JSON.parse(line)).toEqual({ text })
        expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      }),
    )
  })

  test('stays distinct if it was distinct', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        if (a !== b) expect(printable(a)).not.toBe(printable(b))
      }),
    )
  })

  test('is shown byte by byte if it is not text', () => {
    expect(printableBytes(Uint8Array.of(0x6b, 0xff, 0x00, 0x5c))).toBe('k\\xff\\x00\\\\')
  })

  test('stays on its line in a message, with its backslashes unchanged', () => {
    expect(printableMessage('first\nsecond \\ \u001b[31m')).toBe('first\\nsecond \\ \\u{1b}[31m')
  })

  test('is base64 in JSON, beside a readable form', () => {
    expect(JSON.parse(jsonLine(jsonBytes(Uint8Array.of(0xff, 0x41))))).toEqual({
      base64: '/0E=',
      text: '\\xffA',
    })
    const long = Buffer.alloc(2 ** 20 + 1, 0xff)
    expect(jsonBytes(long).base64).toBe(long.toString('base64'))
    expect(jsonBytes(long).text).toMatch(/^[\\xf]{500}…[\\xf]{499}$/)
    expect(jsonBytes(long.subarray(1)).text).toBe('\\xff'.repeat(2 ** 20))
  })
})

test('names in a database begin no line of a message about it', async () => {
  const store = mainTestStores()[0]!.make()
  const forged = 'file:///sound/db is sound (1 table)'
  const name = `x.\n\n${forged}\r\u0085\u2028${forged}\n`
  const key = prefixed(internalKey('k', 1))
  const content = smallTable({
    number: 7,
    entries: [[internalKey('k', 1), Buffer.from('v')]],
    dbId: name,
    properties: (entries) =>
      block(
        entries.map(([property, value]) => [
          property,
          String(property) === 'rocksdb.comparator' ? Buffer.from(name) : value,
        ]),
      ),
  })
  const table = bytes(103, 0, 7, content.length, key, key, 1, 1, 1)
  const header = [field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9)]
  const edits = [
    bytes(field.dbId(name), field.comparator('leveldb.BytewiseComparator'), ...header, table),
    bytes(field.columnFamily(1), field.addsColumnFamily(name), field.comparator(name)),
  ]
  await store.put('db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: parseEpoch('abc')! }))
  await store.put('db/MANIFEST-abc', encodeLog(edits))
  await store.put('db/000007.sst-abc', content)
  await store.put('db/IDENTITY', Buffer.from(`other ${name}`))
  const url = store.url('db')
  const commandLines = [
    ['ls', url],
    ['info', url],
    ['manifest', url],
    ['tables', url],
    ['tables', url, '--key', 'k'],
    ['tables', url, '--column-family', 'none'],
    ['sst', `${url}/000007.sst`],
    ['verify', url],
    ['verify', '--deep', url],
    ['gc', url],
    ['du', url],
    ['scan', url],
    ['get', url, 'k', '--column-family', 'none'],
    ['get', url, 'k', '--column-family', name],
  ]
  for (const commandLine of commandLines) {
    const { stdout, stderr } = await runTraceless(store, commandLine)
    const lines = `${stdout}${stderr}`.split(/[\n\r\u0085\u2028]/)
    expect(lines.length, commandLine.join(' ')).toBeGreaterThan(1)
    expect(lines.filter((line) => line.startsWith(forged))).toEqual([])
  }
})

test('column families whose names are not UTF-8 are distinguished, and cannot be requested', async () => {
  const store = mainTestStores()[0]!.make()
  const names = [Uint8Array.of(0xff), Uint8Array.of(0xfe), '\ufeffmarked', 'marked']
  const families = names.flatMap((name, at) => {
    const family = field.columnFamily(at + 1)
    return [
      bytes(family, field.addsColumnFamily(name), field.comparator('leveldb.BytewiseComparator')),
      bytes(family, field.newTable(0, at + 10, 4)),
    ]
  })
  const header = bytes(
    field.comparator('leveldb.BytewiseComparator'),
    field.logNumber(1),
    field.nextFileNumber(90),
    field.lastSequence(9),
  )
  await store.put('db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: parseEpoch('abc')! }))
  await store.put('db/MANIFEST-abc', encodeLog([header, ...families]))
  for (const at of names.keys()) await store.put(`db/0000${at + 10}.sst-abc`, Buffer.from('1234'))
  const url = store.url('db')

  const { stdout } = await runTraceless(store, ['du', url])
  expect(stdout.match(/^\S+(?= +L0 +1 )/gm)).toEqual(['marked', '\\xfe', '\\xff', '\\u{feff}marked'])
  const { databases }: DiskUsage = JSON.parse((await runTraceless(store, ['du', url, '--json'])).stdout)
  expect(databases[0]!.byLevel.map(({ columnFamily, objects }) => [columnFamily, objects])).toEqual([
    ['marked', 1],
    ['\udcfe', 1],
    ['\udcff', 1],
    ['\ufeffmarked', 1],
  ])
  for (const command of [
    ['tables', url],
    ['get', url, 'k'],
  ])
    expect(await runTraceless(store, [...command, '--column-family', '\\xff'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the name of column family \\xff in'),
    })
})

describe('numbers for people', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [99.9 * 1024, '99.9 KiB'],
    [150 * 1024, '150 KiB'],
    [1023.9 * 1024, '1.0 MiB'],
    [1.5 * 2 ** 40, '1.5 TiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  test.each([
    [0, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [7_199, '1 h'],
    [86_400, '1 d'],
    [800 * 86_400, '2 y'],
  ])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

  test('a long text loses its middle', () => {
    expect(shortened('abcdefghij', 5)).toBe('ab…ij')
    expect(shortened('abcde', 5)).toBe('abcde')
    expect(shortened('😀'.repeat(5), 5)).toBe('😀'.repeat(5))
    for (const length of [6, 9, 10, 11, 1e7]) expect(shortened('😀'.repeat(length), 5)).toBe('😀😀…😀😀')
    expect(shortened(`a${'😀'.repeat(100)}b`, 5)).toBe('a😀…😀b')
  })

  test('bytes of any length are shortened like their text', () => {
    for (const text of ['abcdefghij', 'é'.repeat(50), `a${'😀'.repeat(100)}`, `${'€'.repeat(99)}b`])
      expect(shortenedBytes(Buffer.from(text), 5)).toBe(shortened(text, 5))
    expect(shortenedBytes(new Uint8Array(300).fill(0x80), 9)).toBe('\\x80…\\x80')
    expect(shortenedBytes(new Uint8Array(0), 5)).toBe("''")
    const start = performance.now()
    expect(shortenedBytes(new Uint8Array(2 ** 28), 11)).toBe('\\u{0}…\\u{0}')
    expect(performance.now() - start).toBeLessThan(promptMs)
  })
})

test('a table is as wide as necessary, with numbers aligned right', () => {
  const rows = [
    { name: 'orders', tables: 7 },
    { name: 'a', tables: 1234 },
  ]
  const lines = tableLines(rows, [
    { title: 'database', cell: (row) => row.name },
    { title: 'tables', align: 'right', cell: (row) => String(row.tables) },
  ])
  expect(lines).toEqual(['database  tables', 'orders         7', 'a           1234'])
})

test('columns line up whatever script names are in', () => {
  const names = ['plain', '日本語', 'e\u0301té', '한국', '👩‍👩‍👧']
  const lines = tableLines(names, [
    { title: 'family', cell: (name) => name },
    { title: 'n', cell: () => 'n' },
  ])
  // A terminal shows ideographs, syllables and emoji two places wide, and combining marks in the place before them.
  expect(lines).toEqual([
    'family  n',
    'plain   n',
    '日本語  n',
    'e\u0301té     n',
    '한국    n',
    '👩‍👩‍👧      n',
  ])
})

test('the first of many problems have a line each, and the rest are counted', () => {
  const lines = (count: number) => problemLines([...Array(count).keys()], String)
  expect(lines(20)).toEqual([...Array(20).keys()].map(String))
  expect(lines(21)).toEqual([...lines(20), 'and 1 problem more'])
  expect(lines(1_234).at(-1)).toBe('and 1,214 problems more')
})

test('progress shows how far, how fast and how long to go', () => {
  const step = { step: 'checking', done: 1200, seconds: 3 }
  expect(progressLine({ ...step, unit: 'tables', total: 5000 })).toBe(
    'checking: 1,200 of 5,000 tables, 400/s, 9 s left',
  )
  expect(progressLine({ ...step, unit: 'tables' })).toBe('checking: 1,200 tables, 400/s')
  expect(progressLine({ ...step, unit: 'bytes', done: 3 * 2 ** 20, total: 6 * 2 ** 20 })).toBe(
    'checking: 3.0 MiB of 6.0 MiB, 1.0 MiB/s, 3 s left',
  )
  expect(progressLine({ step: 'opening', done: 0, seconds: 3.2 })).toBe('opening: 3 s')
})

test('progress never goes beyond the end', () => {
  const state = {
    step: 'checking',
    unit: 'bytes',
    total: 57.3 * 1024,
    done: 114 * 1024,
    seconds: 57,
  } as const
  expect(progressLine(state)).toBe('checking: 57.3 KiB of 57.3 KiB, 2.0 KiB/s, 0 s left')
})
