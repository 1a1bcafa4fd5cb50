import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
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

test('a web server is not taken for S3, and the SDK adds no warning', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = {
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: undefined,
  }
  expect(await runCli(['ls', 's3://bucket/prod', '--endpoint', endpoint], env)).toEqual({
    code: 3,
    stdout: '',
    stderr: `cloudenv: list s3://bucket/prod/: ${endpoint} does not answer as S3 does (HTTP 200, text/html). Check the endpoint: --endpoint, or in code the option "endpoint"\n`,
  })
})

const onCloud = ['exec', '--store', 'file:///none', '--root', '/none']
test.each<[what: string, commandLine: readonly string[], message: RegExp]>([
  ['a URL of no store', ['info', 'ftp://x'], /"ftp:\/\/x".*neither s3 nor file/],
  ['the same to read keys from', ['get', 'ftp://x', 'k'], /"ftp:\/\/x".*neither s3 nor file/],
  ['a source of no store', ['info', 'file:///none', '--source', 'x'], /got "x"/],
  ['the same for a key', ['get', 'file:///none', 'k', '--source', 'x'], /got "x"/],
  ['a bucket that none can be', ['ls', 's3://bu+ck/p'], /its bucket is called as none can be/],
  ['a URL with a query', ['ls', 'file:///none?x=1'], /in a name "\?" is written %3F/],
  ['a URL with a stray %', ['ls', 'file:///p%q'], /the "%" of a name is written %25/],
  ['an endpoint that is none', ['ls', 's3://bucket', '--endpoint', 'x'], /expected --endpoint .*got "x"/],
  [
    'an endpoint for something not in S3',
    ['ls', 'file:///none', '--endpoint', 'http://x'],
    /--endpoint.* where file:\/\/\/none is not/,
  ],
  [
    'a region for it',
    ['get', 'file:///none', 'k', '--region', 'x'],
    /--region.* where file:\/\/\/none is not/,
  ],
  ['no path style of it', ['info', 'file:///none', '--no-path-style'], /--path-style.* where file:/],
  ['a missing profile', ['ls', 's3://bucket', '--profile', 'nope'], /no profile "nope", as --profile says/],
  ['a cookie that is none', ['info', 'file:///none', '--cookie', 'a/b'], /--cookie.*got "a\/b"/],
  ['the same for a key', ['get', 'file:///none', 'k', '--cookie', 'a/b'], /--cookie.*got "a\/b"/],
  ['a size that is none', [...onCloud, '--cache-bytes', 'lots', 'ldb'], /got "lots"/],
  ['a retention that is none', [...onCloud, '--retention-days', '-1', 'ldb'], /such as 30 or 0\.5, got "-1"/],
  ['a retention of centuries', [...onCloud, '--retention-days', '99999', 'ldb'], /from 0 to 36500/],
  ['a branch without a name', ['branch', 'rm', 'file:///none', ''], /expected <cookie> not to be empty/],
  ['a checkpoint without one', ['checkpoint', 'rm', 'file:///none', ''], /expected <name> not to be empty/],
  ['an empty id', ['registry', 'find', 'file:///none', ''], /expected <id> not to be empty/],
  ['an empty directory', ['export', 'file:///none', ''], /expected <directory> not to be empty/],
  ['the same to import', ['import', '', 'file:///none'], /expected <directory> not to be empty/],
  ['an empty URL', ['clone', 'file:///none', ''], /expected <new> not to be empty: is a variable/],
  ['an empty program', [...onCloud, ''], /expected <program> not to be empty/],
  ['a socket with a long path', ['serve', '--socket', `/${'x'.repeat(200)}`], /--socket.*at most 103 bytes/],
])('%s is wrong use, and is named', async (_, commandLine, message) => {
  const { code, stdout, stderr } = await runCommand(commandLine)
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) })
})

test.each([new RangeError('Array buffer allocation failed'), new TypeError('undefined is not a function')])(
  '%s is no wrong use: no other command line would help',
  (error) => {
    expect(exitCodeOf(error)).toBe(1)
  },
)
