import type { DatabasePlace } from '../cloud/database-place.js'
import { getFirst } from '../cloud/database-view.js'
import { bringBack, type Problem } from './problem.js'
import { quoted } from './quoted.js'
import type { Survey } from './survey.js'

/** A UUID has 36, the id of a clone some more. */
const maxIdentityBytes = 1000

/** What IDENTITY holds at a place, trimmed; undefined where there is none. From the bucket: escape it before it is printed. */
export async function readIdentity(place: DatabasePlace): Promise<string | undefined> {
  const found = await getFirst([place], 'IDENTITY', { offset: 0, length: maxIdentityBytes })
  return found && Buffer.from(found.object.body).toString('latin1').trim()
}

export function identityUrl({ url }: Pick<Survey, 'url'>): string {
  return `${url}/IDENTITY`
}

/** Where IDENTITY does not say which database this is. Nothing where there is none. */
export function identityProblems(survey: Survey): Problem[] {
  const { identity, states } = survey
  if (states.size === 0) return []
  const object = identityUrl(survey)
  const corrupt = (holds: string): Problem[] => [
    {
      code: 'corrupt',
      object,
      message: `${object} ${holds}, and should say which database this is. ${bringBack}`,
    },
  ]
  if (identity === undefined) {
    const message = `${object} is missing, which says which database this is. ${bringBack}`
    return [{ code: 'missing', object, message }]
  }
  if (identity === '') return corrupt('is empty')
  // A MANIFEST may have the id too, and is compared with it.
  const isNamed = [...states.values()].some(({ manifest }) => manifest?.dbId)
  return isNamed || identityPattern.test(identity) ? [] : corrupt(`holds ${quoted(identity)}`)
}

/**
 * Groups of hexadecimal digits: a UUID, and two numbers where old versions of RocksDB (before 6.24) found no source of
 * them (`Env::GenerateUniqueId`, env/env.cc). Ids of clones are several of these.
 */
const identityPattern = /^[0-9a-f]+(?:-[0-9a-f]+)+(?:\s*rockset[0-9a-f]+(?:-[0-9a-f]+)+)*$/i
