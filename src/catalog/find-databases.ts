import { maxCookies } from './cookies.js'
import type { DatabasePlace } from './database-place.js'
import { listing } from './listing.js'
import { type Remains, RemainsCounter } from './remains.js'

/** A database below a prefix, as a listing shows it, which does not tell live files from garbage. */
export interface FoundDatabase {
  readonly place: DatabasePlace
  /** Path below the prefix; empty for a database that lies directly there. */
  readonly path: string
  /**
   * Cookies of its CLOUDMANIFESTs, in order: the plain one (`''`) comes first. Empty: the database lost them. More than
   * {@link maxCookies}: there may be still more.
   */
  readonly cookies: readonly string[]
  /** Remains of a database that lost its CLOUDMANIFEST: files, and a MANIFEST that may lead to them. */
  readonly remains: Remains | undefined
  /** Number of objects directly at the place. */
  readonly objects: number
  readonly bytes: number
  /** Time when the newest of these objects was written, of those whose names mean something here. */
  readonly modified: Date
}

/** Objects below a prefix but in no database, and objects anywhere whose names no object of ours can have. */
export interface Elsewhere {
  readonly objects: number
  readonly bytes: number
}

export interface FindOptions {
  /** Called for each object. */
  readonly onObject?: (() => void) | undefined
  /** True to find databases that lost their CLOUDMANIFESTs as well. Otherwise their remains belong to no database. */
  readonly withLost?: boolean | undefined
  /** Number of objects to look at: the last directories may have more. Default: all. */
  readonly maxObjects?: number
}

/**
 * Finds every database below a place in one listing, page by page. Memory holds only a sum for each directory that the
 * listing is in. A database inside the directory of another one comes before it.
 * @returns at the end, everything that belongs to none of them.
 */
export async function* findDatabases(
  place: DatabasePlace,
  { onObject, withLost = false, maxObjects = Number.POSITIVE_INFINITY }: FindOptions = {},
): AsyncGenerator<FoundDatabase, Elsewhere> {
  const elsewhere = { objects: 0, bytes: 0 }
  // Innermost directory last.
  const open: Directory[] = []
  const closed = (): FoundDatabase | undefined => {
    const directory = open.pop()!
    if (directory.cookies.length > 0 || (withLost && directory.left.lostDatabase))
      return found(place, directory)
    elsewhere.objects += directory.objects
    elsewhere.bytes += directory.bytes
    return undefined
  }

  const onLeftOut = (size: number) => {
    elsewhere.objects += 1
    elsewhere.bytes += size
  }
  let looked = 0
  for await (const { path, name, parsed, size, modified } of listing(place, { isDeep: true, onLeftOut })) {
    onObject?.()
    // Keys come in order: a directory is complete at the first key that is not below it.
    while (open.length > 0 && !path.startsWith(open.at(-1)!.path)) {
      const database = closed()
      if (database) yield database
    }
    if (open.at(-1)?.path !== path)
      open.push({
        path,
        cookies: [],
        left: new RemainsCounter(),
        objects: 0,
        bytes: 0,
        modified: new Date(0),
      })
    const directory = open.at(-1)!
    directory.left.add(name, parsed)
    directory.objects += 1
    directory.bytes += size
    if (parsed?.kind === 'cloudManifest' && directory.cookies.length <= maxCookies)
      directory.cookies.push(parsed.cookie)
    if (parsed && modified > directory.modified) directory.modified = modified
    if (++looked === maxObjects) break
  }
  while (open.length > 0) {
    const database = closed()
    if (database) yield database
  }
  return elsewhere
}

interface Directory {
  /** Ends with `/`, except for the prefix itself. */
  readonly path: string
  readonly cookies: string[]
  readonly left: RemainsCounter
  objects: number
  bytes: number
  modified: Date
}

function found(place: DatabasePlace, directory: Directory): FoundDatabase {
  const { path, cookies, left, objects, bytes, modified } = directory
  const below = path.slice(0, -1)
  const own = [place.path, below].filter((part) => part !== '').join('/')
  return {
    place: { store: place.store, path: own },
    path: below,
    cookies: [...cookies].sort(),
    remains: left.lostDatabase,
    objects,
    bytes,
    modified,
  }
}
