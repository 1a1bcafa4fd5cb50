import type { Random } from '../env/system.js'
import { objectName } from '../format/file-name.js'
import { type DatabasePlace, databaseUrl, type Places } from './database-place.js'
import { readIdentity } from './identity.js'
import type { LeftPin } from './sources.js'

/** Separates the id of a clone's source from the random part of the clone's own id. */
const separator = 'rockset'

/**
 * Reports whether the contents of IDENTITY are the id of a clone: the id of its source, then `rockset` and a random
 * part. Objects that a clone needs may lie at its source.
 */
export function isCloneIdentity(identity: string | undefined | null): boolean {
  return identity?.includes(separator) ?? false
}

/** Contents of the IDENTITY of a new clone. */
export function cloneIdentity(source: Uint8Array, random: Random): Uint8Array {
  return Buffer.from(`${Buffer.from(source).toString('latin1').trim()}${separator}${random.uuid()}`)
}

/** Warning about a clone whose source cannot be written. */
export function unpinnedMessage(
  clone: DatabasePlace,
  { place: source, reason }: { readonly place: DatabasePlace; readonly reason: Error },
): string {
  return (
    `${databaseUrl(clone)} reads tables of ${databaseUrl(source)}, which refuses to note that (${reason.message}). The owner ` +
    `of ${databaseUrl(source)} deletes tables that it no longer needs, and the clone may lose them then. Allow writing ` +
    'there, or make the clone stand alone with "cloudenv savepoint"'
  )
}

/**
 * Warning about a pin at a source that is out of reach, of a clone that was destroyed, a branch of one that was
 * removed, or a clone that reads nothing there any more.
 */
export function leftPinMessage(occasion: string, { url, pin, reason }: LeftPin): string {
  return (
    `${occasion}, but ${url}/${objectName({ kind: 'pin', id: pin })}, which keeps the tables there that it needed, ` +
    `could not be removed (${reason.message})`
  )
}

/**
 * Advice where something that a database needs is missing, as an alternative to bringing it back: name the source of a
 * clone, or another source. Based on the ids of both databases, which are fetched. Undefined: the ids tell nothing.
 */
export async function cloneAdvice([own, source]: Places): Promise<string | undefined> {
  const identity = await readIdentity([own])
  if (!source) {
    if (!isCloneIdentity(identity)) return undefined
    return 'This database is a clone: what it did not write itself lies at its source, name that with --source'
  }
  const ofSource = await readIdentity([source])
  if (!identity || !ofSource || isSourceOf(ofSource, identity)) return undefined
  return `By IDENTITY this database is no clone of ${databaseUrl(source)}: --source should name another one`
}

/** Allows for a line end after the id of the source, as it may have been when the clone was made. */
function isSourceOf(source: string, clone: string): boolean {
  return clone.startsWith(source) && clone.slice(source.length).trimStart().startsWith(separator)
}
