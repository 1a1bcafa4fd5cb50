import { cookiesAmong, noSuchCookie } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl, objectKey, objectUrl } from '../catalog/database-place.js'
import type { NamedObject } from '../catalog/listed-place.js'
import { readStoredManifest } from '../catalog/state-objects.js'
import { EnvError } from '../env/env-error.js'
import { objectName } from '../format/file-name.js'
import { type DatedGarbage, neverReadable } from './deletions.js'

/**
 * MANIFESTs that an attempt to create the database left at a place without a CLOUDMANIFEST: they lead to nothing, or in
 * the case of a clone to nothing here. A creation that ends early leaves no table, since its CLOUDMANIFEST comes before
 * the first one.
 * @param objects the objects directly at the place, by base name.
 * @throws EnvError Corruption if more lies there: a database that would be lost under a new one. InvalidArgument if
 *   there is a database under another cookie, or is being copied or imported to there.
 */
export async function leftoversOfCreation(
  place: DatabasePlace,
  objects: ReadonlyMap<string, NamedObject>,
  cookie: string,
  { isClone = false }: { readonly isClone?: boolean } = {},
): Promise<DatedGarbage> {
  const found = [...objects].map(([name, { parsed }]) => ({ name, kind: parsed.kind }))
  const cookies = cookiesAmong(objects.values())
  if (cookies.length > 0) throw noSuchCookie('InvalidArgument', place, cookie, cookies)
  if (found.some(({ kind }) => kind === 'incoming')) throw incompleteArrival(place)
  const files = found.filter(({ kind }) => kind === 'table' || kind === 'blob')
  if (files.length > 0) throw orphaned(place, cookie, tables(files.map(({ name }) => name)))
  const manifests = found.filter(({ kind }) => kind === 'manifest').map(({ name }) => name)
  for (const name of manifests) {
    if (!isClone && !(await isOfNewDatabase(place, name)))
      throw orphaned(place, cookie, `${name}, which leads to data`)
  }
  // A MANIFEST of a clone says which pins its attempt left at the source: a collection needs it to remove them.
  return neverReadable(isClone ? [] : manifests.map((name) => objectKey(place, name)))
}

/** Reports whether the MANIFEST belongs to a database without any writes; also true if it is gone. */
async function isOfNewDatabase(place: DatabasePlace, name: string): Promise<boolean> {
  const found = await readStoredManifest([place], name)
  if (!found) return true
  // An object is written whole or not at all: no creation left a damaged one.
  if (found.error) return false
  const { liveTables, liveBlobFiles, columnFamilies } = found.value
  return liveTables.size === 0 && liveBlobFiles.size === 0 && columnFamilies.size === 1
}

function incompleteArrival(place: DatabasePlace): EnvError {
  const mark = objectUrl(place, objectName({ kind: 'incoming' }))
  return new EnvError(
    'InvalidArgument',
    `a database is being copied, imported or migrated to ${databaseUrl(place)}, or that was interrupted (${mark} is there). ` +
      'Wait for the end of it, repeat that command or open the migrated directory to complete it, or remove what lies there',
  )
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
