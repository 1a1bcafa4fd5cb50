import { type DatabasePlace, objectKey, objectUrl, type Places } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import { decodeCloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import type { RangedSource } from '../inspect/ranged-source.js'
import { checkDirectory } from './check-directory.js'
import { noDatabase } from './no-database.js'

type TableName = Extract<ObjectName, { readonly number: number }>

/**
 * The table of that name, in the first place that has it.
 *
 * @throws UsageError there is no database that could tell the epoch; EnvError NotFound.
 */
export async function findTable(
  places: Places,
  { number, epoch }: TableName,
  cookie: string,
): Promise<RangedSource> {
  const tableOf = (madeIn: Epoch) => objectName({ kind: 'table', number, epoch: madeIn })
  if (epoch !== '') return await rangedTable(places, tableOf(epoch))
  const { readCloudManifestObject } = await import('../inspect/read-state.js')
  const root = await readCloudManifestObject(places, cookie)
  // A plain RocksDB has no epochs.
  if (!root && cookie === '' && (await sizeOf(places[0], tableOf(epoch))) !== undefined)
    return await rangedTable(places, tableOf(epoch))
  if (!root) throw await noDatabase(places[0], cookie)
  if (root.problem) throw new EnvError('Corruption', root.problem.message)
  const cloudManifest = decodeCloudManifest(root.object.body, root.url)
  return await rangedTable(places, tableOf(epochOf(cloudManifest, number)))
}

async function rangedTable(places: Places, name: string): Promise<RangedSource> {
  const { rangedObject } = await import('../inspect/ranged-source.js')
  for (const place of places) {
    const size = await sizeOf(place, name)
    if (size !== undefined) return rangedObject(place, name, size)
  }
  await checkDirectory(places[0])
  const { cloneAdvice } = await import('../inspect/clone.js')
  const advice = await cloneAdvice(places)
  throw new EnvError(
    'NotFound',
    `${objectUrl(places[0], name)} is not there${advice === undefined ? '' : `. ${advice}`}`,
  )
}

async function sizeOf(place: DatabasePlace, name: string): Promise<number | undefined> {
  try {
    return (await place.store.head(objectKey(place, name))).size
  } catch (error) {
    if (EnvError.is(error, 'NotFound')) return undefined
    throw error
  }
}
