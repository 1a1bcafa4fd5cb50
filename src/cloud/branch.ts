import { cookieExists } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { type OpenPlace, sourcesMetadata } from '../catalog/sources.js'
import { EnvError } from '../env/env-error.js'
import type { Random } from '../env/system.js'
import { encodeCloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, newEpoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { CasObject } from '../store/cas-object.js'
import { claimedCloudManifest } from './claim.js'
import { pinState } from './pinned-state.js'

export interface BranchRequest {
  /** Cookie of the state that the branch begins with. */
  readonly from: string
  /** Cookie of the branch, which must be new. */
  readonly to: string
}

/**
 * Begins a line of history at the place of a database, with its present state under another cookie. The database goes
 * on as if nothing had happened. Two objects are written, whatever its size: a MANIFEST and the CLOUDMANIFEST that names
 * it. Everything is as after an opening with a new cookie that wrote nothing.
 * @returns the epoch of the branch.
 * @throws EnvError NotFound: there is no state under `from`; InvalidArgument: there is one under `to`.
 */
export async function branch(
  place: DatabasePlace,
  { from, to }: BranchRequest,
  { random, openPlace }: { readonly random: Random; readonly openPlace?: OpenPlace },
): Promise<Epoch> {
  const epoch = newEpoch(() => random.bytes(8))
  const name = objectName({ kind: 'cloudManifest', cookie: to })
  const holder = `the branch ${databaseUrl(place)}/${name}`
  const pinned = await pinState([place], from, { id: epoch, kind: 'clone', holder }, openPlace)
  if (!pinned) {
    const missing = objectName({ kind: 'cloudManifest', cookie: from })
    throw new EnvError('NotFound', `${databaseUrl(place)} has no ${missing}`)
  }
  const { view, sources } = pinned
  try {
    if (view.objects.has(name)) throw cookieExists(place, to)
    const manifest = view.manifestBytes.subarray(0, view.manifest.length)
    await place.store.put(objectKey(place, objectName({ kind: 'manifest', epoch })), manifest)
    const root = new CasObject(place.store, objectKey(place, name), undefined, random)
    const cloudManifest = encodeCloudManifest(claimedCloudManifest(view, epoch))
    const outcome = await root.write(cloudManifest, sourcesMetadata(sources))
    if (outcome.kind === 'lost') throw cookieExists(place, to)
    await pinned.releaseOwn()
    return epoch
  } catch (error) {
    // The CLOUDMANIFEST may have arrived after a failure of the store: the pin then expires by itself.
    if (!EnvError.is(error) || !error.retryable) await pinned.release()
    throw error
  }
}
