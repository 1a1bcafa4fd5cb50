import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import type { Env } from '../env/env.js'
import { createMemoryEnv } from '../env/memory-env.js'
import { createPosixEnv } from '../env/posix-env.js'
import { UsageError } from './usage-error.js'

/** The options of every command that hosts an Env. */
const envOptions: readonly Option[] = [
  new Option('--store <url>', 'where the tables live: s3://bucket/prefix or file:///directory'),
  new Option('--root <dir>', 'the local directory below which the databases lie'),
  new Option('--cache-bytes <size>', 'disk for local copies of tables, e.g. 500000000 or "10 GiB"'),
  new Option('--region <name>', 'of the bucket'),
  new Option('--endpoint <url>', 'of a server other than AWS, e.g. http://127.0.0.1:9000'),
  new Option('--path-style', 'address the bucket as endpoint/bucket (the default with --endpoint)'),
  new Option('--no-path-style', 'address the bucket as bucket.endpoint'),
  new Option('--profile <name>', 'of the shared AWS configuration files'),
  new Option('--cookie <name>', 'open CLOUDMANIFEST-<name> instead of CLOUDMANIFEST'),
  new Option('--source <url>', 'the database that this one was cloned from'),
  new Option('--env <kind>', 'the kind of Env: posix and memory are for trying the bridge')
    .choices(['cloud', 'posix', 'memory'])
    .default('cloud'),
]

/** As commander parses them. A type, not an interface: only types are records of whatever to TypeScript. */
export type EnvOptions = {
  readonly env: 'cloud' | 'posix' | 'memory'
  readonly store?: string
  readonly root?: string
  readonly cacheBytes?: string
  readonly region?: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
  readonly profile?: string
  readonly cookie?: string
  readonly source?: string
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
  const { store, root, cacheBytes, pathStyle, region, endpoint, profile, cookie, source } = options
  if (store === undefined) throw new UsageError('expected --store, such as s3://bucket/prefix')
  if (root === undefined) throw new UsageError('expected --root, the directory below which the databases lie')
  // Loaded here, for it brings the SDK along.
  const { createCloudEnv } = await import('../cloud/cloud-env.js')
  return await createCloudEnv({
    store,
    root,
    ...given({ region, endpoint, profile, cookie, source, forcePathStyle: pathStyle }),
    ...(cacheBytes !== undefined && { cache: { maxBytes: size(cacheBytes) } }),
  })
}

/** Without what is undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** A plain number is bytes. */
function size(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}
