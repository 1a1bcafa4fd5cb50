import { type DatabasePlace, objectKey } from '../cloud/database-place.js'
import { parseObjectName } from '../format/file-name.js'

/** Whether a CLOUDMANIFEST lies at the place, of whatever cookie. */
export async function hasCloudManifest(place: DatabasePlace): Promise<boolean> {
  const prefix = objectKey(place, '')
  for await (const { key } of place.store.list(`${prefix}CLOUDMANIFEST`, { shallow: true }))
    if (parseObjectName(key.slice(prefix.length))?.kind === 'cloudManifest') return true
  return false
}
