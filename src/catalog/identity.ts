import { quoted } from '../format/quoted.js'
import type { DatabasePlace } from './database-place.js'
import { getFirst, maxIdentityBytes } from './get-first.js'
import { bringBack, type Problem } from './problem.js'
import type { Survey } from './survey.js'

/**
 * Contents of IDENTITY, trimmed, at the first place that has one; undefined if there is none. The text comes from the
 * bucket: escape it before printing.
 */
export async function readIdentity(places: readonly DatabasePlace[]): Promise<string | undefined> {
  const found = await getFirst(places, 'IDENTITY', { offset: 0, length: maxIdentityBytes })
  return found && Buffer.from(found.object.body).toString('latin1').trim()
}

export function identityUrl({ url }: Pick<Survey, 'url'>): string {
  return `${url}/IDENTITY`
}

/** Problems of an IDENTITY that does not say which database this is. None if there is no IDENTITY. */
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
    const message = `${object} is missing, which says which database this is. ${bringBack}; opening the database for writing makes a new one`
    return [{ code: 'missing', object, message }]
  }
  if (identity === '') return corrupt('is empty')
  // A MANIFEST may have the id too, and is compared with this one.
  const isNamed = [...states.values()].some(({ manifest }) => manifest?.dbId)
  return isNamed || identityPattern.test(identity) ? [] : corrupt(`holds ${quoted(identity)}`)
}

/**
 * Groups of hexadecimal digits: a UUID, or two numbers where old versions of RocksDB (before 6.24) found no source of
 * UUIDs (`Env::GenerateUniqueId`, env/env.cc). The id of a clone has several of these.
 */
const identityPattern = /^[0-9a-f]+(?:-[0-9a-f]+)+(?:\s*rockset[0-9a-f]+(?:-[0-9a-f]+)+)*$/i
