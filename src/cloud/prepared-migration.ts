import { cookiesAmong } from '../catalog/cookies.js'
import { type DatabasePlace, objectKey, objectUrl } from '../catalog/database-place.js'
import { listObjects } from '../catalog/database-view.js'
import {
  arrivalOvertaken,
  decodeIncomingMark,
  incomingMarkName,
  readIncomingMark,
  removeIncomingMark,
  writeIncomingMark,
} from '../catalog/incoming.js'
import type { NamedObject } from '../catalog/listed-place.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import type { Random, System } from '../env/system.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { addEpoch, type Epoch, epochOf, newEpoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { CasObject } from '../store/cas-object.js'
import type { ObjectKey } from '../store/object-store.js'
import { urlPath } from '../store/store-url.js'
import { type DatedGarbage, neverReadable } from './deletions.js'
import { leftoversOfCreation } from './leftovers.js'
import { type OwnerRecord, ownerRecordName, type RecordedMigration } from './owner-record.js'
import { type PlainDatabase, readPlainDatabase } from './plain-database.js'

export interface PreparedMigrationStart {
  readonly place: DatabasePlace
  readonly directory: string
  readonly cookie: string
  /** Epoch of this attempt. */
  readonly epoch: Epoch
  /** Record of the attempt before; undefined for the first one. */
  readonly record: OwnerRecord | undefined
  readonly system: System
}

/**
 * A whole database in a directory that the store does not have, and what is there of it from earlier attempts to migrate
 * it. Each attempt has an epoch of its own, as each opening has. The CLOUDMANIFEST comes last, with all of them.
 */
export interface PreparedMigration extends Pick<RecordedMigration, 'id' | 'past'> {
  readonly plain: PlainDatabase
  /** Files by the name that RocksDB knows, as the store has them or will: those that have arrived, and the others. */
  readonly arrived: ReadonlyMap<string, StoredFile>
  readonly waiting: ReadonlyMap<string, StoredFile>
  /** Objects of earlier attempts that the database does not need. */
  readonly garbage: DatedGarbage
}

/**
 * @throws EnvError Corruption, NotSupported: the directory can't be migrated; InvalidArgument, Corruption: the place is
 *   taken.
 */
export async function prepareMigration(start: PreparedMigrationStart): Promise<PreparedMigration> {
  const { place, directory, cookie, epoch, record, system } = start
  const plain = await readPlainDatabase(system.files, directory)
  // Files that RocksDB wrote without the Env have an epoch of their own, as if an earlier owner had written them.
  const former = attempted(record, plain) ?? { past: [], current: newEpoch(() => system.random.bytes(8)) }
  const id = record?.migration?.id ?? former.current
  const cloudManifest = addEpoch(former, plain.manifest.lastNextFileNumber, epoch)
  const objects = await listObjects(place)
  const isOurs = objects.has(incomingMarkName) && (await readIncomingMark(place))?.epoch === id
  const leftovers = isOurs ? undefined : await leftoversOfCreation(place, objects, cookie)

  const arrived = new Map<string, StoredFile>()
  const waiting = new Map<string, StoredFile>()
  const needed = new Set<string>()
  for (const { name, kind, number, size } of plain.files) {
    const stored = objectName({ kind, number, epoch: epochOf(cloudManifest, number) })
    const found = isOurs ? objects.get(stored) : undefined
    const modified = found?.modified ?? new Date(system.clock.now())
    const file: StoredFile = { place, objectName: stored, size, modified }
    if (found?.size === size) arrived.set(name, file)
    else waiting.set(name, file)
    needed.add(stored)
  }
  const garbage = leftovers ?? neverReadable(sentInVain(place, objects, needed))
  return { id, past: cloudManifest.past, plain, arrived, waiting, garbage }
}

/** The CLOUDMANIFEST that the attempt before would have written, unless another program may have gone on from there. */
function attempted(
  record: OwnerRecord | undefined,
  { manifestNumber }: PlainDatabase,
): CloudManifest | undefined {
  const { migration, epochs = [] } = record ?? {}
  const current = epochs.at(-1)
  if (!migration || !current || migration.manifest !== manifestNumber) return undefined
  return { past: migration.past, current }
}

/** Keys of what earlier attempts sent, and the database does not need. */
function sentInVain(
  place: DatabasePlace,
  objects: ReadonlyMap<string, NamedObject>,
  needed: ReadonlySet<string>,
): ObjectKey[] {
  return [...objects]
    .filter(([name, { parsed }]) => 'epoch' in parsed && !needed.has(name))
    .map(([name]) => objectKey(place, name))
}

/**
 * Says in the store that the database arrives at the place.
 * @throws EnvError Busy: another one does.
 */
export async function writeMigrationMark(
  place: DatabasePlace,
  directory: string,
  { id, plain }: PreparedMigration,
  random: Random,
): Promise<void> {
  const key = objectKey(place, incomingMarkName)
  const found = await unlessNotFound(place.store.get(key))
  const present = found && decodeIncomingMark(found.body, objectUrl(place, incomingMarkName))
  if (present && present.epoch !== id) throw arrivalOvertaken(place)
  await writeIncomingMark(new CasObject(place.store, key, found?.etag, random), place, {
    from: `file://${urlPath(directory)}`,
    identity: Buffer.from(plain.identity ?? '').toString(),
    epoch: id,
    migration: { files: plain.files.length, bytes: totalSize(plain.files) },
  })
}

type MarkedMigration = Pick<RecordedMigration, 'id'>

/** Nothing arrives any more. */
export async function removeMigrationMark(place: DatabasePlace, { id }: MarkedMigration): Promise<void> {
  if ((await readIncomingMark(place))?.epoch === id) await removeIncomingMark(place)
}

/** The database was destroyed before it was whole in the store. */
export async function removeArrived(place: DatabasePlace, { id }: MarkedMigration): Promise<void> {
  if ((await readIncomingMark(place))?.epoch !== id) return
  const objects = await listObjects(place)
  // A copy of the directory may have become a database of the store meanwhile, with what was sent from here.
  const isTaken = cookiesAmong(objects.values()).length > 0
  const keys = isTaken ? [] : sentInVain(place, objects, new Set())
  if (keys.length > 0) await place.store.deleteMany(keys)
  await removeIncomingMark(place)
}

/** Error for a directory that is opened without the option. */
export function isBeingMigrated(directory: string, url: string): EnvError {
  return new EnvError(
    'InvalidArgument',
    `${directory} holds a database that is being migrated to ${url}, and is not whole there yet. Open it with the option ` +
      `"migrate". To give the migration up: remove ${ownerRecordName} from the directory, and what lies at ${url}`,
  )
}
