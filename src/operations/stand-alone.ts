import { noDatabase } from '../catalog/cookies.js'
import { databaseUrl } from '../catalog/database-place.js'
import { listObjects } from '../catalog/database-view.js'
import { expirePin } from '../catalog/pin.js'
import { locationsOf, type OpenedPlaces, withRooted } from '../catalog/rooted-places.js'
import { forEachPin } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import type { StoreOptions } from '../store/registry.js'
import { isServerSide } from './copy-file.js'
import { type CopyFilesOptions, copyFiles } from './copy-files.js'
import { readPresent, untilWhole } from './present-state.js'
import type { SourceOptions } from './source-options.js'

export interface StandAloneOptions extends CopyFilesOptions, SourceOptions {
  /** Cookie of the line of history that is to stand alone. Default: the plain CLOUDMANIFEST. */
  readonly cookie?: string
  /** How to reach the store of the clone. */
  readonly store?: StoreOptions
}

/** Output of `cloudenv savepoint --json`. */
export interface Savepoint {
  readonly url: string
  readonly copiedFiles: number
  readonly copiedBytes: number
  /** URLs of the places where they were copied from. */
  readonly sources: readonly string[]
  /** True if the store copied them, and no byte of them passed through this machine. */
  readonly isServerSide: boolean
}

/**
 * Copies what a clone still reads at its sources to its own place, so that it stands alone: rocksdb-cloud's Savepoint. Whoever
 * has the clone open may go on. Interrupted, it may be repeated: what is there is not copied again. The sources are free to
 * delete what they kept for the clone a day later, when no reader of an older state needs it there.
 *
 * @throws EnvError NotFound: there is no database.
 *
 * @example
 * ```ts
 * await standAlone('s3://my-bucket/test/orders')
 * ```
 */
export async function standAlone(url: string, options: StandAloneOptions = {}): Promise<Savepoint> {
  const { source, store = {}, sourceStore } = options
  return await withRooted(locationsOf(url, source, store, sourceStore), (rooted) =>
    standAloneAt(rooted, options),
  )
}

/** {@link standAlone}, in stores that are open. */
export async function standAloneAt(
  { places, openPlace }: Omit<OpenedPlaces, 'close'>,
  { cookie = '', ...options }: StandAloneOptions,
): Promise<Savepoint> {
  const [place] = places
  const present = () => readPresent({ places, cookie, openPlace })
  const copied = new Map<string, StoredFile>()
  const first = await present()
  // Tables beside no CLOUDMANIFEST would keep the clone from being made.
  if (first.home !== place) throw await noDatabase(place, cookie, 'clone yet')
  const last = await untilWhole(
    first,
    async ({ files }) => {
      const there = await listObjects(place)
      const elsewhere = [...files.values()].filter((file) => file.place !== place)
      const isThere = (file: StoredFile) => there.get(file.objectName)?.size === file.size
      await copyFiles(
        elsewhere,
        place,
        { isThere, onCopied: (file) => copied.set(file.objectName, file) },
        options,
      )
    },
    present,
  )
  const sources = new Set([...last.files.values()].map((file) => file.place))
  sources.delete(place)
  // Repeated after it was interrupted, nothing may be left to copy: the pins still are.
  const [left] = await forEachPin(first.sources, openPlace, (source, id) =>
    expirePin(source, id, first.retentionMs ?? 0),
  )
  if (left) throw left.reason
  return {
    url: databaseUrl(place),
    copiedFiles: copied.size,
    copiedBytes: totalSize(copied.values()),
    sources: [...sources].map(databaseUrl),
    isServerSide: [...copied.values()].every((file) => isServerSide(file, place)),
  }
}
