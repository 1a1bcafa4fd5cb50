import { type DatabasePlace, objectKey } from '../cloud/database-place.js'
import { parseObjectName } from '../format/file-name.js'

/** Of the CLOUDMANIFESTs that lie at a place, the plain one's being empty. */
export async function cookiesAt(place: DatabasePlace): Promise<string[]> {
  const prefix = objectKey(place, '')
  const cookies: string[] = []
  for await (const { key } of place.store.list(`${prefix}CLOUDMANIFEST`, { shallow: true })) {
    const name = parseObjectName(key.slice(prefix.length))
    if (name?.kind === 'cloudManifest') cookies.push(name.cookie)
  }
  return cookies
}
