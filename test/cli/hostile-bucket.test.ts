import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { surveyDatabase } from '#src/catalog/survey.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import type { DatabaseInfo } from '#src/inspect/database-info.js'
import type { DatabaseList } from '#src/inspect/database-list.js'
import { usageOfDatabase } from '#src/inspect/disk-usage.js'
import { lsmTrees } from '#src/inspect/lsm-tree.js'
import { listTables } from '#src/inspect/table-list.js'
import { openStore } from '#src/store/open-store.js'
import { runCli } from '../support/cli.js'
import { runCommand } from '../support/command-runner.js'
import { haveTerminals, terminalSuite } from '../support/terminal.js'
import { cliAccess, type TestStore, testStores } from '../support/test-stores.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

const commands = ['ls', 'info', 'tables', 'gc', 'du'] as const
const epoch = parseEpoch('abc')!
/** Characters that a terminal would act upon: controls, directions, invisible ones. */
const raw = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u
const evil = 'evil\u001b[2J\u009b31m\u202egpj\u200b\u2028\r\u0007'

describe.each(testStores())('hostile names, in $name', ({ make }) => {
  test('are shown, and do nothing', async () => {
    const store = make()
    const key = prefixed(Buffer.concat([Buffer.from(evil), Buffer.alloc(8, 1)]))
    const edits = [
      bytes(field.comparator(evil), field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9)),
      bytes(
        field.columnFamily(1),
        field.addsColumnFamily(evil),
        field.comparator('leveldb.BytewiseComparator'),
      ),
      bytes(field.columnFamily(1), bytes(103, 1, 7, 4, key, key, 1, 1, 1)),
      bytes(bytes(103, 1, 8, 4, key, key, 1, 1, 1)),
    ]
    await store.put('db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: epoch }))
    await store.put('db/MANIFEST-abc', encodeLog(edits))
    await store.put('db/000008.sst-abc', Buffer.from('1234'))
    await store.put('db/IDENTITY', Buffer.from(evil))
    const names = [
      'CLOUDMANIFEST-\u202egpj',
      '000001.sst-abc\u202e',
      '\u202etxt.sst',
      'CLOUDMANIFEST-\u001b[31m',
      '\u0007',
      '../../../../tmp/cloudenv-escaped',
      '/leading',
      '\u202e/CLOUDMANIFEST',
      'a\u001b[2Jb/CLOUDMANIFEST',
    ]
    for (const name of names) await putIfAllowed(store, `db/${name}`)

    const { options, env } = cliAccess(store)
    for (const command of commands) {
      for (const format of [[], ['--json']]) {
        const { code, stdout, stderr } = await runCommand(
          [command, store.url('db'), ...format, ...options],
          env,
        )
        expect(stdout + stderr, command).not.toMatch(raw)
        expect(stdout, stderr).not.toBe('')
        expect(code, command).toBe(1)
      }
    }
    const { stdout } = await runCommand(['info', store.url('db'), '--json', ...options], env)
    const info: DatabaseInfo = JSON.parse(stdout)
    // JSON has it unchanged.
    expect(info.columnFamilies!.map(({ name }) => name)).toEqual(['default', evil])
    expect(info.problems).toMatchObject([
      { code: 'missing', object: store.url('db/000007.sst-abc') },
      { code: 'corrupt', object: store.url('db/IDENTITY') },
    ])
  })
})

/** S3 servers and file systems refuse some names. */
async function putIfAllowed(store: TestStore, key: string): Promise<void> {
  if (key.includes('..') && store.url().startsWith('file:')) return
  await store.put(key, Buffer.from('nonsense')).catch(() => undefined)
}

test('a survey of any bytes as CLOUDMANIFEST and MANIFEST reports what it can, and never fails', async () => {
  const [directory] = testStores()
  const store = directory!.make()
  const place = { store: await openStore(store.url('db')), path: '' }
  const noise = fc.uint8Array({ maxLength: 200 })
  // With correct checksums it gets further.
  const log = fc.array(noise, { maxLength: 4 }).map((payloads) => encodeLog(payloads))
  const edit = fc
    .array(
      fc.oneof(
        noise.map((part) => bytes(part)),
        fc.nat(300).map((tag) => bytes(tag)),
        fc.constant(
          bytes(field.comparator('x'), field.logNumber(1), field.nextFileNumber(9), field.lastSequence(9)),
        ),
        fc.tuple(fc.nat(9), fc.nat(2 ** 40)).map(([level, size]) => field.newTable(level, 7, size)),
      ),
      { maxLength: 6 },
    )
    .map((parts) => encodeLog([Buffer.concat(parts)]))
  const cloudManifest = fc.oneof(noise, log, fc.constant(encodeCloudManifest({ past: [], current: epoch })))
  await fc.assert(
    fc.asyncProperty(cloudManifest, fc.oneof(noise, log, edit), async (root, manifest) => {
      await store.put('db/CLOUDMANIFEST', root)
      await store.put('db/MANIFEST-abc', manifest)
      const survey = await surveyDatabase([place])
      const state = survey.states.get('')!
      expect(state.manifest !== undefined || state.problems.length > 0).toBe(true)
      if (state.manifest) lsmTrees(state.manifest)
      listTables(state, { key: Buffer.from('k') })
      usageOfDatabase(survey)
    }),
    { numRuns: 200 },
  )
})

test('100,000 objects fit into little memory', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cloudenv-100000-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const db = join(root, 'db')
  mkdirSync(db)
  const edit = bytes(field.logNumber(1), field.nextFileNumber(9), field.lastSequence(9))
  writeFileSync(join(db, 'CLOUDMANIFEST'), encodeCloudManifest({ past: [], current: epoch }))
  writeFileSync(join(db, 'MANIFEST-abc'), encodeLog([edit]))
  writeFileSync(join(db, 'IDENTITY'), 'c0ffee00-0000-4000-8000-000000000000')
  for (let at = 0; at < 50_000; at++) {
    linkSync(join(db, 'MANIFEST-abc'), join(db, `${100_000 + at}.sst-def`))
    linkSync(join(db, 'CLOUDMANIFEST'), join(db, `note ${at}`))
  }
  const env = { NODE_OPTIONS: '--max-old-space-size=100' }
  const url = `file://${root}`
  const list: DatabaseList = JSON.parse((await runCli(['ls', url, '--json'], env)).stdout)
  expect(list.databases).toMatchObject([{ path: 'db', storedObjects: 100_003, states: [{ tables: 0 }] }])
  for (const command of ['info', 'gc', 'du']) {
    const { code, stdout } = await runCli([command, `${url}/db`], env)
    expect(code, command).toBe(0)
    expect(stdout, command).toContain('50,000')
  }
})

describe('colour', () => {
  const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))
  const sequence = '\u001b['

  test.runIf(haveTerminals)(
    terminalSuite('is on a terminal, and neither with NO_COLOR nor elsewhere'),
    async () => {
      const [directory] = testStores()
      const store = directory!.make()
      await store.put('db/CLOUDMANIFEST', Buffer.from('nonsense'))
      await store.put('db/MANIFEST-abc', Buffer.from('nonsense'))
      for (const command of commands) {
        const line = `'${process.execPath}' '${main}' ${command} ${store.url('db')}`
        const onTerminal = (env: NodeJS.ProcessEnv) =>
          execFileSync('script', ['-qc', `${line} || true`, '/dev/null'], {
            // Node assumes that the terminal of a CI has no colours.
            env: { ...process.env, TERM: 'xterm', CI: undefined, ...env },
            encoding: 'utf8',
          })
        if (command !== 'tables') expect(onTerminal({ NO_COLOR: undefined }), command).toContain(sequence)
        expect(onTerminal({ NO_COLOR: '1' }), command).not.toContain(sequence)
        const { stdout, stderr } = await runCli([command, store.url('db')], { NO_COLOR: undefined })
        expect(stdout + stderr, command).not.toContain(sequence)
      }
    },
  )
})
