import { type DatabasePlace, databaseUrl, objectUrl, type Places } from '../catalog/database-place.js'
import type { StateWithFiles } from '../catalog/database-view.js'
import type { OpenPlace } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import type { StateSelector } from '../env/state-selector.js'
import { realSystem, type System } from '../env/system.js'
import { addEpoch, newEpoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import type { StoreOptions } from '../store/registry.js'
import { Arrival } from './arrival.js'
import { isServerSide } from './copy-file.js'
import { copyFiles } from './copy-files.js'
import { findWanted, newerThan, untilWhole } from './present-state.js'
import type { SourceOptions } from './source-options.js'
import { withTarget } from './with-target.js'

export interface CopyOptions extends SourceOptions {
  /** Cookie of the line of history to copy from. Default: the plain CLOUDMANIFEST. */
  readonly cookie?: string
  /** State to copy: past ones can be had while the database keeps them. Default: its last commit. */
  readonly at?: StateSelector
  /** How to reach the store of the database. */
  readonly store?: StoreOptions
  /** How to reach the store of the copy. Default: as that of the database. */
  readonly newStore?: StoreOptions
  /** Ends the copy. Repeated, it goes on where it ended. */
  readonly signal?: AbortSignal
  /** Called with the bytes to copy; again when the database has changed so much that it begins anew. */
  readonly onStart?: (bytes: number) => void
  /** Called with the bytes of each file that is there. */
  readonly onBytes?: (bytes: number) => void
}

/** Output of `cloudenv copy --json`. */
export interface DatabaseCopy {
  /** URL of the copy. */
  readonly url: string
  /** URL of the database that was copied. */
  readonly from: string
  /** Id of the copy, its own. */
  readonly identity: string
  /** Number of tables and blob files, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** The part of them that this run copied. The rest was there from one that was interrupted. */
  readonly copiedFiles: number
  readonly copiedBytes: number
  /** True if the store copied them, and no byte of them passed through this machine. */
  readonly isServerSide: boolean
}

/**
 * Copies one state of a database, its last commit or one before that, to another place: in the same bucket, in
 * another one, or in another store. The copy is a database of its own, with an id of its own. The database is not
 * changed, and a writer may go on with it. The copy of a clone stands alone. A copy that is interrupted leaves no
 * database; repeated, it goes on where it ended.
 *
 * @param url of the database.
 * @param newUrl of the copy: nothing may lie there.
 * @throws EnvError NotFound: there is no database, or no such state. InvalidArgument: something else lies at the new place. Corruption: the
 *   database is damaged. Busy: it changes faster than it can be copied, or somebody else copies one to there.
 *
 * @example
 * ```ts
 * await copyDatabase('s3://my-bucket/prod/orders', 's3://my-bucket/backup/orders')
 * ```
 */
export async function copyDatabase(
  url: string,
  newUrl: string,
  options: CopyOptions = {},
): Promise<DatabaseCopy> {
  return await withTarget(url, newUrl, options, ({ places, target, openPlace }) =>
    copyToPlace(places, target, { ...options, openPlace }),
  )
}

export type PlaceCopyOptions = Omit<CopyOptions, keyof SourceOptions | 'store' | 'newStore'> & {
  /** Opens the sources that the CLOUDMANIFEST of a clone records. */
  readonly openPlace?: OpenPlace
  readonly system?: System
}

/** Does the work of {@link copyDatabase} in stores that are open at their roots. */
export async function copyToPlace(
  places: Places,
  target: DatabasePlace,
  options: PlaceCopyOptions = {},
): Promise<DatabaseCopy> {
  const { cookie = '', at, openPlace, system = realSystem } = options
  const wanted = { places, cookie, at, openPlace }
  const first = await findWanted(wanted)
  const epoch = newEpoch(() => system.random.bytes(8))
  const from = objectUrl(places[0], objectName({ kind: 'cloudManifest', cookie }))
  const arrival = await Arrival.begin({ place: target, from, epoch, system })
  if (arrival.isWhole) {
    const whole = await findWanted({ places: [target], cookie: '', at: undefined, openPlace: undefined })
    return reportOf(whole, { target, from, identity: arrival.identity, copied: new Map() })
  }
  const copied = new Map<string, StoredFile>()
  const isThere = (file: StoredFile) => arrival.has(file) || copied.has(file.objectName)
  const onCopied = (file: StoredFile) => copied.set(file.objectName, file)
  const last = await untilWhole(
    first,
    ({ files }) => copyFiles([...files.values()], target, { isThere, onCopied }, options),
    newerThan(wanted),
  )
  const cloudManifest = addEpoch(last.cloudManifest, last.manifest.lastNextFileNumber, epoch)
  await arrival.complete(cloudManifest, last, [...last.files.values()])
  return reportOf(last, { target, from, identity: arrival.identity, copied })
}

function reportOf(
  { files }: StateWithFiles,
  {
    target,
    copied,
    ...report
  }: {
    readonly target: DatabasePlace
    readonly from: string
    readonly identity: string
    readonly copied: ReadonlyMap<string, StoredFile>
  },
): DatabaseCopy {
  const all = [...files.values()]
  return {
    url: databaseUrl(target),
    ...report,
    files: all.length,
    bytes: totalSize(all),
    copiedFiles: copied.size,
    copiedBytes: totalSize(copied.values()),
    isServerSide: all.every((file) => isServerSide(file, target)),
  }
}
