import {
  type DatabasePlace,
  databaseUrl,
  objectKey,
  objectUrl,
  type Places,
} from '../catalog/database-place.js'
import { listing } from '../catalog/listing.js'
import type { OpenPlace } from '../catalog/sources.js'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { type ObjectName, objectName, tableFileName } from '../format/file-name.js'
import type { RangedSource } from '../table/ranged-source.js'
import { checkDirectory } from './check-directory.js'
import { noDatabase } from './no-database.js'
import { UsageError } from './usage-error.js'

type TableName = Extract<ObjectName, { readonly number: number }>

/**
 * Finds the table of that name, in the first place that has it: for a name without an epoch, sources that the
 * CLOUDMANIFEST records too.
 *
 * @throws UsageError there is no database that could tell the epoch, or it has no such table; EnvError NotFound: the
 * table is missing.
 */
export async function findTable(
  places: Places,
  { number, epoch }: TableName,
  cookie: string,
  openPlace: OpenPlace,
): Promise<RangedSource> {
  const tableOf = (madeIn: Epoch) => objectName({ kind: 'table', number, epoch: madeIn })
  const given = tableOf(epoch)
  if (epoch !== '') return (await storedTable(places, given)) ?? (await missing(places, given))
  const { readRoot } = await import('../catalog/state-objects.js')
  const root = await readRoot(places, cookie)
  if (!root) {
    // A plain RocksDB has no epochs.
    const plain = cookie === '' ? await storedTable(places, given) : undefined
    if (plain) return plain
    throw await noDatabase(places[0], cookie)
  }
  if (root.error) throw root.error
  const name = tableOf(epochOf(root.value, number))
  const { recordedSources, withSources } = await import('../catalog/sources.js')
  const found = await storedTable(await withSources(places, recordedSources(root.object), openPlace), name)
  if (found) return found
  await checkReferenced(places, number, cookie)
  return await missing(places, name)
}

async function storedTable(places: Places, name: string): Promise<RangedSource | undefined> {
  const { rangedObject } = await import('../table/ranged-source.js')
  for (const place of places) {
    const size = await sizeOf(place, name)
    if (size !== undefined) return rangedObject(place, name, size)
  }
  return undefined
}

async function sizeOf(place: DatabasePlace, name: string): Promise<number | undefined> {
  return (await unlessNotFound(place.store.head(objectKey(place, name))))?.size
}

/** @throws UsageError the MANIFEST has no table of that number, so none is missing. */
async function checkReferenced(places: Places, number: number, cookie: string): Promise<void> {
  const { readState } = await import('../catalog/read-state.js')
  const { manifest } = await readState(places, cookie)
  if (!manifest || manifest.liveTables.has(number)) return
  const url = databaseUrl(places[0])
  const left = await leftOf(places, number)
  const hint =
    left.length === 0 ? '' : `. Of another epoch there is: cloudenv sst ${left.slice(0, maxNamed).join(', ')}`
  throw new UsageError(
    `the MANIFEST of ${url} has no table ${number}. Those that it has: cloudenv tables ${url}` +
      `${cookie === '' ? '' : ` --cookie ${cookie}`}${hint}`,
  )
}

const maxNamed = 3

/** URLs of the tables of that number, in any epoch. */
async function leftOf(places: Places, number: number): Promise<string[]> {
  const urls: string[] = []
  for (const place of places) {
    for await (const { name, parsed } of listing(place, { startsWith: tableFileName(number) }))
      if (parsed?.kind === 'table') urls.push(objectUrl(place, name))
  }
  return urls
}

async function missing(places: Places, name: string): Promise<never> {
  await checkDirectory(places[0])
  const { cloneAdvice } = await import('../catalog/clone.js')
  const advice = await cloneAdvice(places)
  const hint = advice === undefined ? '' : `. ${advice}`
  throw new EnvError('NotFound', `${objectUrl(places[0], name)} is not there${hint}`)
}
