import { EnvError } from '../env/env-error.js'
import { objectName, parseObjectName } from '../format/file-name.js'
import { readManifest } from '../format/manifest.js'
import type { ObjectInfo, ObjectKey } from '../store/object-store.js'
import { type DatabasePlace, databaseUrl, objectKey } from './database-place.js'

/**
 * What an attempt to create the database left at a place without a CLOUDMANIFEST: MANIFESTs that lead to nothing. A
 * creation that ends early leaves no table, for its CLOUDMANIFEST comes before the first one.
 * @param objects what lies directly at the place, by base name.
 * @throws EnvError Corruption where more lies there: a database that would be lost under a new one.
 */
export async function leftoversOfCreation(
  place: DatabasePlace,
  objects: ReadonlyMap<string, ObjectInfo>,
  cookie: string,
): Promise<readonly ObjectKey[]> {
  const found = [...objects.keys()].map((name) => ({ name, kind: parseObjectName(name)?.kind }))
  // What lies beside the CLOUDMANIFEST of another cookie belongs to that one, which protects it.
  if (found.some(({ kind }) => kind === 'cloudManifest')) return []
  const files = found.filter(({ kind }) => kind === 'table' || kind === 'blob')
  if (files.length > 0) throw orphaned(place, cookie, tables(files.map(({ name }) => name)))
  const manifests = found.filter(({ kind }) => kind === 'manifest').map(({ name }) => name)
  for (const name of manifests) {
    if (!(await isOfNewDatabase(place, name))) throw orphaned(place, cookie, `${name}, which leads to data`)
  }
  return manifests.map((name) => objectKey(place, name))
}

/** Whether the MANIFEST says no more than that of a database into which nothing was written yet; also when it is gone. */
async function isOfNewDatabase(place: DatabasePlace, name: string): Promise<boolean> {
  const stored = await place.store.get(objectKey(place, name)).catch((error: unknown) => {
    if (EnvError.is(error, 'NotFound')) return undefined
    throw error
  })
  if (!stored) return true
  try {
    const { liveTables, liveBlobFiles, columnFamilies } = readManifest(stored.body, { tail: 'strict' })
    return liveTables.size === 0 && liveBlobFiles.size === 0 && columnFamilies.size === 1
  } catch (error) {
    // An object is written whole or not at all: no creation left this.
    if (EnvError.is(error, 'Corruption')) return false
    throw error
  }
}

function orphaned(place: DatabasePlace, cookie: string, what: string): EnvError {
  const cloudManifest = objectName({ kind: 'cloudManifest', cookie })
  return new EnvError(
    'Corruption',
    `${databaseUrl(place)} has no ${cloudManifest}, yet there lies ${what}, of a database that lost its ${cloudManifest}, or ` +
      `that was not copied or destroyed to the end. No new database is made over it. Bring the ${cloudManifest} back, for ` +
      'example an earlier version of that object; or, to begin anew, remove what lies there, or choose another path',
  )
}

function tables([first, ...others]: readonly string[]): string {
  return others.length === 0 ? `${first}` : `${first}, with ${others.length} more tables or blob files`
}
