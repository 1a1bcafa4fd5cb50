import { EnvError } from '../env/env-error.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { isDestroyed } from '../format/epoch.js'
import { blobFileName, objectName, parseFileName, tableFileName } from '../format/file-name.js'
import { type DatabasePlace, databaseUrl, objectUrl, type Places } from './database-place.js'
import { findFirst } from './get-first.js'
import { readIdentity } from './identity.js'
import { listPlace, type NamedObject } from './listed-place.js'
import type { Manifest } from './manifest.js'
import { pinnedPlaces } from './pinned-places.js'
import { bringBack, missingManifestMessage } from './repair-advice.js'
import { retentionOf } from './retention.js'
import { sealedManifest } from './sealed-manifest.js'
import { type OpenPlace, type RecordedSource, recordedSources, withSources } from './sources.js'
import { type Decoded, lookAtState, readStoredManifest, untilSettled } from './state-objects.js'
import type { StoredFile } from './stored-file.js'
import { Unreached } from './unreached.js'
import { isLive, isVisible } from './visibility.js'

/** The part of a MANIFEST that views keep decoded: with the keys of tables it would take a kilobyte for each. */
export interface ManifestOutline extends Pick<Manifest, 'dbId' | 'lastNextFileNumber' | 'length'> {
  readonly liveTables: FileNumbers
  readonly liveBlobFiles: FileNumbers
}

type FileNumbers = Pick<ReadonlySet<number>, 'has' | 'keys' | 'size'>

/** A database as the store has it: one consistent state, read without changing anything. */
export interface DatabaseView {
  /** The database's own place, and those of its sources, recorded ones included. */
  readonly places: Places
  /** Place of the CLOUDMANIFEST: that of the source until a clone is opened for writing. */
  readonly home: DatabasePlace
  /** Sources that the CLOUDMANIFEST records. */
  readonly sources: readonly RecordedSource[]
  /** See `retentionOf`. */
  readonly retentionMs: number | undefined
  readonly cloudManifest: CloudManifest
  readonly cloudManifestEtag: string
  readonly cloudManifestModified: Date
  /** Name of the object that was read as its MANIFEST. */
  readonly manifestName: string
  /** True if nobody can commit to it: it is the sealed state of the previous epoch, whose successor is missing. */
  readonly isSealed: boolean
  readonly manifestBytes: Uint8Array
  readonly manifestEtag: string
  readonly manifestModified: Date
  readonly manifest: ManifestOutline
  /** Live files, the only ones that a program sees, by the name that RocksDB knows (`000012.sst`). */
  readonly files: ReadonlyMap<string, StoredFile>
  /** Live files, and obsolete ones that still exist: readers of an older state may open those. */
  readonly reachableFiles: ReadonlyMap<string, StoredFile>
  /** Objects directly at the database's place, by base name, without names that mean nothing here. */
  readonly objects: ReadonlyMap<string, NamedObject>
  /**
   * Why files that the state needs are left out: a source that the CLOUDMANIFEST records can't be reached. Such a
   * state is good for nothing but the destruction of the clone.
   */
  readonly lacking?: EnvError
  /** True if a source that the CLOUDMANIFEST records can't be reached, whether the state needs files there or not. */
  readonly isPartial: boolean
  /** Content of IDENTITY; undefined if there is none, or it was not asked for. */
  readonly identity: string | undefined
}

export interface ReadViewOptions {
  /** True to leave out files at recorded sources that can't be reached: see {@link DatabaseView.lacking}. */
  readonly mayLack?: boolean
  /** True to read IDENTITY too, at the same time. */
  readonly withIdentity?: boolean
}

/** A state of a database, present or past, and where its files lie. */
export type StateWithFiles = Pick<DatabaseView, 'cloudManifest' | 'manifestBytes' | 'manifest' | 'files'>

/**
 * Reads the state that the CLOUDMANIFEST names now; undefined if there is no database.
 * @param openPlace opens sources that the CLOUDMANIFEST records; without it they are left out.
 * @throws EnvError Corruption: a part of it is damaged, missing or of the wrong size.
 */
export async function readView(
  places: Places,
  cookie: string,
  openPlace?: OpenPlace,
  options: ReadViewOptions = {},
): Promise<DatabaseView | undefined> {
  const found = await untilSettled(
    () => readOnce(places, cookie, openPlace, options),
    (look) => (look && 'damage' in look ? look.version : undefined),
  )
  if (found && 'damage' in found) throw found.damage
  return found?.view
}

/** Damage of a view, and the version of the database in which it was found. */
interface DamagedView {
  readonly damage: EnvError
  readonly version: string
}

async function readOnce(
  named: Places,
  cookie: string,
  openPlace: OpenPlace | undefined,
  { mayLack = false, withIdentity = false }: ReadViewOptions,
): Promise<{ readonly view: DatabaseView } | DamagedView | undefined> {
  const unreached = new Unreached()
  const look = await lookAtState(named, cookie, async (name, root) => {
    if (isDestroyed(root.value)) return undefined
    const sources = openPlace ? recordedSources(root.object) : []
    const places = openPlace ? await withSources(named, sources, openPlace) : named
    const reading = readStoredManifest(places, name)
    const allowed = async () =>
      (retentionOf(root.object) ?? 0) > shortMs
        ? maxObjects
        : spareObjects + objectsPerFile * filesIn(await reading)
    const liveNames = async () => liveFileNames(await reading)
    const [own, listings, identity] = await Promise.all([
      reading,
      Promise.all(
        places.map((place) => {
          const listing = listObjects(place, allowed, liveNames)
          return named.includes(place) ? listing : unreached.attempt(listing)
        }),
      ),
      // Whoever needs it reads it again, and learns why it can't be had.
      withIdentity ? readIdentity(places).catch(() => undefined) : undefined,
    ])
    const names = listings[places.indexOf(root.place)]?.keys() ?? []
    return {
      places,
      listings,
      stored: own ?? (await sealedManifest(root, names)),
      isSealed: own === undefined,
      identity,
    }
  })
  if (!look) return undefined
  const { root } = look
  // A bad answer looks like a bad object. As elsewhere, an object counts as damaged if a second look finds it damaged.
  if (!('manifest' in look)) return { damage: withAdvice(look.root), version: root.object.etag }
  if (!look.manifest) return undefined

  const cloudManifest = look.root.value
  const { places, stored, listings, isSealed, identity } = look.manifest
  if (!stored) {
    const message = missingManifestMessage(objectUrl(places[0], look.manifestName), root.url)
    return { damage: new EnvError('Corruption', message), version: root.object.etag }
  }
  const version = `${root.object.etag} ${stored.object.etag}`
  if (stored.error) return { damage: withAdvice(stored), version }
  const manifest = stored.value
  const sources = recordedSources(root.object)
  const pinned = await pinnedPlaces(
    places,
    listings,
    sources,
    ({ parsed }) => isVisible(parsed, cloudManifest) && isLive(parsed, manifest),
  )
  const reachableFiles = findReachable(places, listings, cloudManifest, pinned)
  const damage = findDamage(places[0], manifest, reachableFiles)
  if (damage && !unreached.reason) return { damage, version }
  if (damage && !mayLack) throw unreached.reason
  const view = {
    places,
    home: root.place,
    sources,
    retentionMs: retentionOf(root.object),
    cloudManifest,
    cloudManifestEtag: root.object.etag,
    cloudManifestModified: root.object.lastModified,
    manifestName: stored.name,
    isSealed,
    manifestBytes: stored.object.body,
    manifestEtag: stored.object.etag,
    manifestModified: stored.object.lastModified,
    manifest: outlineOf(manifest),
    files: new Map([...reachableFiles].filter(([name]) => isLive(parseFileName(name), manifest))),
    reachableFiles,
    objects: listings[0] ?? new Map(),
    ...(damage && unreached.reason && { lacking: unreached.reason }),
    isPartial: unreached.reason !== undefined,
    identity,
  }
  return { view }
}

function outlineOf({
  dbId,
  lastNextFileNumber,
  length,
  liveTables,
  liveBlobFiles,
}: Manifest): ManifestOutline {
  return {
    dbId,
    lastNextFileNumber,
    length,
    liveTables: new Set(liveTables.keys()),
    liveBlobFiles: new Set(liveBlobFiles.keys()),
  }
}

/** Error of an object that could not be decoded, with advice on what to do about it. */
function withAdvice({ error, place }: { readonly error: EnvError; readonly place: DatabasePlace }): EnvError {
  if (error.code !== 'Corruption') return error
  const url = databaseUrl(place)
  return new EnvError(
    'Corruption',
    `${error.message}. Bring an earlier version of that object back; "cloudenv verify ${url}" tells what else is damaged`,
    { cause: error },
  )
}

/** Reports whether the store still has the state that was read: the two objects that define it are unchanged. */
export async function isCurrent(
  { places, cloudManifestEtag, manifestName, manifestEtag }: DatabaseView,
  cookie: string,
): Promise<boolean> {
  const names = [objectName({ kind: 'cloudManifest', cookie }), manifestName]
  const found = await Promise.all(
    names.map((name) => findFirst(places, ({ store }, key) => store.head(key), name)),
  )
  return found[0]?.object.etag === cloudManifestEtag && found[1]?.object.etag === manifestEtag
}

/** Time of the youngest object at the place: the store's clock has come at least as far. */
export function latestChange({ manifestModified, objects }: DatabaseView): Date {
  let latest = manifestModified
  for (const { modified } of objects.values()) if (modified > latest) latest = modified
  return latest
}

/** Limit on objects, equal to the limit on the files of a MANIFEST. Their metadata takes 300 MB. */
const maxObjects = 500_000
/** Allowed regardless of the MANIFEST. Their metadata takes 50 MB. */
const spareObjects = 80_000
/** Includes obsolete objects, which stay for a while. */
const objectsPerFile = 4
/** An owner who keeps them for longer may have any number. */
const shortMs = 86_400_000

/**
 * Objects directly at a place whose names mean something, by base name.
 * @param allowed returns the limit; called once there are more than {@link spareObjects}.
 * @param likelyNames see {@link listPlace}.
 * @throws EnvError NotSupported: there are more.
 */
export async function listObjects(
  place: DatabasePlace,
  allowed: () => Promise<number> = async () => maxObjects,
  likelyNames?: () => Promise<readonly string[]>,
): Promise<ReadonlyMap<string, NamedObject>> {
  let limit = spareObjects
  let count = 0
  const { named } = await listPlace(place, countOne, likelyNames)
  return named

  function countOne(): Promise<void> | undefined {
    count += 1
    return count > limit ? allowMore() : undefined
  }

  async function allowMore(): Promise<void> {
    limit = Math.min(await allowed(), maxObjects)
    if (count <= limit) return
    throw new EnvError(
      'NotSupported',
      `${databaseUrl(place)} has more than ${limit} objects, which is more than a database of its size may have here. Remove ` +
        `what does not belong to it ("cloudenv gc ${databaseUrl(place)}" shows that), or use larger tables ` +
        '(target_file_size_base)',
    )
  }
}

/** Names of the files in the MANIFEST; none if it is missing or damaged. */
function liveFileNames(manifest: Decoded<Manifest> | undefined): string[] {
  if (!manifest || manifest.error) return []
  const { liveTables, liveBlobFiles } = manifest.value
  return [...[...liveTables.keys()].map(tableFileName), ...[...liveBlobFiles.keys()].map(blobFileName)]
}

/** Number of files in the MANIFEST; 0 if it is missing or damaged. */
function filesIn(manifest: Decoded<Manifest> | undefined): number {
  if (!manifest || manifest.error) return 0
  return manifest.value.liveTables.size + manifest.value.liveBlobFiles.size
}

/** @param pinned see {@link pinnedPlaces}: an object that lies elsewhere too is read there. */
function findReachable(
  places: Places,
  listings: readonly (ReadonlyMap<string, NamedObject> | undefined)[],
  cloudManifest: CloudManifest,
  pinned: ReadonlyMap<string, DatabasePlace>,
): Map<string, StoredFile> {
  const [own] = places
  const files = new Map<string, StoredFile>()
  for (const [index, place] of places.entries()) {
    for (const [name, { parsed, size, modified }] of listings[index] ?? []) {
      if (!isVisible(parsed, cloudManifest) || (pinned.get(name) ?? place) !== place) continue
      const fileName = name.slice(0, name.length - (parsed.epoch === '' ? 0 : parsed.epoch.length + 1))
      const copy = index === 0 ? {} : { copy: own }
      if (!files.has(fileName)) files.set(fileName, { place, ...copy, objectName: name, size, modified })
    }
  }
  return files
}

function findDamage(
  place: DatabasePlace,
  manifest: Manifest,
  files: ReadonlyMap<string, StoredFile>,
): EnvError | undefined {
  const damaged = (name: string, problem: string) =>
    new EnvError(
      'Corruption',
      `${databaseUrl(place)}: ${name} ${problem}, and the MANIFEST references it. ${bringBack}`,
    )
  for (const { number, size } of manifest.liveTables.values()) {
    const name = tableFileName(number)
    const file = files.get(name)
    if (!file) return damaged(name, 'is missing in the store')
    if (file.size !== size) {
      return damaged(name, `(${file.objectName}) has ${file.size} bytes in the store instead of ${size}`)
    }
  }
  for (const number of manifest.liveBlobFiles.keys()) {
    const name = blobFileName(number)
    if (!files.has(name)) return damaged(name, 'is missing in the store')
  }
  return undefined
}
