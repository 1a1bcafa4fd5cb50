import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatBytes } from '#src/cli/output/text.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import type { ManifestJson } from '#src/inspect/manifest-json.js'
import { Cli, runCli } from '../../support/cli.js'
import { runCommand } from '../../support/command-runner.js'
import { FaultProxy } from '../../support/fault-proxy.js'
import { fixtureNames, fixtureSuite, haveFixtures, unpackFixture } from '../../support/fixtures.js'
import { dumpedEdits, editInWords } from '../../support/rocksdb-dumps.js'
import { writeVariedTables } from '../../support/varied-tables.js'
import { bytes, field, prefixed } from '../../support/version-edits.js'

const directory = mkdtempSync(join(tmpdir(), 'cloudenv-manifest-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function manifest(url: string, ...options: readonly string[]): Promise<ManifestJson> {
  const { code, stdout, stderr } = await runCommand(['manifest', url, '--json', ...options])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe.skipIf(!haveFixtures)(fixtureSuite('of what rocksdb-cloud wrote'), () => {
  test.each(fixtureNames)("in '%s', every edit is printed as the real ldb does", async (name) => {
    const { directory: fixture, objects } = unpackFixture(name)
    const dumps = readdirSync(join(fixture, 'dump')).filter((file) => file.startsWith('MANIFEST'))
    expect(dumps.length).toBeGreaterThan(0)
    for (const dump of dumps) {
      const { bucket, key } = objects.find((object) => object.key.endsWith(`/${basename(dump, '.txt')}`))!
      const path = join(fixture, bucket, key)
      const { manifest: shown, cloudManifest, problems } = await manifest(`file://${path}`)
      const text = readFileSync(join(fixture, 'dump', dump), 'utf8')
      const keyText = (bytes: Buffer) => bytes.toString('latin1')
      expect(shown!.edits.map((edit) => editInWords(edit, { dump: text, keyText }))).toEqual(
        dumpedEdits(text),
      )
      expect(shown!.sizeBytes).toBe(readFileSync(path).length)
      expect([cloudManifest, problems]).toEqual([null, []])
    }
  })

  test('each edit says where it begins, and the epochs where they do', async () => {
    const { directory: fixture, objects } = unpackFixture('epochs')
    const { bucket, key } = objects.find((object) => object.key.endsWith('/CLOUDMANIFEST'))!
    const database = join(fixture, bucket, dirname(key))
    const shown = await manifest(`file://${database}`)
    const bytes = readFileSync(join(database, 'CLOUDMANIFEST'))
    const { epochs } = shown.cloudManifest!
    expect(epochs.length).toBe(4)
    for (const { epoch, byteOffset } of epochs) {
      // 7 bytes of record header, tag, length.
      expect(bytes.toString('latin1', byteOffset + 9, byteOffset + 9 + epoch.length)).toBe(epoch)
    }
    expect(epochs.map(({ endFile }) => endFile === null)).toEqual([false, false, false, true])
    expect(shown.manifest!.url).toMatch(new RegExp(`/MANIFEST-${epochs.at(-1)!.epoch}$`))

    const ends = [0, ...shown.manifest!.edits.map(({ byteEnd }) => byteEnd)]
    expect(shown.manifest!.edits.map(({ byteOffset }) => byteOffset)).toEqual(ends.slice(0, -1))
    expect(ends.at(-1)).toBe(shown.manifest!.sizeBytes)
  })
})

const haveLdb = spawnSync('ldb', ['--version']).error === undefined

describe.skipIf(!haveLdb)(haveLdb ? "of this machine's RocksDB" : 'of RocksDB (skipped: no ldb)', () => {
  const db = join(directory, 'varied')
  beforeAll(() => writeVariedTables(db))

  test('every edit is printed as its own ldb does: tables, blob files, column families that come and go', async () => {
    const path = join(db, readdirSync(db).find((name) => name.startsWith('MANIFEST-'))!)
    const dump = execFileSync('ldb', ['manifest_dump', '--hex', '--verbose', `--path=${path}`], {
      encoding: 'utf8',
    })
    const { manifest: shown } = await manifest(`file://${path}`)
    const keyText = (bytes: Buffer) => bytes.toString('hex').toUpperCase()
    const edits = shown!.edits.map((edit) => editInWords(edit, { dump, keyText }))
    expect(edits).toEqual(dumpedEdits(dump))
    for (const label of ['BlobFileAddition', 'DeleteFile', 'ColumnFamilyDrop']) {
      expect(edits.some((edit) => label in edit)).toBe(true)
    }
    const last = / next_file_number (\d+) last_sequence (\d+) /.exec(
      ` ${dump.split('\n').findLast((line) => line.startsWith('next_file_number'))} `,
    )
    expect(shown!.state!.lastSequence).toBe(Number(last![2]))
  })
})

describe('a database', () => {
  const epoch = parseEpoch('53b1925fbae26935')!
  const edits = [
    Buffer.concat([field.comparator('leveldb.BytewiseComparator'), field.logNumber(1)]),
    Buffer.concat([field.nextFileNumber(20), field.lastSequence(99), field.newTable(0, 17, 720)]),
    Buffer.concat([field.columnFamily(1), field.addsColumnFamily('\u001b[2J\u202e')]),
  ]
  const write = (name: string, root: Uint8Array | undefined, log: Uint8Array | undefined, cookie = '') => {
    const path = join(directory, name)
    mkdirSync(path, { recursive: true })
    if (root) writeFileSync(join(path, `CLOUDMANIFEST${cookie}`), root)
    if (log) writeFileSync(join(path, `MANIFEST-${epoch}`), log)
    return `file://${path}`
  }
  const root = encodeCloudManifest({ past: [], current: epoch })
  const run = async (url: string, ...options: readonly string[]) => {
    const result = await runCommand(['manifest', url, ...options])
    return {
      ...result,
      json: options.includes('--json') ? (JSON.parse(result.stdout) as ManifestJson) : undefined,
    }
  }

  test('is printed for people, with names that do not affect their terminal', async () => {
    const { code, stdout } = await run(write('sound', root, encodeLog(edits)))
    expect(code).toBe(0)
    expect(stdout).toContain('53b1925fbae26935  current')
    expect(stdout).toContain('+ 000017.sst  level 0  720 B  a key … a key')
    expect(stdout).toContain('\\u{1b}[2J\\u{202e}')
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  test('is printed for people with long values shortened to their ends', async () => {
    const long = `begin${'-'.repeat(60_000)}end`
    const edit = bytes(field.comparator(long), field.dbId(long), bytes(8198, prefixed(long)))
    const { stdout } = await run(write('long', root, encodeLog([...edits, edit])))
    for (const label of ['comparator', 'db id', 'history from'])
      expect(stdout).toMatch(new RegExp(`  ${label} begin-{1,100}…-{1,100}end\\b`))
  })

  test('whose MANIFEST is damaged is printed up to the damage, which is named', async () => {
    const log = Buffer.from(encodeLog(edits))
    log[log.length - 1]! ^= 1
    const { code, json } = await run(write('damaged', root, log), '--json')
    expect(code).toBe(1)
    expect(json!.manifest!.edits.map(({ newTables }) => newTables.length)).toEqual([0, 1])
    expect(json!.manifest!.state).toBeNull()
    expect(json!.problems).toMatchObject([
      { code: 'corrupt', message: expect.stringContaining('the checksum does not match') },
    ])
    expect(json!.problems[0]!.object).toMatch(/MANIFEST-53b1925fbae26935$/)
  })

  test('whose edits contradict each other is printed, and the contradiction is named', async () => {
    const log = encodeLog([...edits, field.deletedTable(3, 17)])
    const { code, stdout } = await run(write('contradiction', root, log))
    expect(code).toBe(1)
    expect(stdout).toContain('- 000017.sst  level 3')
    expect(stdout).toMatch(/^corrupt: .*table 17 is deleted from level 3 but is not there/m)
  })

  test('whose edits contradict each other and are damaged later is reported as both', async () => {
    const contradicting = encodeLog([...edits, field.deletedTable(3, 17)])
    const log = Buffer.concat([contradicting, Buffer.from('no record')])
    const { json } = await run(write('both', root, log), '--json')
    expect(json!.manifest!.edits.length).toBe(4)
    expect(json!.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('table 17 is deleted from level 3'),
      expect.stringContaining(`is corrupt at byte ${contradicting.length}: `),
    ])
  })

  test('whose CLOUDMANIFEST is damaged is printed as far as possible', async () => {
    const bytes = encodeCloudManifest({ past: [{ epoch: parseEpoch('ab')!, end: 5 }], current: epoch })
    const { code, json } = await run(write('cut', bytes.subarray(0, 40), encodeLog(edits)), '--json')
    expect(code).toBe(1)
    expect(json!.cloudManifest!.epochs).toMatchObject([{ epoch: 'ab', endFile: 5 }])
    expect(json!.manifest).toBeNull()
    expect(json!.problems).toMatchObject([{ code: 'corrupt' }])
  })

  // In the form of encodeCloudManifest: a header (version, records), past epochs (1, name, end), the current one (2, name).
  const current = bytes(2, prefixed(epoch))
  const past = (end: number) => bytes(1, prefixed('ab'), end)
  test.each([
    ['is empty', [], 'it is empty'],
    ['lacks records', [bytes(1, 9), current], 'it has 1 of 9 epoch records'],
    ['has two current epochs', [bytes(1, 2), current, current], 'there are two current epochs'],
    ['has no current epoch', [bytes(1, 1), past(5)], 'it has no current epoch'],
    ['has epochs in disorder', [bytes(1, 3), past(5), past(4), current], 'epochs are not in order'],
  ])('whose CLOUDMANIFEST %s is reported as damaged', async (what, records, reason) => {
    const url = write(what, encodeLog(records), encodeLog(edits))
    const { code, json } = await run(url, '--json')
    expect(code).toBe(1)
    expect(json!.cloudManifest!.epochs.length).toBe(Math.max(0, records.length - 1))
    expect(json!.manifest).toBeNull()
    expect(json!.problems).toMatchObject([{ code: 'corrupt', message: expect.stringContaining(reason) }])
    expect((await run(url)).stdout).toMatch(
      new RegExp(`^corrupt: .*/CLOUDMANIFEST is corrupt at .*${reason}`, 'm'),
    )
  })

  test.each([
    ['CLOUDMANIFEST', 16 * 2 ** 20],
    [`MANIFEST-${epoch}`, 256 * 2 ** 20],
  ])(
    'whose %s exceeds the largest possible size is reported as damaged, and no more of it is read',
    async (name, most) => {
      const url = write(`large ${name}`, root, encodeLog(edits))
      truncateSync(join(fileURLToPath(url), name), 3 * most)
      const { code, json } = await run(url, '--json')
      expect(code).toBe(1)
      expect((json!.manifest ?? json!.cloudManifest)!.sizeBytes).toBe(3 * most)
      expect(json!.problems).toMatchObject([
        { code: 'corrupt', message: expect.stringContaining(`than ${most}`) },
      ])
    },
  )

  test('without its MANIFEST is reported to lack it', async () => {
    const url = write('without', root, undefined)
    const { code, json } = await run(url, '--json')
    expect([code, json!.problems[0]!.code]).toEqual([1, 'missing'])
    expect((await run(url)).stdout).toMatch(/^missing: .*MANIFEST-53b1925fbae26935 is missing/m)
  })

  describe('with many edits', () => {
    // Each replaces the table of the one before, so that the state stays small.
    const count = 40_000
    const log = encodeLog([
      Buffer.concat([edits[0]!, edits[1]!]),
      ...Array.from({ length: count }, (_, at) =>
        Buffer.concat([field.deletedTable(0, 17 + at), field.newTable(0, 18 + at, 720)]),
      ),
    ])

    // The JSON has 22 MB, and the edits as objects take more.
    const smallHeap = { NODE_OPTIONS: '--max-old-space-size=32' }

    test.each([[[]], [['--json']]])('is printed without being held as a whole (%j)', async (options) => {
      const url = write('many', root, log)
      const { code, stdout } = await runCli(['manifest', url, ...options], smallHeap)
      expect(code).toBe(0)
      if (options.length === 0) {
        expect(stdout).toContain('Together: 1 column family, 1 table of 720 B')
        expect(stdout.match(/^ +[+] 0/gm)!.length).toBe(count + 1)
        return
      }
      const json: ManifestJson = JSON.parse(stdout)
      expect(json.manifest!.edits.length).toBe(count + 1)
      expect(json.manifest!.edits.at(-1)!.newTables).toMatchObject([{ number: 17 + count }])
      expect(json.manifest!.state!.columnFamilies).toMatchObject([{ tables: 1, tableBytes: 720 }])
      expect(json.problems).toEqual([])
    })

    test('shows progress after a second', async () => {
      const cli = new Cli(['manifest', write('slow', root, log), '--json'])
      // Nobody reads its output until it has reported progress.
      cli.child.stdout!.pause()
      await expect.poll(() => cli.stderr).toContain(` of ${formatBytes(log.length)}, `)
      cli.child.stdout!.resume()
      expect((await cli.result).code).toBe(0)
    })
  })

  test('shows that it is being fetched after a second', async () => {
    const proxy = await FaultProxy.start('http://127.0.0.1:9')
    proxy.next('GET', { kind: 'hang' })
    const cli = new Cli(['manifest', 's3://bucket/database', '--endpoint', proxy.endpoint], {
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_REGION: 'us-east-1',
    })
    await expect.poll(() => cli.stderr).toMatch(/^fetching: 0 objects/m)
    cli.child.kill()
    await cli.result
    await proxy.stop()
  })

  test('of an epoch without a name shows it as everywhere else', async () => {
    const url = write('unnamed', encodeCloudManifest({ past: [], current: parseEpoch('')! }), undefined)
    expect((await run(url)).stdout).toContain('  (none)  current')
  })

  test('of another cookie is found by it, and named if none is given', async () => {
    const url = write('cookie', root, encodeLog(edits), '-blue')
    expect((await run(url, '--cookie', 'blue')).code).toBe(0)
    const { code, stderr } = await run(url)
    expect(code).toBe(2)
    expect(stderr).toContain('--cookie blue')
  })

  test('takes no cookie for a MANIFEST given by name', async () => {
    const { code, stdout, stderr } = await run(
      `${write('named', root, encodeLog(edits))}/MANIFEST-${epoch}`,
      '--cookie',
      '',
    )
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('--cookie is of no use with')
  })

  test('that is missing is wrong use', async () => {
    expect((await run(write('none', undefined, undefined))).code).toBe(2)
    expect((await run(`${write('none', undefined, undefined)}/MANIFEST-ab`)).code).toBe(1)
    expect((await run(`file://${join(directory, 'nowhere')}/MANIFEST-ab`)).code).toBe(3)
  })
})
