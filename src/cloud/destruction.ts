import { leftPinMessage } from '../catalog/clone.js'
import { cookiesAmong } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { listObjects } from '../catalog/database-view.js'
import { getFirst, maxIdentityBytes } from '../catalog/get-first.js'
import type { NamedObject } from '../catalog/listed-place.js'
import { OthersNeeds } from '../catalog/needs.js'
import { removePin } from '../catalog/pin.js'
import { registryKey } from '../catalog/registry.js'
import { beingDestroyedMessage } from '../catalog/repair-advice.js'
import { forEachPin, type OpenPlace, recordedSources, sourcesMetadata } from '../catalog/sources.js'
import { readRoot, type SoundRoot } from '../catalog/state-objects.js'
import { isOfEpoch, knowsEpoch } from '../catalog/visibility.js'
import { EnvError } from '../env/env-error.js'
import type { Random } from '../env/system.js'
import { type CloudManifest, encodeCloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, isCeded, isDestroyed, markCeded, markDestroyed } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { CasObject } from '../store/cas-object.js'

export interface DestructionDependencies {
  readonly random: Random
  /** Opens the sources that a clone's CLOUDMANIFEST records. */
  readonly openPlace: OpenPlace
  /** Present time of the store. Default: when the newest object there was written. */
  readonly storeNow?: Date
  /** Tells the user of something that goes on all the same. */
  warn(message: string): void
}

export interface DeletedObject {
  readonly name: string
  readonly size: number
}

/**
 * Deletes a database whose CLOUDMANIFEST says that it is destroyed, as far as nobody needs it: first its entry in the
 * registry, last that CLOUDMANIFEST, since nobody creates a new database among the remains while it is there. All other
 * objects stay if there is another state. What a pin names stays too, and with it the CLOUDMANIFEST, which is ceded then;
 * so it is while a source of a clone can't be reached, where a pin has to be removed. May be repeated.
 */
export async function finishDestruction(
  place: DatabasePlace,
  cookie: string,
  deps: DestructionDependencies,
): Promise<readonly DeletedObject[]> {
  const root = await readDestroyed(place, cookie)
  if (!root) return []
  const leftPins = await forEachPin(recordedSources(root.object), deps.openPlace, removePin)
  const { deletable, isNeeded } = await remainsOf(place, cookie, root.value, deps.storeNow)
  const isLast = !isNeeded && leftPins.length === 0
  const replaceRoot = async (cloudManifest: CloudManifest) => {
    const object = new CasObject(place.store, rootKey(place, cookie), root.object.etag, deps.random)
    const outcome = await object.write(encodeCloudManifest(cloudManifest), sourcesMetadata(leftPins))
    return outcome.kind === 'written'
  }
  if (isLast && isCeded(root.value))
    // From here on no new database replaces it.
    return (await replaceRoot(markDestroyed(root.value))) ? finishDestruction(place, cookie, deps) : []

  if (deletable.some(({ name }) => name === 'IDENTITY')) {
    const identity = await getFirst([place], 'IDENTITY', { offset: 0, length: maxIdentityBytes })
    const registration = identity && registryKey(identity.object.body)
    if (registration) await place.store.deleteMany([registration])
  }
  await deleteObjects(
    place,
    deletable.map(({ name }) => name),
  )
  for (const left of leftPins)
    deps.warn(`${leftPinMessage(`${databaseUrl(place)} is gone`, left)}. ${repeatAdvice(place)}`)
  if (!isLast) {
    if (!isCeded(root.value)) await replaceRoot(markCeded(root.value))
    return deletable
  }
  // Somebody else may have finished it meanwhile.
  if (await readDestroyed(place, cookie)) await place.store.deleteMany([rootKey(place, cookie)])
  return [...deletable, { name: root.name, size: root.object.size }]
}

/**
 * Finishes the destruction of a database as far as possible now, and says what a new one replaces.
 * @returns ETag of its CLOUDMANIFEST; undefined: nothing is left of it, or somebody else created a database.
 * @throws EnvError Busy: it is being destroyed by somebody else.
 */
export async function cededRoot(
  place: DatabasePlace,
  cookie: string,
  deps: DestructionDependencies,
): Promise<string | undefined> {
  const found = await readDestroyed(place, cookie)
  if (!found) return undefined
  if (!isCeded(found.value)) throw new EnvError('Busy', beingDestroyedMessage(databaseUrl(place)))
  await finishDestruction(place, cookie, deps)
  return (await readDestroyed(place, cookie))?.object.etag
}

/** Reports whether clones need what a destroyed database left. */
export async function isCededAt(place: DatabasePlace, cookie: string): Promise<boolean> {
  const root = await readDestroyed(place, cookie)
  return root !== undefined && isCeded(root.value)
}

/** The CLOUDMANIFEST, if it says that the database is destroyed. */
async function readDestroyed(place: DatabasePlace, cookie: string): Promise<SoundRoot | undefined> {
  const root = await readRoot([place], cookie)
  if (root?.error) throw root.error
  return root && isDestroyed(root.value) ? root : undefined
}

/** Deletes what `epoch` wrote. No CLOUDMANIFEST may name it, now or later. */
export async function deleteEpoch(place: DatabasePlace, epoch: Epoch): Promise<void> {
  const objects = await listObjects(place)
  await deleteObjects(
    place,
    [...objects.keys()].filter((name) => isOfEpoch(name, epoch)),
  )
}

/**
 * Objects that may be deleted of a destroyed database, and whether clones need others. Nobody begins to need an object
 * any more: whoever pins it finds no database then.
 */
async function remainsOf(
  place: DatabasePlace,
  cookie: string,
  cloudManifest: CloudManifest,
  storeNow: Date | undefined,
): Promise<{ readonly deletable: readonly (DeletedObject & NamedObject)[]; readonly isNeeded: boolean }> {
  const listed = await listObjects(place)
  const others = cookiesAmong(listed.values()).filter((other) => other !== cookie)
  for (const other of others) {
    const root = await readRoot([place], other)
    // Objects that that state does not need are garbage, which an owner or collector deletes.
    if (root && (root.error || !isDestroyed(root.value))) return { deletable: [], isNeeded: false }
  }
  const objects = [...listed]
    .map(([name, object]) => ({ name, ...object }))
    .filter(({ parsed }) => parsed.kind !== 'cloudManifest')
  const now = storeNow ?? newest(objects)
  const names = objects.map(({ name }) => name)
  const needs = await new OthersNeeds(place, cookie).of(names, now).catch((error: unknown) => {
    // Nobody knows what an unreadable pin protects.
    if (EnvError.is(error, 'Corruption') || EnvError.is(error, 'NotSupported')) return undefined
    throw error
  })
  const isFree = ({ name }: DeletedObject) => needs?.get(name) === 'never'
  if (objects.every(isFree)) return { deletable: objects, isNeeded: false }
  // Objects that it did not write may be those of an operation which holds a pin.
  const isItsOwn = ({ parsed }: NamedObject) => 'epoch' in parsed && knowsEpoch(cloudManifest, parsed.epoch)
  return { deletable: objects.filter((object) => isFree(object) && isItsOwn(object)), isNeeded: true }
}

function newest(objects: readonly NamedObject[]): Date {
  return objects.reduce((latest, { modified }) => (modified > latest ? modified : latest), new Date(0))
}

function repeatAdvice(place: DatabasePlace): string {
  return (
    `Once the source can be reached, "cloudenv gc ${databaseUrl(place)} --delete" removes it, and the CLOUDMANIFEST that ` +
    'remembers it here. If it never can be, remove that CLOUDMANIFEST'
  )
}

function rootKey(place: DatabasePlace, cookie: string): string {
  return objectKey(place, objectName({ kind: 'cloudManifest', cookie }))
}

async function deleteObjects(place: DatabasePlace, names: readonly string[]): Promise<void> {
  if (names.length > 0) await place.store.deleteMany(names.map((name) => objectKey(place, name)))
}
