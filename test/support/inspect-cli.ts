import { readdirSync } from 'node:fs'
import { expect } from 'vitest'
import { Cli, type CliResult } from './cli.ts'
import type { FixtureView } from './fixtures.ts'
import { temporaryDirectory } from './open-bucket.ts'
import type { TestStore } from './test-stores.ts'

/** The options, and the environment, with which a command reaches the store. */
export function reach({ connection }: TestStore): { args: string[]; env: NodeJS.ProcessEnv } {
  const { endpoint, region, credentials } = connection
  return {
    args: [...(endpoint ? ['--endpoint', endpoint] : []), ...(region ? ['--region', region] : [])],
    env: {
      AWS_ACCESS_KEY_ID: credentials?.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey,
    },
  }
}

/** What leads to the view of a fixture: its URL, and options. */
export function viewArguments(store: TestStore, { open }: FixtureView): string[] {
  const { src, dest, cookie_on_open: cookie } = open
  const url = ({ bucket, path }: typeof src) => store.url(`${bucket}/${path}`)
  return [
    url(dest ?? src),
    ...(dest ? ['--source', url(src)] : []),
    ...(cookie === '' ? [] : ['--cookie', cookie]),
  ]
}

/**
 * Starts a command that must leave no file behind, wherever it may put one, and checks that when it has ended. What it
 * tells of its progress, where the machine is slow, is left out of its standard error.
 */
export function startTraceless(store: TestStore, args: readonly string[]): Cli {
  const home = temporaryDirectory()
  const temporary = temporaryDirectory()
  const { args: options, env } = reach(store)
  const [command, ...rest] = args
  const cli = new Cli([command!, ...options, ...rest], { ...env, HOME: home, TMPDIR: temporary })
  const checked = cli.result.then((result) => {
    expect([...readdirSync(home), ...readdirSync(temporary)]).toEqual([])
    return { ...result, stderr: result.stderr.replace(/^(?:scanning|counting): .*\n/gm, '') }
  })
  return Object.assign(cli, { result: checked })
}

export function runTraceless(store: TestStore, args: readonly string[]): Promise<CliResult> {
  return startTraceless(store, args).result
}
