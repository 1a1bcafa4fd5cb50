import { databaseUrl, type Places } from '../cloud/database-place.js'
import { readIdentity } from './identity.js'

/** Stands between the id of a clone's source and what is random in its own. */
const separator = 'rockset'

/**
 * Whether what IDENTITY holds is the id of a clone: that of its source with `rockset` and something random behind it.
 * What a clone needs may lie at its source.
 */
export function isCloneIdentity(identity: string | undefined | null): boolean {
  return identity?.includes(separator) ?? false
}

/**
 * What may help where something is missing that a database needs, instead of bringing it back: to name the source of a
 * clone, or another one. By the ids of both, which are fetched. Undefined: they tell nothing.
 */
export async function cloneAdvice([own, source]: Places): Promise<string | undefined> {
  const identity = await readIdentity(own)
  if (!source) {
    if (!isCloneIdentity(identity)) return undefined
    return 'This database is a clone: what it did not write itself lies at its source, name that with --source'
  }
  const ofSource = await readIdentity(source)
  if (!identity || !ofSource || isSourceOf(ofSource, identity)) return undefined
  return `By IDENTITY this database is no clone of ${databaseUrl(source)}: --source should name another one`
}

/** The id of a source may have had a line end behind it when the clone was made. */
function isSourceOf(source: string, clone: string): boolean {
  return clone.startsWith(source) && clone.slice(source.length).trimStart().startsWith(separator)
}
