import { type DatabasePlace, objectKey } from '../cloud/database-place.js'
import { parseObjectName } from '../format/file-name.js'
import { maxCookies } from './listed-place.js'
import { type Remains, RemainsCounter } from './remains.js'

/** A database below a prefix, as a listing shows it: live files and garbage are not told apart. */
export interface FoundDatabase {
  readonly place: DatabasePlace
  /** Below the prefix; empty for a database that lies directly there. */
  readonly path: string
  /**
   * Of its CLOUDMANIFESTs, in order: the plain one (`''`) comes first. Empty: it lost them. More than
   * {@link maxCookies}: there may be still more.
   */
  readonly cookies: readonly string[]
  /** What is left of one that lost its CLOUDMANIFEST: files, and a MANIFEST that may lead to them. */
  readonly remains: Remains | undefined
  /** What lies directly there. */
  readonly objects: number
  readonly bytes: number
  /** When the newest of these was written whose name means something here. */
  readonly modified: Date
}

/** What lies below a prefix and in no database; also what has a name that nothing of ours can have, wherever it lies. */
export interface Elsewhere {
  readonly objects: number
  readonly bytes: number
}

export interface FindOptions {
  /** Called for each object. */
  readonly onObject?: (() => void) | undefined
  /** Also finds databases that lost their CLOUDMANIFESTs. Otherwise what is left of them is in none. */
  readonly withLost?: boolean | undefined
}

/**
 * Every database below a place, by one listing, page by page. All that is held at a time is a sum for each directory that
 * the listing is in. A database inside the directory of another one comes before it.
 * @returns what is in none of them, at the end.
 */
export async function* findDatabases(
  place: DatabasePlace,
  { onObject, withLost = false }: FindOptions = {},
): AsyncGenerator<FoundDatabase, Elsewhere> {
  const prefix = objectKey(place, '')
  const elsewhere = { objects: 0, bytes: 0 }
  // Innermost last.
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
  for await (const { key, size, lastModified } of place.store.list(prefix, { onLeftOut })) {
    onObject?.()
    const path = key.slice(prefix.length, key.lastIndexOf('/') + 1)
    const name = parseObjectName(key.slice(prefix.length + path.length))
    // Keys come in order: a directory is over when one comes that is not below it.
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
    directory.left.add(key.slice(prefix.length + path.length))
    directory.objects += 1
    directory.bytes += size
    if (name?.kind === 'cloudManifest' && directory.cookies.length <= maxCookies)
      directory.cookies.push(name.cookie)
    if (name && lastModified > directory.modified) directory.modified = lastModified
  }
  while (open.length > 0) {
    const database = closed()
    if (database) yield database
  }
  return elsewhere
}

interface Directory {
  /** Ends with `/`, but for the prefix itself. */
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
