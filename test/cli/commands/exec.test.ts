import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { havePrograms, programSuite, run } from '../../native/programs.ts'
import { Cli, runCli } from '../../support/cli.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

describe.skipIf(!havePrograms)(programSuite('cloudenv exec'), () => {
  const onNode = (script: string) => ['exec', '--env', 'posix', '--', process.execPath, '-e', script, '--']

  test('adds the file system’s URI to the program’s arguments and preloads the plugin', async () => {
    const script = 'console.log(JSON.stringify([process.argv.at(-1), process.env.LD_PRELOAD]))'
    const { code, stdout } = await runCli([...onNode(script), 'own'])
    const [uri, preload] = JSON.parse(stdout)
    expect(uri).toMatch(/^--fs_uri=cloudenv:\/\/\/.*\.sock$/)
    expect(preload).toMatch(/libcloudenv\.so$/)
    expect(code).toBe(0)
  })

  test('keeps what is preloaded already', async () => {
    const { stdout } = await runCli(onNode('console.log(process.env.LD_PRELOAD)'), {
      LD_PRELOAD: '/lib/x.so',
    })
    expect(stdout).toMatch(/libcloudenv\.so:\/lib\/x\.so$/m)
  })

  test('ends with the exit code of the program', async () => {
    expect((await runCli(onNode('process.exit(7)'))).code).toBe(7)
  })

  test('ends with 128 + n when signal n ended the program', async () => {
    expect((await runCli(onNode('process.kill(process.pid, "SIGKILL")'))).code).toBe(137)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'dies of %s if the program does, so that a shell notices',
    async (signal) => {
      const cli = new Cli(onNode(`process.kill(process.pid, '${signal}')`))
      await cli.result
      expect(cli.child.signalCode).toBe(signal)
    },
  )

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'forwards %s and waits for the program',
    async (signal) => {
      const script = `
      process.on('${signal}', () => { console.log('got it'); process.exit(9) })
      setInterval(() => {}, 1000)
      console.log('ready')`
      const cli = new Cli(onNode(script))
      await cli.printed(/ready/)
      cli.child.kill(signal)
      expect(await cli.result).toMatchObject({ code: 9, stdout: expect.stringContaining('got it') })
    },
  )

  test('leaves no socket behind', async () => {
    const directory = temporaryDirectory()
    const { code } = await runCli(onNode(''), { TMPDIR: directory })
    expect(code).toBe(0)
    expect(await readdir(directory)).toEqual([])
  })

  test('runs db_bench, then ldb on what it wrote, which plain RocksDB reads too', async () => {
    const db = join(temporaryDirectory(), 'db')
    const bench = ['db_bench', '--benchmarks=fillseq,compact', '--num=1000', `--db=${db}`]
    expect((await runCli(['exec', '--env', 'posix', ...bench])).code).toBe(0)
    const count = ['ldb', `--db=${db}`, 'dump', '--count_only']
    const counted = await runCli(['exec', '--env', 'posix', ...count])
    expect(counted.stdout).toContain('Keys in range: 1000')
    const plain = await run(count[0]!, count.slice(1))
    expect(plain.output).toContain('Keys in range: 1000')
  })
})

describe('cloudenv exec is refused with exit code 2 and the reason', () => {
  test.each<[reason: string, cliArguments: string[], message: RegExp]>([
    ['no program', ['exec', '--env', 'posix'], /missing required argument 'program'/],
    ['an unknown option', ['exec', '--bucket', 'x', 'ldb'], /unknown option '--bucket'/],
  ])('%s', async (_, cliArguments, message) => {
    const { code, stderr } = await runCli(cliArguments)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })

  test.skipIf(!havePrograms).each<[reason: string, cliArguments: string[], message: RegExp]>([
    ['no store', ['exec', 'ldb'], /^cloudenv: expected --store/],
    ['no root', ['exec', '--store', 'file:///none', 'ldb'], /^cloudenv: expected --root/],
    [
      'an unknown kind of Env',
      ['exec', '--env', 'tape', 'ldb'],
      /--env tape is none of cloud, posix, memory, and cannot be loaded: .*For a file write \.\/tape$/m,
    ],
    ['a missing program', ['exec', '--env', 'memory', 'no-such-program'], /cannot run no-such-program/],
  ])('%s', async (_, cliArguments, message) => {
    const { code, stderr } = await runCli(cliArguments)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })
})
