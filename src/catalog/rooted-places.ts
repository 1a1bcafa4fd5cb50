import { relative, resolve, sep } from 'node:path'
import { realSystem } from '../env/system.js'
import { directoryStoreRoot, isDirectory, usedStoreRoot } from '../store/directory-root.js'
import type { ObjectStore } from '../store/object-store.js'
import { checkStoreOptions, openUnchecked, type StoreOptions, type StoreSeams } from '../store/registry.js'
import { parseStoreUrl, splitAtBucket, urlPath } from '../store/store-url.js'
import type { DatabasePlace, Places } from './database-place.js'
import { grouped } from './grouped.js'
import { isSameSource, type OpenPlace, sourceAt, unknownServer } from './sources.js'

/** The URL of a database, and how to reach its store. */
export interface Location {
  readonly url: string
  readonly options: StoreOptions
  /** True for the source of a clone, which is the first location. */
  readonly isSource?: true
}

export type Locations = readonly [Location, ...Location[]]

/** Places in open stores. */
export interface OpenedPlaces {
  readonly places: Places
  /**
   * Opens a further place by the options of the first. One on another server is opened by those of a location there, or
   * else by those of the source: a server may have several names.
   */
  readonly openPlace: OpenPlace
  close(): Promise<void>
}

/**
 * Opens the stores of databases at their roots, where the registries lie. Locations in one store that are reached by the
 * same options share it, so that objects can be copied between them.
 * @throws TypeError, EnvError: as for `openStores`.
 */
export async function openRooted(locations: Locations): Promise<OpenedPlaces> {
  return await openLocations(locations, splitAtRoot)
}

/** Splits a URL at the store that is opened for it. */
type SplitUrl = (url: string, options: StoreOptions) => Promise<StoreUrlAndPath>

/** Does the work of {@link openRooted}, in stores that begin where `split` says. */
export async function openLocations(
  locations: Locations,
  split: SplitUrl,
  seams: Partial<StoreSeams> = {},
): Promise<OpenedPlaces> {
  for (const group of grouped(locations, ({ options }) => JSON.stringify(options)).values()) {
    const urls = group.map(({ url }) => url)
    checkStoreOptions(group[0]!.options, urls, 'openStore')
  }
  const stores = new Map<string, Promise<ObjectStore>>()
  const open = async ({ url, options }: Location): Promise<DatabasePlace> => {
    const { rootUrl, path } = await split(url, options)
    const id = JSON.stringify([rootUrl, options])
    const store = stores.get(id) ?? openUnchecked(rootUrl, options, { ...realSeams, ...seams })
    stores.set(id, store)
    return { store: await store, path }
  }
  const close = async () => {
    for (const opening of stores.values()) await opening.then((store) => store.close()).catch(() => undefined)
  }
  const [first, ...others] = locations
  const further: DatabasePlace[] = []
  try {
    const own = await open(first)
    for (const location of others) further.push(await open(location))
    const places = [own, ...further] as const
    const openPlace: OpenPlace = async (url, server) => {
      const known = places.find((place) => isSameSource(sourceAt(place, own), { url, server }))
      if (known) return known
      if (server === undefined) return open({ url, options: first.options })
      const there = locations[places.findIndex(({ store }) => store.server === server)]
      const elsewhere = others.find(({ isSource, options }) => isSource && options !== first.options)
      const { options } = there ?? elsewhere ?? {}
      if (!options) throw unknownServer(url, server)
      return open({ url, options })
    }
    return { places, openPlace, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Opens the stores as {@link openRooted} does, works in them, and closes them. */
export async function withRooted<T>(
  locations: Locations,
  work: (rooted: OpenedPlaces) => Promise<T>,
): Promise<T> {
  return await closing(await openRooted(locations), work)
}

/** Works in open stores, and closes them. */
export async function closing<T>(
  opened: OpenedPlaces,
  work: (opened: OpenedPlaces) => Promise<T>,
): Promise<T> {
  try {
    return await work(opened)
  } finally {
    await opened.close()
  }
}

/** Locations of a database and of its source, if one is named. */
export function locationsOf(
  url: string,
  source: string | undefined,
  options: StoreOptions,
  sourceOptions = options,
): Locations {
  if (source === undefined) return [{ url, options }]
  return [
    { url, options },
    { url: source, options: sourceOptions, isSource: true },
  ]
}

const realSeams = { clock: realSystem.clock, random: realSystem.random.next, onRequest: undefined }

interface StoreUrlAndPath {
  readonly rootUrl: string
  readonly path: string
}

async function splitAtRoot(url: string, options: StoreOptions): Promise<StoreUrlAndPath> {
  const parsed = parseStoreUrl(url, options)
  if (parsed.kind === 'directory') {
    const directory = resolve(parsed.directory)
    return splitAt(directory, await directoryStoreRoot(directory))
  }
  const { bucketUrl, path } = splitAtBucket(url, options)
  return { rootUrl: bucketUrl, path }
}

/**
 * Splits the URL of a directory below one that somebody used as a store: the metadata of its objects lies there. Leaves
 * others as they are.
 */
export async function splitAtUsedRoot(url: string, options: StoreOptions): Promise<StoreUrlAndPath> {
  const parsed = parseStoreUrl(url, options)
  const directory = parsed.kind === 'directory' ? resolve(parsed.directory) : undefined
  const root = directory !== undefined && (await isDirectory(directory)) && (await usedStoreRoot(directory))
  return directory !== undefined && root ? splitAt(directory, root) : { rootUrl: url, path: '' }
}

function splitAt(directory: string, root: string): StoreUrlAndPath {
  return { rootUrl: `file://${urlPath(root)}`, path: relative(root, directory).split(sep).join('/') }
}
