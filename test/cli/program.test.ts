import { describe, expect, test } from 'vitest'
import { program } from '#src/cli/program.js'
import { runCli } from '../support/cli.ts'

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
