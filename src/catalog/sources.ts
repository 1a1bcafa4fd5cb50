/** Sources of a clone, as its CLOUDMANIFEST has them: where the files lie that it did not write itself. */
import { EnvError, toEnvError } from '../env/env-error.js'
import type { ObjectInfo } from '../store/object-store.js'
import { unreachableStore } from '../store/unreachable-store.js'
import { type DatabasePlace, databaseUrl, type Places } from './database-place.js'
import { type DatabaseView, latestChange } from './database-view.js'

/** A place with files of a clone. */
export interface RecordedSource {
  /** URL of the database there. */
  readonly url: string
  /** Server of its store, if it is another one than that of the clone; the URL does not say. */
  readonly server?: string
  /** Id of the pin that protects the files; undefined if the place refused it. */
  readonly pin?: string
  /**
   * Time by the store's clock, ISO 8601, until which past states may need what lies there; undefined while the present
   * state does.
   */
  readonly until?: string
}

/**
 * Opens the place of a database.
 * @param server of its store, if it is another one than that of the database which is open.
 */
export type OpenPlace = (url: string, server?: string) => Promise<DatabasePlace>

/** The place as a source of a database at another one. */
export function sourceAt(place: DatabasePlace, own: DatabasePlace): RecordedSource {
  const { server } = place.store
  return { url: databaseUrl(place), ...(server !== undefined && server !== own.store.server && { server }) }
}

/** Error for a source on another server, of which nobody said how to reach it. */
export function unknownServer(url: string, server: string): EnvError {
  return new EnvError(
    'InvalidArgument',
    `tables of the clone lie in ${url} on another server, ${server}. Name the source and how to reach it: ` +
      '"source: { url, endpoint }" of cloudEnv, or --source and --source-endpoint of "cloudenv"',
  )
}

/** A pin that stays at a source as it is, although nobody needs what it protects any more. */
export interface LeftPin extends RecordedSource {
  readonly pin: string
  readonly reason: EnvError
}

/**
 * Calls `change` with each pin that protects files of a clone at its sources, and with the place where it lies.
 * @returns those that stay as they are because their source can't be reached, or refuses.
 */
export async function forEachPin(
  sources: readonly RecordedSource[],
  openPlace: OpenPlace,
  change: (place: DatabasePlace, id: string) => Promise<void>,
): Promise<readonly LeftPin[]> {
  const left: LeftPin[] = []
  for (const { pin, ...source } of sources) {
    if (pin === undefined) continue
    const { url, server } = source
    try {
      await change(await openPlace(url, server), pin)
    } catch (error) {
      left.push({ ...source, pin, reason: toEnvError(error, `can't change CLOUDPIN-${pin} in ${url}`) })
    }
  }
  return left
}

/** The places, and those of the recorded sources that are not among them. Reading at one that can't be opened fails. */
export async function withSources(
  [own, ...named]: Places,
  sources: readonly RecordedSource[],
  openPlace: OpenPlace,
): Promise<Places> {
  const known = new Set([own, ...named].map((place) => idOf(sourceAt(place, own))))
  const further = new Map<string, RecordedSource>()
  for (const source of sources) if (!known.has(idOf(source))) further.set(idOf(source), source)
  const opened = [...further.values()].map(({ url, server }) =>
    openPlace(url, server).catch((error: unknown): DatabasePlace => {
      if (!EnvError.is(error)) throw error
      return { store: unreachableStore(url, error), path: '' }
    }),
  )
  return [own, ...named, ...(await Promise.all(opened))]
}

type SourceLocation = { readonly url: string; readonly server?: string | undefined }

/** Reports whether both are one place: buckets of one name may lie on several servers. */
export function isSameSource(a: SourceLocation, b: SourceLocation): boolean {
  return idOf(a) === idOf(b)
}

function idOf({ url, server = '' }: SourceLocation): string {
  return `${server} ${url}`
}

/** User metadata of a CLOUDMANIFEST: JSON, an array of {@link RecordedSource}. */
const sourcesName = 'cloudenv-sources'

export function sourcesMetadata(sources: readonly RecordedSource[]): Record<string, string> {
  if (sources.length === 0) return {}
  // Metadata is ASCII: a URL may have other characters.
  const text = JSON.stringify(
    sources.map(({ url, server, pin, until }) => ({ url, server, pin, until })),
  ).replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return { [sourcesName]: text }
}

/** None in the CLOUDMANIFEST of another program, or of a database that stands alone. */
export function recordedSources({ metadata }: Pick<ObjectInfo, 'metadata'>): readonly RecordedSource[] {
  try {
    const sources: unknown = JSON.parse(metadata[sourcesName] ?? '[]')
    return Array.isArray(sources) ? sources.filter(isSource) : []
  } catch {
    return []
  }
}

/**
 * Recorded sources that have no file of the present state: all of them after a savepoint. A file that was found at one of
 * them may be pinned at another, which can't be reached.
 */
export function unneededSources({
  places: [own],
  sources,
  files,
  lacking,
  isPartial,
}: Pick<DatabaseView, 'places' | 'sources' | 'files' | 'lacking' | 'isPartial'>): readonly RecordedSource[] {
  const elsewhere = [...files.values()].filter(({ place }) => place !== own)
  if (lacking || (isPartial && elsewhere.length > 0)) return []
  const needed = new Set(elsewhere.map(({ place }) => idOf(sourceAt(place, own))))
  return sources.filter((source) => !needed.has(idOf(source)))
}

/**
 * Sources for the CLOUDMANIFEST of the next owner: those that the present state needs, and those that past states may
 * need.
 * @param retentionMs for which the next owner keeps past states.
 * @param pinned sources that it has tried to pin anew. One that refused keeps the pin that it had.
 */
export function sourcesOfNext(
  view: DatabaseView,
  retentionMs: number,
  pinned: readonly RecordedSource[],
): readonly RecordedSource[] {
  const unneeded = new Set(unneededSources(view))
  const storeNow = latestChange(view).getTime()
  const others = view.sources.flatMap((source) => {
    if (isReplaced(source, pinned)) return []
    if (!unneeded.has(source)) return source
    const until = source.until ?? untilOf(view, retentionMs)
    return Date.parse(until) < storeNow ? [] : { ...source, until }
  })
  const news = pinned.filter(({ pin, ...source }) => pin !== undefined || !hasPlace(view.sources, source))
  return [...news, ...others]
}

/** Recorded sources on whose pins the present state does not rely any more. */
export function expiringSources(
  view: DatabaseView,
  pinned: readonly RecordedSource[],
): readonly RecordedSource[] {
  const unneeded = new Set(unneededSources(view))
  return view.sources.filter((source) => unneeded.has(source) || isReplaced(source, pinned))
}

function isReplaced(source: RecordedSource, pinned: readonly RecordedSource[]): boolean {
  return hasPlace(
    pinned.filter(({ pin }) => pin !== undefined),
    source,
  )
}

function hasPlace(sources: readonly SourceLocation[], place: SourceLocation): boolean {
  return sources.some((source) => isSameSource(source, place))
}

/** No state since the last commit needed them. */
function untilOf({ manifestModified }: DatabaseView, retentionMs: number): string {
  return new Date(Math.min(manifestModified.getTime() + retentionMs, maxDateMs)).toISOString()
}

const maxDateMs = 8.64e15

/** Reports whether a source has no pin, or one that expires: another program made the clone, or took a table away. */
export function hasUnpinnedSource({ places: [place], sources, files }: DatabaseView): boolean {
  const pinned = new Set(sources.flatMap(({ url, until }) => (until === undefined ? url : [])))
  return [...files.values()].some((file) => file.place !== place && !pinned.has(databaseUrl(file.place)))
}

function isSource(source: unknown): source is RecordedSource {
  const { url, server, pin, until } = (source ?? {}) as Record<string, unknown>
  return (
    typeof url === 'string' &&
    [server, pin, until].every((text) => text === undefined || typeof text === 'string')
  )
}
