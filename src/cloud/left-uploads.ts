import { cookiesAmong } from '../catalog/cookies.js'
import { type DatabasePlace, objectKey } from '../catalog/database-place.js'
import { type DatabaseView, latestChange } from '../catalog/database-view.js'
import { knowsEpoch } from '../catalog/visibility.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { parseObjectName } from '../format/file-name.js'
import type { UnfinishedUpload } from '../store/unfinished-uploads.js'

/**
 * Aborts the unfinished uploads that earlier owners left, so that nobody keeps paying for their parts. Resolves even if
 * the store refuses or cannot do this: that is no reason not to open a database.
 * @param cloudManifest the one of the new owner.
 */
export async function abortLeftUploads(
  place: DatabasePlace,
  view: DatabaseView,
  cloudManifest: CloudManifest,
  signal: AbortSignal,
): Promise<void> {
  try {
    await abortUploads(place, leftUploads(view, cloudManifest), signal)
  } catch {
    // The next owner tries again, and the bucket's own lifecycle rule may be quicker.
  }
}

/** Reports whether nobody will complete the upload of the object of that name. */
type IsAbandoned = (name: string, upload: Pick<UnfinishedUpload, 'started'>) => boolean

/** Aborts unfinished uploads of objects at a place. @throws EnvError: the store refuses. */
export async function abortUploads(
  place: DatabasePlace,
  isAbandoned: IsAbandoned,
  signal?: AbortSignal,
): Promise<void> {
  const { unfinishedUploads } = place.store
  if (!unfinishedUploads) return
  const prefix = objectKey(place, '')
  const options = signal ? { signal } : {}
  for await (const upload of unfinishedUploads.list(prefix, options))
    if (isAbandoned(upload.key.slice(prefix.length), upload)) await unfinishedUploads.abort(upload, options)
}

/**
 * Uploads that no owner will complete: those of past epochs, since a displaced owner commits nothing any more, and old
 * ones of epochs that never came to be. None if there is another cookie: its owner may write under any of these epochs.
 * Pure.
 */
export function leftUploads(view: DatabaseView, cloudManifest: CloudManifest): IsAbandoned {
  const isAlone = cookiesAmong(view.objects.values()).length <= 1
  const storeNow = latestChange(view).getTime()
  return (name, { started }) => {
    const parsed = parseObjectName(name)
    if (!parsed || !('epoch' in parsed) || parsed.epoch === cloudManifest.current) return false
    if (!isAlone) return false
    return knowsEpoch(cloudManifest, parsed.epoch) || started.getTime() < storeNow - abandonedMs
  }
}

/** No upload of a table takes a day. */
const abandonedMs = 24 * 60 * 60 * 1000
