import { type DatabasePlace, databaseUrl, objectKey } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import { type ObjectName, parseObjectName } from '../format/file-name.js'
import { listPlace } from '../inspect/listed-place.js'
import { localRoot, RemainsCounter, remainsAmong, remainsText } from '../inspect/remains.js'
import { checkDirectory } from './check-directory.js'
import { splitObjectUrl } from './object-url.js'
import { UsageError } from './usage-error.js'

/**
 * What to say of a place at which there is no database, or not the state of it that was asked for.
 * @returns UsageError: another command line would help; EnvError Corruption: a database lost its CLOUDMANIFEST.
 * @throws EnvError what the store fails with, PathNotFound where it is no directory.
 */
export async function noDatabase(place: DatabasePlace, cookie: string): Promise<UsageError | EnvError> {
  const url = databaseUrl(place)
  const { named, foreignSample } = await listPlace(place)
  const names = [...named.keys(), ...foreignSample.map(({ name }) => name)]
  const cookies = [...named.values()].flatMap(({ parsed }) =>
    parsed.kind === 'cloudManifest' ? [parsed.cookie] : [],
  )
  if (cookies.length > 0) return noSuchState(url, cookie, cookies)

  const remains = remainsAmong(names)
  if (remains) {
    const message =
      `${url} has ${remainsText(remains)} of a database, and no CLOUDMANIFEST: that was lost, or the database was ` +
      `destroyed, or is being created. What to do: cloudenv verify ${url}`
    return new EnvError('Corruption', message)
  }
  if (names.includes(localRoot)) {
    return new UsageError(
      `${url} is a directory of RocksDB itself, with a ${localRoot} and no CLOUDMANIFEST: no database in a bucket. ` +
        'Give the URL of the store that it is kept in, if it is in one',
    )
  }
  const object = splitObjectUrl(url)
  if (object.name) return noDatabaseBut(url, object.name, object.databaseUrl)

  await checkDirectory(place)
  const what = names.length === 0 ? 'nothing lies directly there' : 'no part of one lies directly there'
  const hint = (await hasDatabasesBelow(place)) ? `. Databases below it: cloudenv ls ${url}` : ''
  return new UsageError(`${url} holds no database: ${what}${hint}`)
}

function noSuchState(url: string, cookie: string, cookies: readonly string[]): UsageError {
  const others = [...cookies].sort().map((other) => (other === '' ? 'none' : `--cookie ${other}`))
  const wanted = cookie === '' ? 'CLOUDMANIFEST' : `CLOUDMANIFEST-${cookie}`
  const named = others.slice(0, maxNamed).join(', ')
  const more = others.length > maxNamed ? ` and ${others.length - maxNamed} more` : ''
  return new UsageError(`${url} has no ${wanted}. Its states have the cookies: ${named}${more}`)
}

const maxNamed = 10

/** The URL is that of an object: which database that would belong to, and what shows it. */
function noDatabaseBut(url: string, name: ObjectName, ofDatabase: string): UsageError {
  const [what, command] = describeObject(url, name, ofDatabase)
  const hint = command === undefined ? '' : `. What is in it: cloudenv ${command}`
  return new UsageError(
    `${url} is, by its name, ${what} of the database at ${ofDatabase}, and no database itself${hint}`,
  )
}

function describeObject(
  url: string,
  name: ObjectName,
  ofDatabase: string,
): readonly [what: string, command?: string] {
  switch (name.kind) {
    case 'table':
      return ['a table', `sst ${url}`]
    case 'manifest':
      return ['a MANIFEST', `manifest ${url}`]
    case 'cloudManifest':
      return [
        'a CLOUDMANIFEST',
        `manifest ${ofDatabase}${name.cookie === '' ? '' : ` --cookie ${name.cookie}`}`,
      ]
    case 'blob':
      return ['a blob file']
    case 'identity':
      return ['the IDENTITY']
  }
}

/** Ten requests: whoever asks waits for it. */
const maxLooked = 10_000

/** Whether `ls` would show something, as far as a look at the first objects tells. */
async function hasDatabasesBelow(place: DatabasePlace): Promise<boolean> {
  const left = new Map<string, RemainsCounter>()
  let looked = 0
  try {
    for await (const { key } of place.store.list(objectKey(place, ''))) {
      const directory = key.slice(0, key.lastIndexOf('/') + 1)
      const name = key.slice(directory.length)
      if (parseObjectName(name)?.kind === 'cloudManifest') return true
      const counter = left.get(directory) ?? new RemainsCounter()
      counter.add(name)
      left.set(directory, counter)
      looked += 1
      if (looked === maxLooked) break
    }
  } catch (error) {
    // Below a directory may be one that is not for us to read. That nothing lies in this one is known.
    if (!EnvError.is(error)) throw error
  }
  return [...left.values()].some(({ lostDatabase }) => lostDatabase)
}
