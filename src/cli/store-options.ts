import { type Command, Option, type OptionValues } from '@commander-js/extra-typings'
import { hasCloudManifest } from '../catalog/cookies.js'
import type { DatabasePlace, Places } from '../catalog/database-place.js'
import { openInspected } from '../catalog/open-places.js'
import { closing, locationsOf, type OpenedPlaces, openRooted } from '../catalog/rooted-places.js'
import type { OpenPlace } from '../catalog/sources.js'
import { isCookie } from '../format/file-name.js'
import type { StoreOptions } from '../store/registry.js'
import { checkEndpoint, printedUrl } from '../store/store-url.js'
import { asUsage } from './as-usage.js'
import { checkProfile } from './aws-profile.js'
import { noDatabase } from './no-database.js'
import { type SourceStoreOptions, sourceStoreOptions } from './other-store.js'
import { UsageError } from './usage-error.js'
import { loadedFunction, resolvedModule } from './user-module.js'

/** Options for the connection to a store: the same in every command that has one. */
export const connectionOptions: readonly Option[] = [
  new Option('--region <name>', 'of the bucket'),
  new Option('--endpoint <url>', 'of a server other than AWS, e.g. http://127.0.0.1:9000'),
  new Option('--path-style', 'address the bucket as endpoint/bucket (the default with --endpoint)'),
  new Option('--no-path-style', 'address the bucket as bucket.endpoint'),
  new Option('--profile <name>', 'of the shared AWS configuration files'),
  new Option(
    '--store-module <module>',
    'that opens URLs of a scheme of your own: a file such as ./mystore.js, or a package',
  ),
  new Option('--store-option <name=value>', 'for that module; may be given again').argParser(addStoreOption),
]

type TextOptions = Readonly<Record<string, string>>

function addStoreOption(text: string, others: TextOptions | undefined): TextOptions {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name !== undefined && value !== undefined) return { ...others, [name]: value }
  throw new UsageError(`expected --store-option to be such as region=north, got ${JSON.stringify(text)}`)
}

/** Options that say where the source of a clone is, and how to reach it. */
export const sourceOptions: readonly Option[] = [
  new Option('--source <url>', 'the database that this one was cloned from'),
  ...sourceStoreOptions,
]

/** Options that select the state of a database. */
export const stateOptions: readonly Option[] = [
  new Option('--cookie <name>', 'the state of CLOUDMANIFEST-<name> instead of CLOUDMANIFEST').argParser(
    parseCookie,
  ),
  ...sourceOptions,
]

function parseCookie(text: string): string {
  if (text === '' || isCookie(text)) return text
  throw new UsageError(
    `expected --cookie to be a name without slashes and control characters, got ${JSON.stringify(text)}`,
  )
}

/** Options as commander parses them. A type, not an interface: TypeScript treats only types as records of any kind. */
export type ConnectionOptions = {
  readonly region?: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
  readonly profile?: string
  readonly storeModule?: string
  readonly storeOption?: TextOptions
}

/** Options about the source of a clone. */
export type SourceOptions = SourceStoreOptions & { readonly source?: string }

export type StateOptions = SourceOptions & { readonly cookie?: string }

/** Options of every command that looks into a bucket. */
export type InspectOptions = ConnectionOptions & StateOptions & { readonly json?: true }

/** Adds these options to the command's own. */
export function withInspectOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & InspectOptions> {
  command.option('--json', 'print JSON, as docs/cli/json.md describes it')
  for (const option of [...stateOptions, ...connectionOptions]) command.addOption(option)
  return command as unknown as Command<Arguments, Own & InspectOptions>
}

/** Adds the options of a command that has no state of a database to choose. */
export function withWritingOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & ConnectionOptions & Pick<InspectOptions, 'json'>> {
  command.option('--json', 'print JSON, as docs/cli/json.md describes it')
  for (const option of connectionOptions) command.addOption(option)
  return command as unknown as Command<Arguments, Own & ConnectionOptions & Pick<InspectOptions, 'json'>>
}

/** Adds the options of a command that may have to reach the source of a clone. */
export function withSourceOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
): Command<Arguments, Own & SourceOptions> {
  for (const option of sourceOptions) command.addOption(option)
  return command as unknown as Command<Arguments, Own & SourceOptions>
}

/**
 * Options for the stores at these URLs.
 * @param further URLs of other stores that are reached by the same options.
 * @throws UsageError
 */
export async function connectionOf(
  options: ConnectionOptions,
  url: string,
  ...further: readonly (string | undefined)[]
): Promise<StoreOptions> {
  const urls = [url, ...further.filter((other) => other !== undefined)] as const
  return { ...(await s3ConnectionOf(options, urls)), ...(await moduleOf(options, urls)) }
}

type S3Options = {
  readonly [Name in 'region' | 'endpoint' | 'profile']?: string | undefined
} & Pick<ConnectionOptions, 'pathStyle'>

/**
 * Connection to the other one of two stores that a command reaches in different ways. What says where the first one is
 * does not hold for it.
 * @param prefix of the options for it.
 * @returns undefined if there is no such option: it is reached as the first.
 * @throws UsageError
 */
export async function otherConnection(
  prefix: 'source' | 'to',
  { endpoint, region, profile, pathStyle }: S3Options,
  url: string | undefined,
): Promise<StoreOptions | undefined> {
  if (endpoint === undefined && region === undefined && profile === undefined) return undefined
  if (url === undefined)
    throw new UsageError(
      `--${prefix}-endpoint, --${prefix}-region and --${prefix}-profile go with --${prefix}: add it`,
    )
  return await s3ConnectionOf(
    { endpoint, region, profile, ...(pathStyle !== undefined && { pathStyle }) },
    [url],
    `--${prefix}-`,
  )
}

async function s3ConnectionOf(
  { region, endpoint, profile, pathStyle }: S3Options,
  urls: readonly [string, ...string[]],
  prefix = '--',
): Promise<StoreOptions> {
  if (endpoint !== undefined) asUsage(() => checkEndpoint(endpoint, `${prefix}endpoint`))
  if (profile !== undefined) await checkProfile(profile, `${prefix}profile`)
  const connection = {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(profile !== undefined && { profile }),
    ...(pathStyle !== undefined && { forcePathStyle: pathStyle }),
  }
  if (!urls.some((url) => url.startsWith('s3:')) && Object.keys(connection).length > 0) {
    const pathStyle = prefix === '--' ? ', --path-style' : ''
    throw new UsageError(
      `${prefix}region, ${prefix}endpoint${pathStyle} and ${prefix}profile say how to reach S3, where ${urls[0]} is not: leave them out`,
    )
  }
  return connection
}

async function moduleOf(
  { storeModule, storeOption }: ConnectionOptions,
  urls: readonly [string, ...string[]],
): Promise<StoreOptions> {
  if (storeModule === undefined) {
    if (storeOption === undefined) return {}
    throw new UsageError('--store-option is for the module that --store-module names, and none is named')
  }
  if (urls.every((url) => /^(?:s3|file):/.test(url)))
    throw new UsageError(
      `--store-module opens URLs of other schemes than s3 and file, and got ${urls[0]}: leave it out`,
    )
  const module = resolvedModule(storeModule)
  await loadedFunction(module, 'openStore', '--store-module')
  return { storeModule: module, ...(storeOption && { storeOptions: storeOption }) }
}

/**
 * The URL that the user gave, in the form that we print and commands accept.
 * @throws UsageError it names no store.
 */
export function parseUrl(url: string, options: ConnectionOptions): string {
  return asUsage(() => printedUrl(url, options))
}

/**
 * Does something at the place that a URL names, and closes the store afterwards.
 * @throws UsageError the URL names no store, or nothing of a database is at the source.
 */
export async function withPlaces<T>(
  url: string,
  options: ConnectionOptions & StateOptions,
  work: (places: Places, openPlace: OpenPlace) => Promise<T>,
): Promise<T> {
  return await inPlaces(await locationOf(url, options), openInspected, work)
}

/**
 * As {@link withPlaces}, with each place in its whole store: user metadata of a store in a directory lies at its root,
 * and so do other databases, which may be sources of this one.
 */
export async function withRootedPlaces<T>(
  url: string,
  options: ConnectionOptions & StateOptions,
  work: (places: Places, openPlace: OpenPlace) => Promise<T>,
): Promise<T> {
  return await inPlaces(await locationOf(url, options), openRooted, work)
}

async function inPlaces<T>(
  { own, source, store, sourceStore }: Location,
  open: typeof openRooted,
  work: (places: Places, openPlace: OpenPlace) => Promise<T>,
): Promise<T> {
  const opened = await open(locationsOf(own, source, store, sourceStore))
  return await closing(opened, async ({ places, openPlace }: OpenedPlaces) => {
    const [, named] = places
    if (named) await checkSource(named)
    return await work(places, openPlace)
  })
}

/** How to reach the store of a database, and that of its source. */
export interface Stores {
  readonly store: StoreOptions
  /** Undefined: as that of the database. */
  readonly sourceStore?: StoreOptions
}

/** Where a database and its source are, and how to reach them. */
export interface Location extends Stores {
  readonly own: string
  readonly source?: string
}

/**
 * @param target URL of a database that is reached as this one.
 * @throws UsageError
 */
export async function locationOf(
  url: string,
  options: ConnectionOptions & SourceOptions,
  target?: string,
): Promise<Location> {
  const own = parseUrl(url, options)
  const stores = await storesOf(own, options, target)
  if (options.source === undefined) return { own, ...stores }
  return { own, source: parseUrl(options.source, options), ...stores }
}

/** As {@link locationOf}, without the URLs. */
export async function storesOf(
  url: string,
  options: ConnectionOptions & SourceOptions,
  target?: string,
): Promise<Stores> {
  const { source, sourceEndpoint: endpoint, sourceRegion: region, sourceProfile: profile } = options
  const sourceStore = await otherConnection('source', { ...options, endpoint, region, profile }, source)
  if (sourceStore) return { store: await connectionOf(options, url, target), sourceStore }
  return { store: await connectionOf(options, url, source, target) }
}

/** A source may have lost its CLOUDMANIFEST: its clones can still be read from the tables that are there. */
async function checkSource(source: DatabasePlace): Promise<void> {
  if (await hasCloudManifest(source)) return
  const error = await noDatabase(source, '')
  if (error instanceof UsageError) throw new UsageError(`--source: ${error.message}`)
}
