import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { DatabaseCopy } from '#src/operations/copy-database.js'
import type { DatabaseFork } from '#src/operations/fork-database.js'
import { havePrograms } from '../../native/programs.js'
import { runCli } from '../../support/cli.js'
import { runCommand } from '../../support/command-runner.js'
import { leaveUnchecked } from '../../support/left-stores.js'
import { Machine, newRoot } from '../../support/machine.js'
import { writeSound } from '../../support/sound-database.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { cliAccess, type TestStore, testStores } from '../../support/test-stores.js'

const kinds = testStores()
const minio = kinds.find(({ name }) => name === 'minio')

// One profile has the credentials of MinIO, the default one others.
const config = join(temporaryDirectory('cloudenv-profiles'), 'config')
const env = {
  AWS_CONFIG_FILE: config,
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
}

const cloudenv = (...args: readonly string[]) => runCommand(args, env)

async function output(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cloudenv(...args)
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' })
  return stdout
}

/** Options for a store as the only one of a command (`--`), as the source (`--source-`) or as the new one (`--to-`). */
function reaching(store: TestStore, prefix: '--' | '--source-' | '--to-'): string[] {
  const { endpoint, region } = store.connection
  if (endpoint === undefined || region === undefined) return []
  return [`${prefix}endpoint`, endpoint, `${prefix}region`, region]
}

const profileOf = (prefix: string) => [`${prefix}profile`, 'of-minio']

describe.skipIf(!minio).each(kinds.filter((kind) => kind !== minio))(
  'a database on MinIO and its clone in $name',
  ({ make }) => {
    let there: TestStore
    let here: TestStore
    let toClone: string[]
    let ofSource: string[]

    beforeAll(async () => {
      there = minio!.make()
      here = make()
      await writeSound(there)
      leaveUnchecked(here.url(), 'its source lies on another server')
      const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = cliAccess(there).env
      const profile = (name: string, id: string, secret: string) =>
        `[${name}]\naws_access_key_id=${id}\naws_secret_access_key=${secret}\n`
      writeFileSync(
        config,
        profile('default', 'somebody', 'something') +
          profile('profile of-minio', AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY),
      )
      toClone = reaching(here, '--')
      ofSource = ['--source', there.url('db'), ...reaching(there, '--source-'), ...profileOf('--source-')]
      await clone('clone')
    })

    async function clone(path: string): Promise<DatabaseFork> {
      const toDatabase = [...reaching(there, '--'), ...profileOf('--')]
      const places = [there.url('db'), here.url(path)]
      return JSON.parse(await output('clone', ...places, ...toDatabase, ...reaching(here, '--to-'), '--json'))
    }

    const pins = async () => [...(await there.list()).keys()].filter((key) => key.includes('CLOUDPIN-'))

    test.each([
      'info',
      'verify --deep',
      'tables',
      'manifest',
      'history',
      'gc',
      'gc --delete',
      'scan --column-family orders',
    ])('%s looks at the clone, if it is told how to reach the source', async (command) => {
      await output(...command.split(' '), here.url('clone'), ...toClone, ...ofSource)
    })

    test.each(['info', 'history', 'gc --delete', 'scan'])(
      '%s names the options that it lacks',
      async (command) => {
        const { code, stderr } = await cloudenv(...command.split(' '), here.url('clone'), ...toClone)
        expect({ code, stderr }).toEqual({
          code: 3,
          stderr: expect.stringContaining('or --source and --source-endpoint of "cloudenv"'),
        })
      },
    )

    test('a clone of the clone, a copy and an export have its content', async () => {
      const scan = (url: string, ...options: readonly string[]) =>
        output('scan', url, '--column-family', 'orders', '--json', ...toClone, ...options)
      const further = [here.url('clone'), here.url('clone2'), ...toClone, ...ofSource]
      await output('clone', ...further)
      await output('savepoint', here.url('clone2'), ...toClone, ...ofSource)
      await output('copy', here.url('clone'), here.url('copied'), '--verify', ...toClone, ...ofSource)
      const content = await scan(here.url('copied'))
      expect(content.split('\n').length).toBeGreaterThan(500)
      expect(await scan(here.url('clone2'))).toBe(content)
      const directory = join(temporaryDirectory('cloudenv-export'), 'plain')
      await output('export', here.url('clone'), directory, ...toClone, ...ofSource)
    })

    test('a clone stands alone after its savepoint: nobody looks for its source', async () => {
      await clone('alone')
      await output('savepoint', here.url('alone'), ...toClone, ...ofSource)
      for (const command of ['info', 'verify --deep', 'history', 'gc', 'gc --delete'])
        await output(...command.split(' '), here.url('alone'), ...toClone)
      const machine = new Machine(here)
      for (const options of [{ readOnly: true }, {}])
        await machine.open((db) => expect(db.columnFamilyNames).toContain('orders'), {
          path: join(machine.root, 'alone'),
          ...options,
        })
    })

    test('branches and checkpoints pin what they need at the source, until they are removed', async () => {
      await clone('branched')
      for (const noun of ['branch', 'checkpoint']) {
        const before = await pins()
        await output(noun, 'create', here.url('branched'), 'x', ...toClone, ...ofSource)
        expect((await pins()).length).toBe(before.length + 1)
        await output(noun, 'rm', here.url('branched'), 'x', ...toClone, ...ofSource)
        expect(await pins()).toEqual(before)
      }
    })

    test.skipIf(!havePrograms)('programs of RocksDB run on the clone', async () => {
      const root = newRoot()
      const onClone = ['exec', '--store', here.url(), '--root', root, ...toClone, ...ofSource]
      const ldb = ['ldb', `--db=${root}/clone`, '--column_family=orders', 'scan', '--max_keys=1']
      const { code, stdout, stderr } = await runCli([...onClone, '--', ...ldb], env)
      expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining('o1000') })
    })

    test('a copy goes back to the server of the source, and is verified there', async () => {
      const toCopy = [...reaching(there, '--to-'), ...profileOf('--to-')]
      const places = [here.url('clone'), there.url('back')]
      const copy = await output('copy', ...places, '--verify', '--json', ...toClone, ...ofSource, ...toCopy)
      expect((JSON.parse(copy) as DatabaseCopy).url).toBe(there.url('back'))
    })

    test('a copy within one command line is verified in its own store', async () => {
      const directory = kinds[0]!.make()
      const toDatabase = [...reaching(there, '--'), ...profileOf('--')]
      await output('copy', there.url('db'), directory.url('copied'), '--verify', ...toDatabase)
    })
  },
)

const unreached = ['--source-region', '--source-endpoint', '--source-profile'] as const
test.each<[what: string, commandLine: readonly string[], message: RegExp]>([
  [
    'a way to no source',
    ['info', 'file:///none', '--source-endpoint', 'http://x'],
    /--source-endpoint, --source-region and --source-profile go with --source: add it$/m,
  ],
  [
    'the same to remove a branch',
    ['branch', 'rm', 'file:///none', 'x', '--source-region', 'x'],
    /go with --source: add it$/m,
  ],
  [
    'a server for a source that is not in S3',
    ['verify', 's3://bucket/db', '--source', 'file:///none', '--source-endpoint', 'http://x'],
    /^cloudenv: --source-region, --source-endpoint and --source-profile say how to reach S3, where file:\/\/\/none is not/,
  ],
  [
    'an endpoint of the source that is none',
    ['get', 's3://bucket/db', 'k', '--source', 's3://bucket/db', '--source-endpoint', 'x'],
    /expected --source-endpoint .*got "x"/,
  ],
  [
    'an endpoint of the clone that is none',
    ['clone', 's3://bucket/db', 's3://bucket/new', '--to-endpoint', 'x'],
    /expected --to-endpoint .*got "x"/,
  ],
  [
    'a missing profile of the copy',
    ['copy', 's3://bucket/db', 's3://bucket/new', '--to-profile', 'nope'],
    /no profile "nope", as --to-profile says/,
  ],
  [
    'a source for an Env of another kind',
    ['exec', '--env', 'posix', '--source-profile', 'x', 'ldb'],
    /--source-profile is for the cloud Env/,
  ],
  ...['ls', 'du'].flatMap((command) =>
    unreached.map((option): [string, string[], RegExp] => [
      `${option} of ${command}`,
      [command, 'file:///none', option, 'x'],
      new RegExp(`${command} takes no ${option}: it `),
    ]),
  ),
])('%s is wrong use, and is named', async (_, commandLine, message) => {
  const { code, stderr } = await cloudenv(...commandLine)
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) })
})
