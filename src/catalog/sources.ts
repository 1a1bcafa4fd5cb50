/** Sources of a clone, as its CLOUDMANIFEST has them: where the files lie that it did not write itself. */
import { type EnvError, toEnvError } from '../env/env-error.js'
import type { ObjectInfo } from '../store/object-store.js'
import { type DatabasePlace, databaseUrl, type Places } from './database-place.js'
import type { DatabaseView } from './database-view.js'
import { removePin } from './pin.js'

/** A place with files of a clone. */
export interface RecordedSource {
  /** URL of the database there. */
  readonly url: string
  /** Id of the pin that protects the files; undefined if the place refused it. */
  readonly pin?: string
}

/** Opens the place of a database. */
export type OpenPlace = (url: string) => Promise<DatabasePlace>

/** Calls `change` with each pin that protects files of a clone at its sources, and with the place where it lies. */
export async function forEachPin(
  sources: readonly RecordedSource[],
  openPlace: OpenPlace,
  change: (place: DatabasePlace, id: string) => Promise<void>,
): Promise<void> {
  for (const { url, pin } of sources) if (pin !== undefined) await change(await openPlace(url), pin)
}

/** A pin that stays at a source, although nobody needs what it protects any more. */
export interface LeftPin extends Required<RecordedSource> {
  readonly reason: EnvError
}

/**
 * Removes the pins that protect files of a clone at its sources.
 * @returns those that stay because their source can't be reached, or refuses.
 */
export async function removePins(
  sources: readonly RecordedSource[],
  openPlace: OpenPlace,
): Promise<readonly LeftPin[]> {
  const left: LeftPin[] = []
  for (const { url, pin } of sources) {
    if (pin === undefined) continue
    try {
      await removePin(await openPlace(url), pin)
    } catch (error) {
      left.push({ url, pin, reason: toEnvError(error, `can't remove CLOUDPIN-${pin} in ${url}`) })
    }
  }
  return left
}

/** The places, and those of the recorded sources that are not among them. */
export async function withSources(
  [own, ...named]: Places,
  sources: readonly RecordedSource[],
  openPlace: OpenPlace,
): Promise<Places> {
  const known = new Set([own, ...named].map(databaseUrl))
  const further = [...new Set(sources.map(({ url }) => url))].filter((url) => !known.has(url))
  return [own, ...named, ...(await Promise.all(further.map(openPlace)))]
}

/** User metadata of a CLOUDMANIFEST: JSON, an array of {@link RecordedSource}. */
const sourcesName = 'cloudenv-sources'

export function sourcesMetadata(sources: readonly RecordedSource[]): Record<string, string> {
  if (sources.length === 0) return {}
  // Metadata is ASCII: a URL may have other characters.
  const text = JSON.stringify(sources.map(({ url, pin }) => ({ url, pin }))).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
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

/** Recorded sources that still have a file of the state, or may have one: none after a savepoint. */
export function presentSources({
  sources,
  files,
  lacking,
}: Pick<DatabaseView, 'sources' | 'files' | 'lacking'>): readonly RecordedSource[] {
  if (lacking) return sources
  const urls = new Set([...files.values()].map(({ place }) => databaseUrl(place)))
  return sources.filter(({ url }) => urls.has(url))
}

function isSource(source: unknown): source is RecordedSource {
  const { url, pin } = (source ?? {}) as Record<string, unknown>
  return typeof url === 'string' && (pin === undefined || typeof pin === 'string')
}
