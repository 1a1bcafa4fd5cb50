import { type DatabasePlace, databaseUrl, objectKey } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import { type ObjectName, parseObjectName } from '../format/file-name.js'
import { localRoot } from './remains.js'

/** What lies directly at a place, by what its names mean. */
export interface ListedPlace {
  readonly place: DatabasePlace
  /** By the last part of the key. */
  readonly named: ReadonlyMap<string, NamedObject>
  /** What interrupted checks of the store's conditional writes left. */
  readonly probes: readonly ListedObject[]
  /** How many objects have a name that means nothing, and their bytes. */
  readonly foreign: { readonly objects: number; readonly bytes: number }
  /** The first of them, and {@link localRoot}: anybody may have put any number of them there. */
  readonly foreignSample: readonly ListedObject[]
}

export interface NamedObject {
  readonly parsed: ObjectName
  readonly size: number
  readonly modified: Date
}

export interface ListedObject {
  readonly name: string
  readonly size: number
  readonly modified: Date
}

const maxForeignSample = 1000
/** See src/store/probe-conditional.ts. */
const probe = /^\.cloudenv-probe-[0-9a-f-]{36}$/

/** Four for each file that a MANIFEST may have; what is known of them then takes a gigabyte. */
const maxNames = 2_000_000
/** Five for each state that is read. */
export const maxCookies = 5_000

/** That a place has more CLOUDMANIFESTs than anybody's database. */
export function tooManyCookies(place: DatabasePlace): EnvError {
  return refusal(place, `${maxCookies} CLOUDMANIFESTs`)
}

function refusal(place: DatabasePlace, most: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${databaseUrl(place)} has more than ${most}, more than is looked at here. Remove those that nobody needs`,
  )
}

/**
 * @param onObject called for each.
 * @throws EnvError NotSupported: there are more than can be held; and what the store fails with.
 */
export async function listPlace(place: DatabasePlace, onObject?: () => void): Promise<ListedPlace> {
  const prefix = objectKey(place, '')
  const named = new Map<string, NamedObject>()
  const probes: ListedObject[] = []
  const foreignSample: ListedObject[] = []
  const foreign = { objects: 0, bytes: 0 }
  let cookies = 0
  for await (const { key, size, lastModified: modified } of place.store.list(prefix, { shallow: true })) {
    onObject?.()
    const name = key.slice(prefix.length)
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'cloudManifest' && ++cookies > maxCookies) throw tooManyCookies(place)
    if (parsed) named.set(name, { parsed, size, modified })
    else if (probe.test(name)) probes.push({ name, size, modified })
    else {
      foreign.objects += 1
      foreign.bytes += size
      if (foreignSample.length < maxForeignSample || name === localRoot)
        foreignSample.push({ name, size, modified })
    }
    if (named.size + probes.length > maxNames) throw refusal(place, `${maxNames} objects of a database`)
  }
  return { place, named, probes, foreign, foreignSample }
}
