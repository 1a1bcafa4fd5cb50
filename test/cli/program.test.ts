import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { exitCodeOf } from '#src/cli/exit-code.js'
import { program } from '#src/cli/program.js'
import { runCli } from '../support/cli.ts'
import { runCommand } from '../support/command-runner.ts'

const names = program
  .createHelp()
  .visibleCommands(program)
  .map((command) => command.name())
  .filter((name) => name !== 'help')

describe.each(names)('cloudenv %s', (name) => {
  test('has an example in its help', async () => {
    const { code, stdout, stderr } = await runCli([name, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Example[^]*^  .*cloudenv ${name}\\b`, 'm'))
  })

  test('refuses an unknown option with exit code 2', async () => {
    const { code, stderr } = await runCli([name, '--nonsense'])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('--nonsense') })
  })
})

test('an unknown command is refused with exit code 2', async () => {
  expect((await runCli(['lsd'])).code).toBe(2)
})

test('the version is that of the package', async () => {
  expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test.runIf(existsSync('/dev/full'))('output that cannot be written is one line on standard error', () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))
  const { status, stderr } = spawnSync(process.execPath, [main, 'completion', 'bash'], {
    stdio: ['ignore', full, 'pipe'],
  })
  expect({ status, stderr: stderr.toString() }).toEqual({
    status: 3,
    stderr: expect.stringMatching(/^cloudenv: cannot write to standard output: ENOSPC.*\n$/),
  })
})

const onCloud = ['exec', '--store', 'file:///none', '--root', '/none']
test.each<[what: string, commandLine: readonly string[], message: RegExp]>([
  ['a URL of no store', ['info', 'ftp://x'], /"ftp:\/\/x".*neither s3 nor file/],
  ['the same to read keys from', ['get', 'ftp://x', 'k'], /"ftp:\/\/x".*neither s3 nor file/],
  ['a source of no store', ['info', 'file:///none', '--source', 'x'], /got "x"/],
  ['the same for a key', ['get', 'file:///none', 'k', '--source', 'x'], /got "x"/],
  ['an endpoint that is none', ['ls', 's3://bucket', '--endpoint', 'x'], /"endpoint".*got "x"/],
  ['a cookie that is none', ['info', 'file:///none', '--cookie', 'a/b'], /--cookie.*got "a\/b"/],
  ['the same for a key', ['get', 'file:///none', 'k', '--cookie', 'a/b'], /--cookie.*got "a\/b"/],
  ['a size that is none', [...onCloud, '--cache-bytes', 'lots', 'ldb'], /got "lots"/],
  ['a socket with a long path', ['serve', '--socket', `/${'x'.repeat(200)}`], /--socket.*at most 103 bytes/],
])('%s is wrong use, and named', async (_, commandLine, message) => {
  const { code, stdout, stderr } = await runCommand(commandLine)
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) })
})

test.each([new RangeError('Array buffer allocation failed'), new TypeError('undefined is not a function')])(
  '%s is no wrong use: no other command line would help',
  (error) => {
    expect(exitCodeOf(error)).toBe(1)
  },
)
