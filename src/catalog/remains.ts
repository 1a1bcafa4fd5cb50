import { type ObjectName, objectName, parseObjectName } from '../format/file-name.js'
import { bringBack, type Problem } from './problem.js'
import type { Survey } from './survey.js'

/** Objects left of a database at a place that has no CLOUDMANIFEST. */
export interface Remains {
  readonly tables: number
  readonly blobFiles: number
  readonly manifests: number
}

/** Counts the objects at one place, by their names. */
export class RemainsCounter {
  readonly #counts: Record<ObjectName['kind'], number> = {
    table: 0,
    blob: 0,
    manifest: 0,
    history: 0,
    cloudManifest: 0,
    identity: 0,
    pin: 0,
    incoming: 0,
  }
  #isLocal = false

  /** @param parsed meaning of the name. */
  add(name: string, parsed = parseObjectName(name)): void {
    if (name === localRoot) this.#isLocal = true
    if (parsed) this.#counts[parsed.kind] += 1
  }

  /**
   * Undefined if there are no remains of a database that lost its CLOUDMANIFEST: there is one, or nothing that it could
   * lead to, or the place is a directory of RocksDB itself.
   */
  get remains(): Remains | undefined {
    const { table: tables, blob: blobFiles, manifest: manifests, cloudManifest } = this.#counts
    if (this.#isLocal || cloudManifest > 0 || tables + blobFiles + manifests === 0) return undefined
    return { tables, blobFiles, manifests }
  }

  /**
   * {@link remains}, if they are a database. Tables alone belong to a cache, or were left when a database was
   * destroyed; a MANIFEST alone was left when one was created.
   */
  get lostDatabase(): Remains | undefined {
    const { remains } = this
    return remains && remains.manifests > 0 && remains.tables + remains.blobFiles > 0 ? remains : undefined
  }
}

/** Remains that {@link RemainsCounter} finds among all these names. */
export function remainsAmong(names: Iterable<string>): Remains | undefined {
  const counter = new RemainsCounter()
  for (const name of names) counter.add(name)
  return counter.remains
}

/** File that leads to the MANIFEST in a directory of RocksDB itself. No database in a bucket has it. */
export const localRoot = 'CURRENT'

/** Problem of a missing CLOUDMANIFEST, if there is something that it could lead to. */
export function rootProblems({ url, states, places: [own], objects }: Survey): Problem[] {
  if (states.size > 0) return []
  const remains = remainsAmong(objects.filter(({ place }) => place === own).map(({ name }) => name))
  return remains ? [missingCloudManifest(url, remains)] : []
}

/** Problem of a database at this URL of which only these remains are left. */
export function missingCloudManifest(url: string, remains: Remains): Problem {
  const object = `${url}/${objectName({ kind: 'cloudManifest', cookie: '' })}`
  const message =
    `${object} is missing, and nothing else leads to the ${remainsText(remains)} that are there. ${bringBack}, unless ` +
    'the database is being created, or was destroyed'
  return { code: 'missing', object, message }
}

/** `3 tables and 1 MANIFEST`. */
export function remainsText({ tables, blobFiles, manifests }: Remains): string {
  const parts = [
    [tables, 'table'],
    [blobFiles, 'blob file'],
    [manifests, 'MANIFEST'],
  ] as const
  const named = parts
    .filter(([count]) => count > 0)
    .map(([count, thing]) => `${count} ${thing}${count === 1 ? '' : 's'}`)
  return named.join(' and ')
}
