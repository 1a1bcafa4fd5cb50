import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import type { CloudEnvOptions } from '../cloud/cloud-env-options.js'
import { assertEnv } from '../env/assert-env.js'
import type { Env } from '../env/env.js'
import { createMemoryEnv } from '../env/memory-env.js'
import { createPosixEnv } from '../env/posix-env.js'
import { asUsage } from './as-usage.js'
import {
  type ConnectionOptions,
  connectionOptions,
  type StateOptions,
  stateOptions,
  storesOf,
} from './store-options.js'
import { UsageError } from './usage-error.js'
import { loadedFunction, resolvedModule } from './user-module.js'

const kinds = ['cloud', 'posix', 'memory']

/** Options of every command that hosts an Env. */
const envOptions: readonly Option[] = [
  new Option(
    '--store <url>',
    'where the tables live: s3://bucket/prefix, file:///directory, or a URL for --store-module',
  ),
  new Option('--root <dir>', 'the local directory below which the databases lie'),
  new Option('--cache-bytes <size>', 'disk for local copies of tables, e.g. 500000000 or "10 GiB"'),
  new Option(
    '--retention-days <days>',
    'how long what the database no longer needs stays at least, so that its states since then can be opened',
  ).argParser(parseDays),
  new Option(
    '--migrate [rate]',
    'take databases that lie in directories below --root, and bring them into the store while they are open; rate: bytes a second, e.g. "20 MB"',
  ),
  ...stateOptions,
  ...connectionOptions,
  new Option(
    '--env <kind>',
    'the kind of Env, or a module of your own that exports createEnv, e.g. ./myenv.js; posix and memory are for trying the bridge',
  )
    .choices(kinds)
    // A module is no choice, but these are what a shell completes.
    .argParser((kind) => kind)
    .default('cloud'),
]

/** Options as commander parses them. */
export type EnvOptions = ConnectionOptions &
  StateOptions & {
    /** One of {@link kinds}, or a module. */
    readonly env: string
    readonly store?: string
    readonly root?: string
    readonly cacheBytes?: string
    readonly retentionDays?: number
    readonly migrate?: string | true
  }

/** Adds these options to the command's own. */
export function withEnvOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & EnvOptions> {
  for (const option of envOptions) command.addOption(option)
  return command as unknown as Command<Arguments, Own & EnvOptions>
}

export async function openEnv(options: EnvOptions): Promise<Env> {
  if (options.env !== 'cloud') assertNoneOfCloud(options)
  if (options.env === 'posix') return createPosixEnv()
  if (options.env === 'memory') return createMemoryEnv()
  if (options.env !== 'cloud') return await openEnvOfModule(options.env)
  const { store, root, cacheBytes, retentionDays, migrate, cookie, source } = options
  if (store === undefined) throw new UsageError('expected --store, such as s3://bucket/prefix')
  if (root === undefined) throw new UsageError('expected --root, the directory below which the databases lie')
  // Loaded here, because neither --help nor another Env needs it.
  const { createCloudEnv } = await import('../cloud/cloud-env.js')
  const { parseCloudEnvOptions } = await import('../cloud/cloud-env-options.js')
  const { store: connection, sourceStore } = await storesOf(store, options)
  const cloudOptions: CloudEnvOptions = {
    store,
    root,
    ...connection,
    ...(cookie !== undefined && { cookie }),
    ...(source !== undefined && { source: sourceStore ? { url: source, ...sourceStore } : source }),
    ...(retentionDays !== undefined && { retentionDays }),
    ...(migrate !== undefined && { migrate: migrate === true ? {} : { bytesPerSecond: migrate } }),
    ...(cacheBytes !== undefined && { cache: { maxBytes: size(cacheBytes) } }),
  }
  asUsage(() => parseCloudEnvOptions(cloudOptions))
  return await createCloudEnv(cloudOptions)
}

/** Refuses options of the cloud Env for another one, which would ignore them. `serve` prints `--root` for any Env. */
function assertNoneOfCloud(options: EnvOptions): void {
  const given: Readonly<Record<string, unknown>> = options
  const ignored = envOptions.find(
    (option) => !['--env', '--root'].includes(option.long!) && given[option.attributeName()] !== undefined,
  )
  if (ignored) throw new UsageError(`${ignored.long} is for the cloud Env, not for --env ${options.env}`)
}

async function openEnvOfModule(given: string): Promise<Env> {
  const module = resolvedModule(given)
  const create = await loadedFunction(
    module,
    'createEnv',
    `--env ${given} is none of ${kinds.join(', ')}, and`,
  )
  const env = await create({})
  asUsage(() => assertEnv(env, `"createEnv" of ${module}`))
  return env as Env
}

function parseDays(text: string): number {
  if (/^\d{1,5}(\.\d+)?$/.test(text)) return Number(text)
  throw new UsageError(
    `expected --retention-days to be a number such as 30 or 0.5, got ${JSON.stringify(text)}`,
  )
}

/** A plain number counts bytes. */
function size(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}
