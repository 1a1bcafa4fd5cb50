// User-written stores and Envs on the command line.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { cloudEnv, RocksDB } from '#src/index.js'
import { havePrograms, programSuite } from '../native/programs.ts'
import { runCli } from '../support/cli.ts'
import { runCommand } from '../support/command-runner.ts'
import { newRoot } from '../support/machine.ts'
import { memoryStore } from '../support/memory-store.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const boxed = fileURLToPath(new URL('../support/boxed-store.js', import.meta.url))
const directory = temporaryDirectory('cloudenv-boxes')
const options = ['--store-module', boxed, '--store-option', `directory=${directory}`]

describe('with a module that opens its store', () => {
  beforeAll(async () => {
    const root = newRoot()
    const env = cloudEnv({
      store: 'boxed://prod/eu west',
      storeModule: boxed,
      storeOptions: { directory },
      root,
    })
    const db = await RocksDB.open(join(root, 'db'), { env })
    await db.put('key', 'value')
    await db.close()
    await env.close()
  })

  const url = 'boxed://prod/eu%20west/db'

  test.each<[command: string[], printed: string]>([
    [['ls', 'boxed://prod/eu west'], 'db'],
    [['info', url], url],
    [['manifest', url], 'CLOUDMANIFEST'],
    [['tables', url], '1 table'],
    [['verify', '--deep', url], url],
    [['gc', url], url],
    [['du', url], '(metadata)'],
    [['get', url, 'key'], 'value'],
    [['scan', url], 'key'],
  ])('cloudenv %j', async ([command, ...rest], printed) => {
    const { code, stdout, stderr } = await runCommand([command!, ...options, ...rest])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(printed)
  })

  test('prints URLs that it accepts', async () => {
    const { stdout } = await runCommand(['tables', url, '--json', ...options])
    const [table] = JSON.parse(stdout).tables
    const { code } = await runCommand(['sst', table.object, ...options])
    expect(code).toBe(0)
  })

  test('resolves the module from the working directory', async () => {
    const relative = ['ls', 'boxed://prod', '--store-module', './boxed-store.js', ...options.slice(2)]
    const result = await runCli(relative, {}, fileURLToPath(new URL('../support', import.meta.url)))
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('eu%20west/db') })
  })
})

describe('is refused with exit code 2 and the reason:', () => {
  const memory = memoryStore.storeModule
  const empty = temporaryDirectory('cloudenv-modules')
  writeFileSync(join(empty, 'empty.mjs'), '')

  test.each<[reason: string, args: string[], message: RegExp]>([
    [
      'a scheme without a module',
      ['ls', 'boxed://prod'],
      /no module was named that opens it: --store-module/,
    ],
    [
      'the same for a source',
      ['ls', 'file:///x', '--source', 'boxed://x'],
      /takes no --source|--store-module/,
    ],
    [
      'a module for S3',
      ['ls', 's3://bucket', '--store-module', memory],
      /--store-module opens URLs of other schemes/,
    ],
    [
      'options without a module',
      ['ls', 'file:///x', '--store-option', 'a=b'],
      /--store-option is for the module/,
    ],
    ['an option without a value', ['ls', 'mine://x', '--store-option', 'a'], /such as region=north, got "a"/],
    [
      'S3 options for a module',
      ['ls', 'memory://x', '--store-module', memory, '--region', 'x'],
      /say how to reach S3, where memory:\/\/x is not/,
    ],
    [
      'a missing module',
      ['ls', 'mine://x', '--store-module', 'mine.js'],
      /--store-module cannot be loaded: .*\. For a file write \.\/mine\.js$/m,
    ],
    [
      'a module that opens nothing',
      ['get', 'mine://x', 'key', '--store-module', join(empty, 'empty.mjs')],
      /to export a function "openStore", got undefined$/m,
    ],
  ])('%s', async (_, args, message) => {
    const { code, stderr } = await runCommand(args)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })
})

describe.skipIf(!havePrograms)(programSuite('programs of RocksDB'), () => {
  test('run on the store of a module', async () => {
    const root = newRoot()
    const ldb = (words: string) => `ldb --db=${root}/db ${words} "$1"`
    const script = `${ldb('--create_if_missing put key value')} && ${ldb('get key')}`
    const env = [
      'exec',
      '--store',
      'memory://programs',
      '--root',
      root,
      '--store-module',
      memoryStore.storeModule,
    ]
    const { code, stdout } = await runCli([...env, '--', 'sh', '-c', script, 'sh'])
    expect(stdout).toContain('value')
    expect(code).toBe(0)
  })

  test('run on the Env of a module', async () => {
    const modules = temporaryDirectory('cloudenv-modules')
    mkdirSync(join(modules, 'envs'))
    writeFileSync(
      join(modules, 'envs/telling.mjs'),
      `import { createPosixEnv, DelegatingEnv } from ${JSON.stringify(import.meta.resolve('#src/index.js'))}
       class TellingEnv extends DelegatingEnv {
         async newWritableFile(path) {
           if (path.endsWith('CURRENT') || path.includes('MANIFEST')) console.log('writes', path)
           return super.newWritableFile(path)
         }
       }
       export const createEnv = () => new TellingEnv(createPosixEnv())`,
    )
    const put = ['ldb', `--db=${modules}/db`, '--create_if_missing', 'put', 'key', 'value']
    const result = await runCli(['exec', '--env', './envs/telling.mjs', '--', ...put], {}, modules)
    expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/writes .*\/db\/MANIFEST-/) })
  })

  test.each<[reason: string, code: string, message: RegExp]>([
    [
      'no Env',
      'export const createEnv = () => {}',
      /expected "createEnv" of .* to return an Env, got undefined/,
    ],
    ['no such export', 'export const makeEnv = 1', /to export a function "createEnv", got undefined/],
    [
      'without methods',
      'export const createEnv = () => ({ localNames: [], close() {} })',
      /to return an Env, got one without newSequentialFile, .*, localLocks: extend DelegatingEnv/,
    ],
  ])('are not run on an invalid Env: %s', async (_, code, message) => {
    const module = join(temporaryDirectory('cloudenv-modules'), 'env.mjs')
    writeFileSync(module, code)
    const result = await runCli(['exec', '--env', module, 'ldb'])
    expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(message) })
  })

  test('are not run on another Env with options of the cloud Env', async () => {
    const result = await runCli(['exec', '--env', 'posix', '--store', 'file:///x', 'ldb'])
    expect(result).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--store is for the cloud Env, not for --env posix/),
    })
  })
})
