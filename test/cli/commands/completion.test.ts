import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { candidates } from '#src/cli/candidates.js'
import { program } from '#src/cli/program.js'
import { runCli } from '../../support/cli.ts'
import { runCommand } from '../../support/command-runner.ts'

const directory = mkdtempSync(join(tmpdir(), 'completion-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))
writeFileSync(join(directory, 'cloudenv'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, {
  mode: 0o755,
})

/** Candidates that a shell offers for a command line whose last word is being typed. */
type Ask = (words: readonly string[]) => Promise<readonly string[]>

const shells: Readonly<Record<string, Ask>> = {
  bash: (words) =>
    run('bash', [
      '-c',
      `eval "$(cloudenv completion bash)"
      COMP_WORDS=(cloudenv "$@"); COMP_CWORD=$#; _cloudenv; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      ...words,
    ]),
  // Without a terminal zsh completes nothing, so this replaces the function that would show the candidates.
  zsh: (words) =>
    run('zsh', [
      '-fc',
      `autoload -U compinit && compinit -D && eval "$(cloudenv completion zsh)"
      [[ $_comps[cloudenv] = _cloudenv ]] || exit 1
      _describe() { print -rl -- "\${(@P)2}" }; _files() { }
      words=(cloudenv "$@"); CURRENT=$#words; _cloudenv`,
      'zsh',
      ...words,
    ]).then((lines) => lines.map((line) => line.replace(/(?<!\\):.*/, ''))),
  fish: (words) =>
    run('fish', [
      '--no-config',
      '-c',
      `cloudenv completion fish | source; complete -C '${['cloudenv', ...words].join(' ')}'`,
    ]).then((lines) => lines.map((line) => line.replace(/\t.*/, ''))),
}

async function run(shell: string, shellArguments: readonly string[]): Promise<string[]> {
  const env = { ...process.env, HOME: directory, PATH: `${directory}${delimiter}${process.env.PATH}` }
  const { stdout } = await promisify(execFile)(shell, shellArguments, { env })
  return stdout.split('\n').filter((line) => line !== '')
}

for (const [shell, ask] of Object.entries(shells)) {
  const isThere = spawnSync(shell, ['--version']).status === 0
  const suite = isThere ? `in ${shell}` : `in ${shell} (skipped: it is not installed)`
  describe.skipIf(!isThere)(suite, () => {
    test.each([
      ['commands', ['se'], ['serve']],
      ['the options of a command', ['exec', '--c'], ['--cache-bytes', '--cookie']],
      ['what an option may be', ['serve', '--env', 'p'], ['posix']],
      ['what an argument may be', ['completion', 'z'], ['zsh']],
    ])('%s are completed', async (_, words, expected) => {
      expect((await ask(words)).toSorted()).toEqual(expected.toSorted())
    })
  })
}

test.each([
  ['bash', ['scan', '--as', ''], ['utf8', 'hex', 'json']],
  // bash splits a word with = in it into three.
  ['bash', ['scan', '--as', '='], ['utf8', 'hex', 'json']],
  ['bash', ['tables', '--sort', '=', 'a'], ['age']],
  ['fish', ['tables', '--sort=a'], ['--sort=age']],
])('%s gets for %j the words that may follow', (_, words, expected) => {
  expect(candidates(program, words).map(({ word }) => word)).toEqual(expected)
})

test("another program's words are left to the shell", async () => {
  const { stdout } = await runCli([
    'complete',
    'bash',
    '--',
    'exec',
    '--store',
    's3://b/p',
    '--',
    'ldb',
    '--',
  ])
  expect(stdout).toBe('')
})

test('an unknown shell is refused, and the known ones are named', async () => {
  const { code, stderr } = await runCli(['completion', 'tcsh'])
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('bash, zsh, fish') })
})

test('help names the shells, and says that cloudenv has to be on the PATH', async () => {
  const { stdout } = await runCommand(['completion', '--help'])
  expect(stdout).toMatch(/"bash",\s+"zsh",\s+"fish"/)
  expect(stdout).toMatch(/PATH/)
})

test('the commands of a command are completed, and their options', () => {
  const words = (...typed: readonly string[]) => candidates(program, typed).map(({ word }) => word)
  expect(words('registry', '')).toEqual(expect.arrayContaining(['ls', 'find', 'rm']))
  expect(words('registry', 'f')).toEqual(['find'])
  expect(words('registry', 'ls', '--j')).toEqual(['--json'])
})
