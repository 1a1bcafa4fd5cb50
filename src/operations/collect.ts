import { databaseUrl } from '../catalog/database-place.js'
import { locationsOf, withRooted } from '../catalog/rooted-places.js'
import { totalSize } from '../catalog/total-size.js'
import { collectGarbage } from '../cloud/collection.js'
import { realSystem } from '../env/system.js'
import type { StoreOptions } from '../store/registry.js'
import type { SourceOptions } from './source-options.js'

export interface CollectOptions extends SourceOptions {
  /** How long an object has to have been garbage, at least. Default: as long as its owners keep it. */
  readonly minAgeMs?: number
  /** How to reach the store. */
  readonly store?: StoreOptions
  /** Ends the collection. */
  readonly signal?: AbortSignal
  /** Called with what could not be done, and what to do about it. The rest goes on. */
  readonly onWarning?: (message: string) => void
  /** Called after each batch. */
  readonly onDeleted?: (objects: number, bytes: number) => void
}

/** Output of `cloudenv gc --delete --json`. */
export interface CollectedGarbage {
  readonly url: string
  readonly deletedObjects: number
  readonly deletedBytes: number
  /** Garbage that is too young, or of which nobody knows for how long it has been garbage. */
  readonly keptObjects: number
  readonly keptBytes: number
  /** How long an object had to have been garbage. */
  readonly minAgeMs: number
}

/**
 * Deletes the garbage of a database that nobody else deletes: of killed owners, failed openings, removed branches. Its
 * owner may go on meanwhile, and anybody may clone it or branch it. What a state, a clone or a reader within the delay may
 * need stays. May be interrupted and repeated.
 *
 * @throws EnvError Corruption: a state cannot be read, so that nobody knows what it needs.
 *
 * @example
 * ```ts
 * await collect('s3://my-bucket/prod/orders')
 * ```
 */
export async function collect(url: string, options: CollectOptions = {}): Promise<CollectedGarbage> {
  const { store = {}, source, sourceStore, onWarning = () => {}, ...others } = options
  const locations = locationsOf(url, source, store, sourceStore)
  return await withRooted(locations, async ({ places: [place], openPlace }) => {
    const { random } = realSystem
    const { deleted, kept, minAgeMs } = await collectGarbage(place, {
      ...others,
      random,
      openPlace,
      warn: onWarning,
    })
    return {
      url: databaseUrl(place),
      deletedObjects: deleted.length,
      deletedBytes: totalSize(deleted),
      keptObjects: kept.length,
      keptBytes: totalSize(kept),
      minAgeMs,
    }
  })
}
