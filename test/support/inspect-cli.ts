import { readdirSync } from 'node:fs'
import { expect } from 'vitest'
import { Cli, type CliResult } from './cli.ts'
import { runCommand } from './command-runner.ts'
import type { FixtureView } from './fixtures.ts'
import { temporaryDirectory } from './open-bucket.ts'
import { cliAccess, type TestStore } from './test-stores.ts'

/** URL and options of the view of a fixture. */
export function viewArguments(store: TestStore, { open }: FixtureView): string[] {
  const { src, dest, cookie_on_open: cookie } = open
  const url = ({ bucket, path }: typeof src) => store.url(`${bucket}/${path}`)
  return [
    url(dest ?? src),
    ...(dest ? ['--source', url(src)] : []),
    ...(cookie === '' ? [] : ['--cookie', cookie]),
  ]
}

/** A command line with its own directories, in which it must not leave files behind. */
function farFromHome(store: TestStore, [command, ...rest]: readonly string[]) {
  const directories = { HOME: temporaryDirectory(), TMPDIR: temporaryDirectory() }
  const { options, env } = cliAccess(store)
  return {
    commandLine: [command!, ...options, ...rest],
    env: { ...env, ...directories },
    /** Standard error without progress, which appears on a slow machine. */
    checked: (result: CliResult): CliResult => {
      expect(Object.values(directories).flatMap((path) => readdirSync(path))).toEqual([])
      return {
        ...result,
        stderr: result.stderr.replace(/^(?:opening|reading|scanning|counting): .*\n/gm, ''),
      }
    },
  }
}

/** Starts a command that must leave no file behind, and checks that when it has ended. */
export function startTraceless(store: TestStore, args: readonly string[]): Cli {
  const { commandLine, env, checked } = farFromHome(store, args)
  const cli = new Cli(commandLine, env)
  return Object.assign(cli, { result: cli.result.then(checked) })
}

/** Runs a command that must leave no file behind, and that reads nothing over which RocksDB may crash. */
export function runTraceless(store: TestStore, args: readonly string[]): Promise<CliResult> {
  return runGuarded(store, args, { CLOUDENV_GUARDED: '1' })
}

/** Runs a command that must leave no file behind, though RocksDB may crash over what it reads. */
export async function runGuarded(
  store: TestStore,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<CliResult> {
  const { commandLine, env, checked } = farFromHome(store, args)
  return checked(await runCommand(commandLine, { ...env, ...more }))
}
