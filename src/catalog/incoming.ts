import { EnvError, unlessNotFound } from '../env/env-error.js'
import { objectName } from '../format/file-name.js'
import type { CasObject } from '../store/cas-object.js'
import { type DatabasePlace, databaseUrl, objectKey, objectUrl } from './database-place.js'
import type { ListedPlace } from './listed-place.js'

/** Name of the mark at a place to which a database comes, file by file, and is not whole yet. */
export const incomingMarkName = objectName({ kind: 'incoming' })

/** Content of the mark. */
export interface IncomingMark {
  /** URL of the database that arrives, for people and to tell it from any other. */
  readonly from: string
  /** Id of the new database; empty if it has none yet. */
  readonly identity: string
  /** Epoch under which it arrives. For a migration, the first one. */
  readonly epoch: string
  /** Number and bytes of the files that a migration has to send; undefined for a copy or an import. */
  readonly migration?: { readonly files: number; readonly bytes: number }
}

function encodeIncomingMark(mark: IncomingMark): Uint8Array {
  return Buffer.from(`${JSON.stringify(mark)}\n`)
}

/** @throws EnvError Corruption */
export function decodeIncomingMark(body: Uint8Array, url: string): IncomingMark {
  try {
    const { from, identity, epoch, migration } = JSON.parse(
      Buffer.from(body).toString('utf8'),
    ) as IncomingMark
    if ([from, identity, epoch].every((text) => typeof text === 'string')) {
      const counts = [migration?.files, migration?.bytes]
      const isMigration = counts.every((count) => Number.isSafeInteger(count))
      return { from, identity, epoch, ...(isMigration && migration && { migration }) }
    }
  } catch {
    // Reported below.
  }
  throw new EnvError(
    'Corruption',
    `${url} is corrupt, and should say which database arrives there. Remove what lies there, or choose another place`,
  )
}

/** @throws EnvError Busy: somebody else wrote another one. */
export async function writeIncomingMark(
  object: CasObject,
  place: DatabasePlace,
  mark: IncomingMark,
): Promise<void> {
  const outcome = await object.write(encodeIncomingMark(mark))
  if (outcome.kind === 'lost') throw arrivalOvertaken(place)
}

export async function removeIncomingMark(place: DatabasePlace): Promise<void> {
  await place.store.deleteMany([objectKey(place, incomingMarkName)])
}

/** The mark at a place; undefined if there is none. @throws EnvError Corruption */
export async function readIncomingMark(place: DatabasePlace): Promise<IncomingMark | undefined> {
  const found = await unlessNotFound(place.store.get(objectKey(place, incomingMarkName)))
  return found && decodeIncomingMark(found.body, objectUrl(place, incomingMarkName))
}

/** A table or blob file at the new place. */
export interface ArrivingFile {
  readonly objectName: string
  readonly size: number
}

/**
 * Everything has to be there before the CLOUDMANIFEST makes it a database.
 * @throws EnvError IOError
 */
export function assertArrived({ place, named }: ListedPlace, files: Iterable<ArrivingFile>): void {
  for (const { objectName, size } of files) {
    const found = named.get(objectName)
    if (found?.size === size) continue
    const what = found ? `has ${found.size} bytes instead of ${size}` : 'is not there'
    throw new EnvError(
      'IOError',
      `${objectUrl(place, objectName)} was written, and ${what}. Find out who changes it, and begin again`,
    )
  }
}

/** Error for whoever was slower. */
export function arrivalOvertaken(place: DatabasePlace): EnvError {
  return new EnvError(
    'Busy',
    `somebody else brings a database to ${databaseUrl(place)} at the same time. See what is there when that has ended`,
  )
}
