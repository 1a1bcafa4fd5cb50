import { EnvError } from '../env/env-error.js'
import type { ObjectName } from '../format/file-name.js'
import { type DatabasePlace, databaseUrl } from './database-place.js'
import { type ListedObject, listing } from './listing.js'
import { localRoot } from './remains.js'

/** Objects directly at a place, sorted by the meaning of their names. */
export interface ListedPlace {
  readonly place: DatabasePlace
  /** Objects by the last part of their keys. */
  readonly named: ReadonlyMap<string, NamedObject>
  /** Leftovers of interrupted checks of the store's conditional writes. */
  readonly probes: readonly StrangeObject[]
  /** Number of objects whose names mean nothing here, and their bytes. */
  readonly foreign: { readonly objects: number; readonly bytes: number }
  /** First of these objects, and {@link localRoot}. Not all: anybody may have put any number of them there. */
  readonly foreignSample: readonly StrangeObject[]
}

export interface NamedObject {
  readonly parsed: ObjectName
  readonly size: number
  readonly modified: Date
}

export type StrangeObject = Pick<ListedObject, 'name' | 'size' | 'modified'>

const maxForeignSample = 1000
/** See src/store/probe-conditional.ts. */
const probe = /^\.cloudenv-probe-[0-9a-f-]{36}$/

/** Four for each file that a MANIFEST may have; their metadata then takes a gigabyte. */
const maxNames = 2_000_000
function refusal(place: DatabasePlace, limit: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${databaseUrl(place)} has more than ${limit}, more than is looked at here. Remove those that nobody needs`,
  )
}

/**
 * @param onObject called for each object; an error or rejection ends the listing.
 * @throws EnvError NotSupported: there are more than can be held; and errors of the store.
 */
export async function listPlace(
  place: DatabasePlace,
  onObject?: () => void | Promise<void>,
): Promise<ListedPlace> {
  const named = new Map<string, NamedObject>()
  const probes: StrangeObject[] = []
  const foreignSample: StrangeObject[] = []
  const foreign = { objects: 0, bytes: 0 }
  for await (const { name, parsed, size, modified } of listing(place)) {
    const pause = onObject?.()
    if (pause) await pause
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
