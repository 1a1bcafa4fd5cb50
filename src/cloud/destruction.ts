import { type DatabasePlace, objectKey } from '../catalog/database-place.js'
import { listObjects } from '../catalog/database-view.js'
import { getFirst, maxIdentityBytes } from '../catalog/get-first.js'
import { removePin } from '../catalog/pin.js'
import { registryKey } from '../catalog/registry.js'
import { forEachPin, type OpenPlace, recordedSources } from '../catalog/sources.js'
import { readRoot, type SoundRoot } from '../catalog/state-objects.js'
import { isOfEpoch } from '../catalog/visibility.js'
import { type Epoch, isDestroyed } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'

/**
 * Deletes a database whose CLOUDMANIFEST says that it is being destroyed: first its entry in the registry, last that
 * CLOUDMANIFEST, since nobody creates a new database among the remains while it is there. The objects stay if there is
 * a CLOUDMANIFEST of another cookie, or a pin: somebody needs some of them.
 */
export async function finishDestruction(
  place: DatabasePlace,
  cookie: string,
  openPlace: OpenPlace,
): Promise<void> {
  const root = await readDestroyed(place, cookie)
  if (!root) return
  const cloudManifest = objectName({ kind: 'cloudManifest', cookie })
  const objects = [...(await listObjects(place))].filter(([name]) => name !== cloudManifest)
  if (!objects.some(([, { parsed }]) => parsed.kind === 'cloudManifest' || parsed.kind === 'pin')) {
    const identity = await getFirst([place], 'IDENTITY', { offset: 0, length: maxIdentityBytes })
    const registration = identity && registryKey(identity.object.body)
    if (registration) await place.store.deleteMany([registration])
    await deleteObjects(
      place,
      objects.map(([name]) => name),
    )
  }
  await forEachPin(recordedSources(root.object), openPlace, removePin)
  // Somebody else may have finished it meanwhile.
  if (await readDestroyed(place, cookie)) await deleteObjects(place, [cloudManifest])
}

export async function isBeingDestroyed(place: DatabasePlace, cookie: string): Promise<boolean> {
  return (await readDestroyed(place, cookie)) !== undefined
}

/** The CLOUDMANIFEST, if it says that the database is being destroyed. */
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

async function deleteObjects(place: DatabasePlace, names: readonly string[]): Promise<void> {
  if (names.length > 0) await place.store.deleteMany(names.map((name) => objectKey(place, name)))
}
