import { type ObjectName, objectName, parseObjectName } from '../format/file-name.js'
import { bringBack, type Problem } from './problem.js'
import type { Survey } from './survey.js'

/** What lies of a database at a place that has no CLOUDMANIFEST. */
export interface Remains {
  readonly tables: number
  readonly blobFiles: number
  readonly manifests: number
}

/** Counts what lies at one place, by the names of the objects. */
export class RemainsCounter {
  readonly #counts: Record<ObjectName['kind'], number> = {
    table: 0,
    blob: 0,
    manifest: 0,
    cloudManifest: 0,
    identity: 0,
  }
  #isLocal = false

  add(name: string): void {
    if (name === localRoot) this.#isLocal = true
    const kind = parseObjectName(name)?.kind
    if (kind) this.#counts[kind] += 1
  }

  /**
   * Undefined: nothing of a database that lost its CLOUDMANIFEST, for one is there, or nothing that it could lead to, or it
   * is a directory of RocksDB itself.
   */
  get remains(): Remains | undefined {
    const { table: tables, blob: blobFiles, manifest: manifests, cloudManifest } = this.#counts
    if (this.#isLocal || cloudManifest > 0 || tables + blobFiles + manifests === 0) return undefined
    return { tables, blobFiles, manifests }
  }

  /**
   * What {@link remains} says, where that is a database. Tables alone are those of a cache, or were left when one was
   * destroyed; a MANIFEST alone, when one was made.
   */
  get lostDatabase(): Remains | undefined {
    const { remains } = this
    return remains && remains.manifests > 0 && remains.tables + remains.blobFiles > 0 ? remains : undefined
  }
}

/** What {@link RemainsCounter} says of all these names. */
export function remainsAmong(names: Iterable<string>): Remains | undefined {
  const counter = new RemainsCounter()
  for (const name of names) counter.add(name)
  return counter.remains
}

/** What leads to the MANIFEST in a directory of RocksDB itself. No database in a bucket has it. */
export const localRoot = 'CURRENT'

/** That the CLOUDMANIFEST is missing, where there is none and something that it could lead to. */
export function rootProblems({ url, states, places: [own], objects }: Survey): Problem[] {
  if (states.size > 0) return []
  const remains = remainsAmong(objects.filter(({ place }) => place === own).map(({ name }) => name))
  return remains ? [missingCloudManifest(url, remains)] : []
}

/** The problem of a database at this URL of which that is left. */
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
