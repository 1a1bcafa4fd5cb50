import { EnvError } from '../env/env-error.js'
import type { ObjectName } from '../format/file-name.js'
import { type DatabasePlace, databaseUrl } from './database-place.js'
import { type ListedObject, listing } from './listing.js'
import { mapLimited } from './map-limited.js'
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
 * @param likelyNames names that are likely to be there. Asked for if one page is not enough: the rest is then listed in
 *   parts, at the same time. Default: page after page.
 * @throws EnvError NotSupported: there are more than can be held; and errors of the store.
 */
export async function listPlace(
  place: DatabasePlace,
  onObject?: () => void | Promise<void>,
  likelyNames?: () => Promise<readonly string[]>,
): Promise<ListedPlace> {
  let held = 0
  const list = async ({ after, last, maxObjects }: ListingPart): Promise<SortedObjects> => {
    const sorted = new SortedObjects(place)
    for await (const object of listing(place, after === undefined ? {} : { startAfter: after })) {
      if (last !== undefined && object.name > last) break
      const pause = onObject?.()
      if (pause) await pause
      if (sorted.add(object)) held += 1
      if (held > maxNames) throw refusal(place, `${maxNames} objects of a database`)
      if (sorted.objects === maxObjects) break
    }
    return sorted
  }
  if (!likelyNames) return await list({})
  const all = await list({ maxObjects: pageObjects })
  if (all.objects < pageObjects) return all
  const parts = listingParts(all.lastName, await likelyNames())
  for (const part of await mapLimited(parts, concurrentParts, list)) all.append(part)
  return all
}

/** Objects of a listing page. */
const pageObjects = 1000
/** Of them, those that are likely: a tenth of the page is left for others. */
const likelyObjects = 900
const concurrentParts = 16

interface ListingPart {
  /** Name before the first. */
  readonly after?: string
  /** Last name. */
  readonly last?: string | undefined
  /** Number of objects after which it ends. */
  readonly maxObjects?: number
}

/** Parts of what follows a name, each of about as many objects as a page has. Pure. */
export function listingParts(after: string, likelyNames: readonly string[]): ListingPart[] {
  const likely = likelyNames.filter((name) => name > after).sort()
  const count = Math.max(1, Math.ceil(likely.length / likelyObjects))
  const starts = Array.from({ length: count }, (_, index) =>
    index === 0 ? after : likely[Math.floor((index * likely.length) / count)]!,
  )
  return starts.map((start, index) => ({ after: start, last: starts[index + 1] }))
}

class SortedObjects implements ListedPlace {
  readonly place: DatabasePlace
  readonly named = new Map<string, NamedObject>()
  readonly probes: StrangeObject[] = []
  readonly foreign = { objects: 0, bytes: 0 }
  readonly foreignSample: StrangeObject[] = []
  /** Number of all objects. */
  objects = 0
  lastName = ''

  constructor(place: DatabasePlace) {
    this.place = place
  }

  /** @returns whether it is kept, and not only counted. */
  add({ name, parsed, size, modified }: ListedObject): boolean {
    this.objects += 1
    this.lastName = name
    if (parsed) this.named.set(name, { parsed, size, modified })
    else if (probe.test(name)) this.probes.push({ name, size, modified })
    else {
      this.foreign.objects += 1
      this.foreign.bytes += size
      this.#sample({ name, size, modified })
      return false
    }
    return true
  }

  /** Adds what follows. */
  append(next: SortedObjects): void {
    for (const [name, object] of next.named) this.named.set(name, object)
    for (const object of next.probes) this.probes.push(object)
    this.foreign.objects += next.foreign.objects
    this.foreign.bytes += next.foreign.bytes
    for (const object of next.foreignSample) this.#sample(object)
  }

  #sample(object: StrangeObject): void {
    if (this.foreignSample.length < maxForeignSample || object.name === localRoot)
      this.foreignSample.push(object)
  }
}
