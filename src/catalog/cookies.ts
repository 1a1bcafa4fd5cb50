import { ArgumentError } from '../env/argument-error.js'
import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { objectName } from '../format/file-name.js'
import { type DatabasePlace, databaseUrl } from './database-place.js'
import { type ListedObject, listing } from './listing.js'
import { cededMessage } from './repair-advice.js'

/** Far above the number of leaders that took a database over and left their CLOUDMANIFESTs. */
export const maxCookies = 5_000

/** Error for a place with more CLOUDMANIFESTs than any real database has. */
export function tooManyCookies(place: DatabasePlace): EnvError {
  return new EnvError(
    'NotSupported',
    `${databaseUrl(place)} has more than ${maxCookies} CLOUDMANIFESTs, more than is looked at here. Remove those that nobody needs`,
  )
}

/**
 * Cookies of all CLOUDMANIFESTs at a place, in order; the plain one has the empty cookie.
 * @throws EnvError NotSupported: there are more than {@link maxCookies}.
 */
export async function listCookies(place: DatabasePlace): Promise<string[]> {
  const objects: ListedObject[] = []
  for await (const object of listing(place, { startsWith: 'CLOUDMANIFEST' })) {
    if (objects.length === maxCookies) throw tooManyCookies(place)
    objects.push(object)
  }
  return cookiesAmong(objects)
}

/** Reports whether a CLOUDMANIFEST of any cookie lies at the place. */
export async function hasCloudManifest(place: DatabasePlace): Promise<boolean> {
  for await (const { parsed } of listing(place, { startsWith: 'CLOUDMANIFEST' }))
    if (parsed?.kind === 'cloudManifest') return true
  return false
}

/** Cookies of the CLOUDMANIFESTs among these, in order. */
export function cookiesAmong(objects: Iterable<Pick<ListedObject, 'parsed'>>): string[] {
  const cookies: string[] = []
  for (const { parsed } of objects) if (parsed?.kind === 'cloudManifest') cookies.push(parsed.cookie)
  return cookies.sort()
}

/** Error for a database that has states under other cookies, but none under the requested one. */
export function noSuchCookie(
  code: Extract<EnvErrorCode, 'NotFound' | 'InvalidArgument'>,
  place: DatabasePlace,
  cookie: string,
  others: readonly string[],
): EnvError {
  const named = others.slice(0, maxNamed).map((other) => (other === '' ? 'none' : JSON.stringify(other)))
  const more = others.length > maxNamed ? ` and ${others.length - maxNamed} more` : ''
  return new EnvError(
    code,
    `${databaseUrl(place)} has no ${objectName({ kind: 'cloudManifest', cookie })}, but a database under ` +
      `${others.length === 1 ? 'another cookie' : 'other cookies'}: ${named.join(', ')}${more}. No empty database is made ` +
      'beside it. Set the option "cookie" to the one you want, leave it out for none, or choose another path',
  )
}

/** Error for a new cookie that is not new. */
export function cookieExists(place: DatabasePlace, cookie: string): EnvError {
  const name = objectName({ kind: 'cloudManifest', cookie })
  return new ArgumentError(
    `${databaseUrl(place)} has a ${name} already. Open it with it as "cookie" and without "newCookie", or choose another name`,
  )
}

/** Error for a place of a clone that is taken. */
export function placeIsTaken(place: DatabasePlace): EnvError {
  return new ArgumentError(
    `${databaseUrl(place)} has a database already. Choose a place for the clone where nothing lies`,
  )
}

/** Error for a place of a clone or migration where other clones need what a destroyed database left. */
export function placeIsCeded(place: DatabasePlace): EnvError {
  const message = cededMessage(databaseUrl(place))
  return new ArgumentError(
    `${message}, but no clone, and none is migrated there: choose another place for these`,
  )
}

/** Error for a checkpoint that is opened for writing: it would be none any more. */
export function checkpointIsReadOnly(place: DatabasePlace, cookie: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${databaseUrl(place)}: ${objectName({ kind: 'cloudManifest', cookie })} is a checkpoint, which nobody writes to. Open it ` +
      'read-only, or begin a branch or clone with it',
  )
}

/** Error for a file of a database that has no state under the requested cookie. */
export function noDatabase(place: DatabasePlace, cookie: string, name: string): Promise<EnvError> {
  return noState(place, cookie, `has no database, so there is no ${name}`)
}

/** Error for a clone whose source has no such state. */
export function noSource(source: DatabasePlace, cookie: string): Promise<EnvError> {
  const advice = 'Set the option "source" to the place of one, or leave it out for a new database'
  return noState(source, cookie, `has no database to make a clone of. ${advice}`)
}

/** @param reason used where there is no state under other cookies either. */
async function noState(place: DatabasePlace, cookie: string, reason: string): Promise<EnvError> {
  const others = (await listCookies(place)).filter((other) => other !== cookie)
  if (others.length > 0) return noSuchCookie('NotFound', place, cookie, others)
  return new EnvError('NotFound', `${databaseUrl(place)} ${reason}`)
}

const maxNamed = 10
