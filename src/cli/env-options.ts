import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import type { CloudEnvOptions } from '../cloud/cloud-env-options.js'
import type { Env } from '../env/env.js'
import { createMemoryEnv } from '../env/memory-env.js'
import { createPosixEnv } from '../env/posix-env.js'
import { asUsage } from './as-usage.js'
import {
  type ConnectionOptions,
  connectionOf,
  connectionOptions,
  type StateOptions,
  stateOptions,
} from './store-options.js'
import { UsageError } from './usage-error.js'

/** The options of every command that hosts an Env. */
const envOptions: readonly Option[] = [
  new Option('--store <url>', 'where the tables live: s3://bucket/prefix or file:///directory'),
  new Option('--root <dir>', 'the local directory below which the databases lie'),
  new Option('--cache-bytes <size>', 'disk for local copies of tables, e.g. 500000000 or "10 GiB"'),
  ...stateOptions,
  ...connectionOptions,
  new Option('--env <kind>', 'the kind of Env: posix and memory are for trying the bridge')
    .choices(['cloud', 'posix', 'memory'])
    .default('cloud'),
]

/** As commander parses them. */
export type EnvOptions = ConnectionOptions &
  StateOptions & {
    readonly env: 'cloud' | 'posix' | 'memory'
    readonly store?: string
    readonly root?: string
    readonly cacheBytes?: string
  }

/** The command with them added to its own options. */
export function withEnvOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & EnvOptions> {
  for (const option of envOptions) command.addOption(option)
  return command as unknown as Command<Arguments, Own & EnvOptions>
}

export async function openEnv(options: EnvOptions): Promise<Env> {
  if (options.env === 'posix') return createPosixEnv()
  if (options.env === 'memory') return createMemoryEnv()
  const { store, root, cacheBytes, cookie, source } = options
  if (store === undefined) throw new UsageError('expected --store, such as s3://bucket/prefix')
  if (root === undefined) throw new UsageError('expected --root, the directory below which the databases lie')
  // Loaded here, for neither --help nor another Env needs it.
  const { createCloudEnv } = await import('../cloud/cloud-env.js')
  const { parseCloudEnvOptions } = await import('../cloud/cloud-env-options.js')
  const cloudOptions: CloudEnvOptions = {
    store,
    root,
    ...connectionOf(options, store, source),
    ...(cookie !== undefined && { cookie }),
    ...(source !== undefined && { source }),
    ...(cacheBytes !== undefined && { cache: { maxBytes: size(cacheBytes) } }),
  }
  asUsage(() => parseCloudEnvOptions(cloudOptions))
  return await createCloudEnv(cloudOptions)
}

/** A plain number is bytes. */
function size(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}
