import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import type { DatabasePlace, Places } from '../cloud/database-place.js'
import { isCookie } from '../format/file-name.js'
import { openPlaces } from '../inspect/open-places.js'
import type { S3Connection } from '../store/s3-client.js'
import { checkEndpoint, printedUrl } from '../store/store-url.js'
import { asUsage } from './as-usage.js'
import { checkProfile } from './aws-profile.js'
import { hasCloudManifest } from './has-cloud-manifest.js'
import { noDatabase } from './no-database.js'
import { UsageError } from './usage-error.js'

/** How to reach a store: the same in every command that has to. */
export const connectionOptions: readonly Option[] = [
  new Option('--region <name>', 'of the bucket'),
  new Option('--endpoint <url>', 'of a server other than AWS, e.g. http://127.0.0.1:9000'),
  new Option('--path-style', 'address the bucket as endpoint/bucket (the default with --endpoint)'),
  new Option('--no-path-style', 'address the bucket as bucket.endpoint'),
  new Option('--profile <name>', 'of the shared AWS configuration files'),
]

/** Which state of a database is meant. */
export const stateOptions: readonly Option[] = [
  new Option('--cookie <name>', 'the state of CLOUDMANIFEST-<name> instead of CLOUDMANIFEST').argParser(
    parseCookie,
  ),
  new Option('--source <url>', 'the database that this one was cloned from'),
]

function parseCookie(text: string): string {
  if (text === '' || isCookie(text)) return text
  throw new UsageError(
    `expected --cookie to be a name without slashes and control characters, got ${JSON.stringify(text)}`,
  )
}

/** As commander parses them. A type, not an interface: only types are records of whatever to TypeScript. */
export type ConnectionOptions = {
  readonly region?: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
  readonly profile?: string
}

export type StateOptions = {
  readonly cookie?: string
  readonly source?: string
}

/** What every command takes that looks into a bucket. */
export type InspectOptions = ConnectionOptions & StateOptions & { readonly json?: true }

/** The command with them added to its own options. */
export function withInspectOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & InspectOptions> {
  command.option('--json', 'print JSON, as docs/cli.md describes it')
  for (const option of [...stateOptions, ...connectionOptions]) command.addOption(option)
  return command as unknown as Command<Arguments, Own & InspectOptions>
}

/**
 * @param url of the store that is to be reached.
 * @param source of the one beside it, if any.
 * @throws UsageError
 */
export function connectionOf(
  { region, endpoint, profile, pathStyle }: ConnectionOptions,
  url: string,
  source = url,
): S3Connection {
  if (endpoint !== undefined) asUsage(() => checkEndpoint(endpoint, '--endpoint'))
  if (profile !== undefined) checkProfile(profile)
  const connection = {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(profile !== undefined && { profile }),
    ...(pathStyle !== undefined && { forcePathStyle: pathStyle }),
  }
  const isS3 = url.startsWith('s3:') || source.startsWith('s3:')
  if (!isS3 && Object.keys(connection).length > 0) {
    throw new UsageError(
      `--region, --endpoint, --path-style and --profile say how to reach S3, where ${url} is not: leave them out`,
    )
  }
  return connection
}

/**
 * The URL that somebody gave, as we print it: to be given back as it is.
 * @throws UsageError it names no store.
 */
export function parseUrl(url: string): string {
  return asUsage(() => printedUrl(url))
}

/**
 * Does something at the place that a URL names, and lets go of the store afterwards.
 * @throws UsageError the URL names no store, or nothing of a database lies at the source.
 */
export async function withPlaces<T>(
  url: string,
  options: ConnectionOptions & StateOptions,
  work: (places: Places) => Promise<T>,
): Promise<T> {
  const own = parseUrl(url)
  const cloned = options.source === undefined ? undefined : parseUrl(options.source)
  const places = await openPlaces(own, cloned, connectionOf(options, own, cloned))
  try {
    const [, source] = places
    if (source) await checkSource(source)
    return await work(places)
  } finally {
    for (const { store } of places) store.close()
  }
}

/** A source may have lost its CLOUDMANIFEST: its clones can be read from the tables that are there. */
async function checkSource(source: DatabasePlace): Promise<void> {
  if (await hasCloudManifest(source)) return
  const error = await noDatabase(source, '')
  if (error instanceof UsageError) throw new UsageError(`--source: ${error.message}`)
}
