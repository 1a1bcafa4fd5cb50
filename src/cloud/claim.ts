import { EnvError } from '../env/env-error.js'
import { type CloudManifest, encodeCloudManifest, manifestObjectName } from '../format/cloud-manifest.js'
import { addEpoch, type Epoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { appendRecord } from '../format/log-record.js'
import { encodeNextFileNumberEdit } from '../format/version-edit.js'
import { PreconditionFailed } from '../store/object-store.js'
import { type DatabasePlace, objectKey } from './database-place.js'
import type { DatabaseView } from './database-view.js'

/** Written with every object that decides who owns the database, so that a writer knows its own. */
export const writerMetadata = 'cloudenv-writer'

export interface Claim {
  readonly cloudManifest: CloudManifest
  readonly cloudManifestEtag: string
  readonly manifestBytes: Uint8Array
  readonly manifestEtag: string
}

/**
 * Takes a database over into a new epoch. Three writes, each on the condition that nothing came between:
 *
 * 1. **Seal** the MANIFEST of the present epoch: the same MANIFEST and one edit that changes nothing but its
 *    ETag. The present owner commits on the condition of the ETag that it wrote, so from here on it can't. Whatever
 *    it committed before is in the MANIFEST that we inherit: no acknowledged flush is lost.
 * 2. Write that MANIFEST under the new epoch.
 * 3. **Switch** the CLOUDMANIFEST to the new epoch.
 *
 * @param beforeSwitch called between 2 and 3, to write down what is about to happen.
 * @returns undefined when somebody else was quicker: read the view again.
 */
export async function claimDatabase(
  place: DatabasePlace,
  cookie: string,
  view: DatabaseView,
  epoch: Epoch,
  writer: string,
  beforeSwitch: () => Promise<void>,
): Promise<Claim | undefined> {
  const metadata = { [writerMetadata]: writer }
  const { lastNextFileNumber, length } = view.manifest
  const manifestBytes = appendRecord(
    view.manifestBytes.subarray(0, length),
    encodeNextFileNumberEdit(lastNextFileNumber),
  )
  const oldManifest = objectKey(place, manifestObjectName(view.cloudManifest))
  const newManifest = objectKey(place, objectName({ kind: 'manifest', epoch }))
  const root = objectKey(place, objectName({ kind: 'cloudManifest', cookie }))
  const cloudManifest = addEpoch(view.cloudManifest, lastNextFileNumber, epoch)

  const sealed = await unlessOvertaken(
    place.store.put(oldManifest, manifestBytes, { condition: { etag: view.manifestEtag }, metadata }),
  )
  if (!sealed) return undefined
  const { etag: manifestEtag } = await place.store.put(newManifest, manifestBytes, {
    condition: 'absent',
    metadata,
  })
  await beforeSwitch()
  const switched = await unlessOvertaken(
    place.store.put(root, encodeCloudManifest(cloudManifest), {
      condition: { etag: view.cloudManifestEtag },
      metadata,
    }),
  )
  if (!switched) {
    await place.store.deleteMany([newManifest])
    return undefined
  }
  return { cloudManifest, cloudManifestEtag: switched.etag, manifestBytes, manifestEtag }
}

/** The result of a conditional write, undefined when the condition did not hold. */
async function unlessOvertaken<T>(write: Promise<T>): Promise<T | undefined> {
  return write.catch((error: unknown) => {
    if (error instanceof PreconditionFailed || EnvError.is(error, 'NotFound')) return undefined
    throw error
  })
}
