import { EnvError } from '../env/env-error.js'
import { type CloudManifest, decodeCloudManifest, manifestObjectName } from '../format/cloud-manifest.js'
import { blobFileName, objectName, parseObjectName, tableFileName } from '../format/file-name.js'
import { type Manifest, readManifest } from '../format/manifest.js'
import type { ByteRange, ObjectInfo, ObjectKey, StoredObject } from '../store/object-store.js'
import { type DatabasePlace, databaseUrl, objectKey, objectUrl, type Places } from './database-place.js'
import { bringBack, missingManifestMessage } from './repair-advice.js'
import { isVisible } from './visibility.js'

/** A database as the store has it: one consistent state, read without changing anything. */
export interface DatabaseView {
  readonly cloudManifest: CloudManifest
  readonly cloudManifestEtag: string
  readonly manifestBytes: Uint8Array
  readonly manifestEtag: string
  readonly manifest: Manifest
  /** By the name that RocksDB knows (`000012.sst`): all that the names of this state reach, live or not. */
  readonly files: ReadonlyMap<string, StoredFile>
  /** What lies directly at the database's place, by base name, names that mean nothing here left out. */
  readonly objects: ReadonlyMap<string, ObjectInfo>
}

/** A table or blob file in the store. */
export interface StoredFile {
  readonly place: DatabasePlace
  /** The last part of its key, with the epoch. */
  readonly objectName: string
  readonly size: number
  readonly modified: Date
}

/**
 * Reads the state that the CLOUDMANIFEST names now; undefined when there is no database.
 * @throws EnvError Corruption: a part of it is damaged, missing or of the wrong size.
 */
export async function readView(places: Places, cookie: string): Promise<DatabaseView | undefined> {
  let damagedState: string | undefined
  for (;;) {
    const found = await readOnce(places, cookie)
    if (!found || 'view' in found) return found?.view
    // An owner may have written and deleted between our looks. What is the same state and damaged again is damaged.
    if (found.state === damagedState) throw found.damage
    damagedState = found.state
  }
}

/** The view, or what is wrong with it and in which state the database was then. */
async function readOnce(
  places: Places,
  cookie: string,
): Promise<
  { readonly view: DatabaseView } | { readonly damage: EnvError; readonly state: string } | undefined
> {
  const cloudManifestName = objectName({ kind: 'cloudManifest', cookie })
  const root = await getFirst(places, cloudManifestName)
  if (!root) return undefined
  const cloudManifest = decoded(root.place, () =>
    decodeCloudManifest(root.object.body, objectUrl(root.place, cloudManifestName)),
  )

  const manifestName = manifestObjectName(cloudManifest)
  const [stored, listings] = await Promise.all([
    getFirst(places, manifestName),
    Promise.all(places.map(listObjects)),
  ])
  if (!stored) {
    const damage = new EnvError(
      'Corruption',
      missingManifestMessage(objectUrl(places[0], manifestName), objectUrl(root.place, cloudManifestName)),
    )
    return { damage, state: root.object.etag }
  }
  // An object is written whole or not at all: what a local file would have lost in a crash was lost here by other means.
  const name = objectUrl(stored.place, manifestName)
  const manifest = decoded(stored.place, () => readManifest(stored.object.body, { name, tail: 'strict' }))
  const files = visibleFiles(places, listings, cloudManifest)
  const damage = findDamage(places[0], manifest, files)
  if (damage) return { damage, state: `${root.object.etag} ${stored.object.etag}` }
  const view = {
    cloudManifest,
    cloudManifestEtag: root.object.etag,
    manifestBytes: stored.object.body,
    manifestEtag: stored.object.etag,
    manifest,
    files,
    objects: listings[0] ?? new Map(),
  }
  return { view }
}

/** What `decode` returns. Where the object is corrupt, the error also says what to do about it. */
function decoded<T>(place: DatabasePlace, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!EnvError.is(error, 'Corruption')) throw error
    const url = databaseUrl(place)
    throw new EnvError(
      'Corruption',
      `${error.message}. Bring an earlier version of that object back; "cloudenv verify ${url}" tells what else is damaged`,
      { cause: error },
    )
  }
}

/** Whether the store still has the state that was read: the two objects that say what it is are as they were. */
export async function isCurrent(
  { cloudManifest, cloudManifestEtag, manifestEtag }: DatabaseView,
  places: readonly DatabasePlace[],
  cookie: string,
): Promise<boolean> {
  const names = [objectName({ kind: 'cloudManifest', cookie }), manifestObjectName(cloudManifest)]
  const found = await Promise.all(
    names.map((name) => findFirst(places, ({ store }, key) => store.head(key), name)),
  )
  return found[0]?.object.etag === cloudManifestEtag && found[1]?.object.etag === manifestEtag
}

/** The object of that name, or a range of it, at the first place that has it. */
export async function getFirst(
  places: readonly DatabasePlace[],
  name: string,
  range?: ByteRange,
): Promise<Found<StoredObject> | undefined> {
  return findFirst(places, ({ store }, key) => store.get(key, range), name)
}

export interface Found<T> {
  readonly place: DatabasePlace
  readonly object: T
}

async function findFirst<T>(
  places: readonly DatabasePlace[],
  look: (place: DatabasePlace, key: ObjectKey) => Promise<T>,
  name: string,
): Promise<Found<T> | undefined> {
  for (const place of places) {
    const object = await look(place, objectKey(place, name)).catch((error: unknown) => {
      if (EnvError.is(error, 'NotFound')) return undefined
      throw error
    })
    if (object) return { place, object }
  }
  return undefined
}

/** The objects directly at a place whose names mean something, by base name. */
export async function listObjects(place: DatabasePlace): Promise<Map<string, ObjectInfo>> {
  const prefix = objectKey(place, '')
  const objects = new Map<string, ObjectInfo>()
  for await (const object of place.store.list(prefix, { shallow: true })) {
    const name = object.key.slice(prefix.length)
    if (parseObjectName(name)) objects.set(name, object)
  }
  return objects
}

function visibleFiles(
  places: readonly DatabasePlace[],
  listings: readonly ReadonlyMap<string, ObjectInfo>[],
  cloudManifest: CloudManifest,
): Map<string, StoredFile> {
  const files = new Map<string, StoredFile>()
  for (const [index, place] of places.entries()) {
    for (const [name, { size, lastModified }] of listings[index] ?? []) {
      const parsed = parseObjectName(name)
      if (!isVisible(parsed, cloudManifest)) continue
      const fileName = name.slice(0, name.length - (parsed.epoch === '' ? 0 : parsed.epoch.length + 1))
      if (!files.has(fileName)) files.set(fileName, { place, objectName: name, size, modified: lastModified })
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
