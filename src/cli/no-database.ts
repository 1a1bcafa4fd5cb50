import { cookiesAmong } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl } from '../catalog/database-place.js'
import { findDatabases } from '../catalog/find-databases.js'
import { type IncomingMark, incomingMarkName, readIncomingMark } from '../catalog/incoming.js'
import { listPlace, type NamedObject } from '../catalog/listed-place.js'
import { localRoot, remainsAmong, remainsText } from '../catalog/remains.js'
import { totalSize } from '../catalog/total-size.js'
import { EnvError } from '../env/env-error.js'
import type { ObjectName } from '../format/file-name.js'
import { printable } from '../inspect/printable.js'
import { checkDirectory } from './check-directory.js'
import { splitObjectUrl } from './object-url.js'
import { formatBytes } from './output/text.js'
import { UsageError } from './usage-error.js'

/**
 * Error for a place that has no database, or not the requested state of it.
 * @returns UsageError: another command line would help; EnvError Corruption: a database lost its CLOUDMANIFEST.
 * @throws EnvError errors of the store, PathNotFound if it is not a directory.
 */
export async function noDatabase(place: DatabasePlace, cookie: string): Promise<UsageError | EnvError> {
  const url = databaseUrl(place)
  const { named, foreignSample } = await listPlace(place)
  const names = [...named.keys(), ...foreignSample.map(({ name }) => name)]
  const cookies = cookiesAmong(named.values())
  if (cookies.length > 0) return noSuchState(url, cookie, cookies)

  const mark = named.has(incomingMarkName) ? await readIncomingMark(place) : undefined
  if (mark) return incomplete(url, mark, [...named.values()])
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

/** Error for a place at which a database arrives. */
function incomplete(
  url: string,
  { from, migration }: IncomingMark,
  objects: readonly NamedObject[],
): EnvError {
  const files = objects.filter(({ parsed: { kind } }) => kind === 'table' || kind === 'blob')
  const total = migration ? ` of ${migration.files}, ${formatBytes(migration.bytes)}` : ''
  const arrived = `${files.length} tables and blob files (${formatBytes(totalSize(files))})${total} have arrived`
  const what = migration ? 'migrated, which its owner goes on with while it is open' : 'copied or imported'
  return new EnvError(
    'Busy',
    `${url} has no database yet: ${printable(from)} is being ${what}. ${arrived}. It is a database once all of it is there`,
  )
}

function noSuchState(url: string, cookie: string, cookies: readonly string[]): UsageError {
  const others = [...cookies].sort().map((other) => (other === '' ? 'none' : `--cookie ${other}`))
  const wanted = cookie === '' ? 'CLOUDMANIFEST' : `CLOUDMANIFEST-${cookie}`
  const named = others.slice(0, maxNamed).join(', ')
  const more = others.length > maxNamed ? ` and ${others.length - maxNamed} more` : ''
  return new UsageError(`${url} has no ${wanted}. Its states have the cookies: ${named}${more}`)
}

const maxNamed = 10

/** Error for the URL of an object: names the database that it would belong to, and the command that shows it. */
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
    case 'history':
      return ['a former MANIFEST', `history ${ofDatabase}`]
    case 'cloudManifest':
      return [
        'a CLOUDMANIFEST',
        `manifest ${ofDatabase}${name.cookie === '' ? '' : ` --cookie ${name.cookie}`}`,
      ]
    case 'blob':
      return ['a blob file']
    case 'identity':
      return ['the IDENTITY']
    case 'pin':
      return ['a pin, which protects objects']
    case 'incoming':
      return ['the mark of a copy or an import that is not complete']
  }
}

/** Ten requests: the user waits for them. */
const maxLooked = 10_000

/** Reports whether `ls` would show something, as far as a look at the first objects can tell. */
async function hasDatabasesBelow(place: DatabasePlace): Promise<boolean> {
  try {
    const found = await findDatabases(place, { withLost: true, maxObjects: maxLooked }).next()
    return found.done !== true
  } catch (error) {
    // A directory below may be unreadable for us. It is known that this one holds nothing.
    if (!EnvError.is(error)) throw error
    return false
  }
}
