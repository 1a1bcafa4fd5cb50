import { join } from 'node:path'
import type { DatabaseView } from '../catalog/database-view.js'
import { isOfEpoch } from '../catalog/visibility.js'
import { replaceDurably, syncDirectory } from '../env/durable-file.js'
import { EnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import type { Epoch } from '../format/epoch.js'
import { manifestFileName, parseFileName, parseObjectName } from '../format/file-name.js'
import { type MakeRoom, withRoom } from './disk-space.js'
import { assertNoForeignTables, assertOwnManifest, assertStoredManifest } from './foreign-writes.js'
import { bringBack, readDirectory, setAside } from './local-directory.js'
import {
  type OwnerRecord,
  ownerRecordName,
  type RecordedMigration,
  removeOwnerRecord,
  writeOwnerRecord,
} from './owner-record.js'
import { isTableName } from './plain-database.js'
import type { PreparedMigration } from './prepared-migration.js'

/** A record has some hundred bytes; a file takes whole blocks of the disk. */
const maxRecordBytes = 4096

/** RocksDB numbers files from 2 on in a database that has a MANIFEST, so 1 collides with none. */
const inheritedManifestNumber = 1
export const inheritedManifest = manifestFileName(inheritedManifestNumber)

/**
 * The local directory of a database that is opened for writing: its write-ahead log, and the record of the state that
 * the log continues. An opening that does not become the owner leaves both as they were.
 */
export class LocalDatabase {
  readonly #files: Files
  readonly #directory: string
  readonly #url: string
  readonly #makeRoom: MakeRoom
  /** The record that the opening found. */
  #record: OwnerRecord | undefined
  /** Epochs of the states that the log continues; empty if the log was set aside. */
  #inherited: readonly Epoch[] = []
  /** Directory in which this opening set the log aside. */
  #aside: string | undefined
  /** Logs that lay here before RocksDB began one. */
  #leftLogs: readonly string[] = []
  #isCreating = false
  #hasBegun = false
  /** See {@link OwnerRecord.lastManifest}. */
  #lastManifest: number | undefined = inheritedManifestNumber
  /** See {@link OwnerRecord.migration}. */
  #migration: RecordedMigration | undefined
  /** The latest record of this opening. */
  #written: Omit<OwnerRecord, 'lastManifest' | 'migration'> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(files: Files, directory: string, url: string, makeRoom: MakeRoom) {
    this.#files = files
    this.#directory = directory
    this.#url = url
    this.#makeRoom = makeRoom
  }

  /**
   * Compares what the directory remembers with the store. A log that does not continue the viewed state is set aside.
   * @returns epochs of earlier openings from here whose objects no CLOUDMANIFEST can name.
   */
  async reconcile(
    view: DatabaseView | undefined,
    record: OwnerRecord | undefined,
  ): Promise<readonly Epoch[]> {
    const local = (await readDirectory(this.#files, this.#directory)) ?? []
    this.#assertItsOwn(view, record, local)
    this.#migration = record?.migration
    if (!this.#migration) assertNoForeignTables(this.#directory, local, this.#url)
    await this.#assertOwnManifest(view, record)
    this.#record = record
    if (record) this.#lastManifest = record.lastManifest
    this.#hasBegun = true
    const aside = asideName(record)
    if (view && record && continues(record, view)) {
      // Set aside by an opening that ended before it owned the database.
      if (local.includes(aside)) await this.#bringBack(aside)
      this.#inherited = record.epochs
    } else {
      this.#aside = await setAside(this.#files, this.#directory, local.filter(isLog), aside)
    }
    this.#leftLogs = ((await readDirectory(this.#files, this.#directory)) ?? []).filter(isLog)
    return record?.candidates ?? []
  }

  /** Names of the logs of earlier openings that this one replays. */
  get leftLogs(): readonly string[] {
    return this.#leftLogs
  }

  /** A migration that was complete, or may be, when the process ended. */
  get migration(): RecordedMigration | undefined {
    return this.#migration
  }

  /** Reports whether a migration from here brought the object to the store: the local file of that name is the same. */
  hasMigrated(objectName: string): boolean {
    const epochs = [
      ...(this.#record?.epochs ?? []),
      ...(this.#migration?.past ?? []).map(({ epoch }) => epoch),
    ]
    return this.#migration !== undefined && epochs.some((epoch) => isOfEpoch(objectName, epoch))
  }

  /** Records a new candidate, and puts the viewed state here for RocksDB to find. */
  async recordCandidate(
    view: DatabaseView,
    identity: Uint8Array,
    candidates: readonly Epoch[],
    adopt: () => Promise<void>,
  ): Promise<void> {
    await this.#files.mkdir(this.#directory, { recursive: true })
    const epochs = this.#record?.epochs ?? []
    await this.#write({ epochs, candidates })
    await adopt()
    await this.finishMigration()
    await this.#remove(isReplaced)
    await this.#writeFile(inheritedManifest, view.manifestBytes)
    // Without one, RocksDB makes it.
    if (identity.length === 0) await this.#files.rm(join(this.#directory, 'IDENTITY'), { force: true })
    else await this.#writeFile('IDENTITY', identity)
    await this.#writeFile('CURRENT', `${inheritedManifest}\n`)
    await syncDirectory(this.#files, this.#directory)
  }

  /** The database in the directory is about to be migrated, or goes on to be. */
  async recordMigration(epoch: Epoch, { id, past, plain }: PreparedMigration): Promise<void> {
    this.#leftLogs = plain.logs
    this.#lastManifest = plain.manifestNumber
    this.#migration = { id, past, manifest: plain.manifestNumber }
    await this.#write({ epochs: [epoch] })
  }

  /** The store has the database. Tables and blob files that lie here under the names that RocksDB knows are copies. */
  async finishMigration(): Promise<void> {
    if (!this.#migration) return
    await this.#remove(isTableName)
    this.#migration = undefined
    if (this.#record) this.#record = { ...this.#record, migration: undefined }
    if (this.#written) await this.#write(this.#written)
  }

  /** The database is about to be created. */
  async recordCreation(epoch: Epoch): Promise<void> {
    this.#isCreating = true
    await this.#removeUncreated()
    await this.#write({ epochs: [epoch], creating: true })
  }

  /** RocksDB is about to write a MANIFEST of this number, and to make CURRENT name it. */
  async recordManifest(number: number): Promise<void> {
    this.#lastManifest = number
    if (this.#written) await this.#write(this.#written)
  }

  /** CURRENT names the MANIFEST that was recorded last. */
  async recordCurrent(): Promise<void> {
    if (!this.#migration || this.#lastManifest === undefined || !this.#written) return
    this.#migration = { ...this.#migration, manifest: this.#lastManifest }
    await this.#write(this.#written)
  }

  /** The claim is about to be sent: the log may belong to the new epoch soon. */
  async recordClaim(epoch: Epoch, candidates: readonly Epoch[]): Promise<void> {
    await this.#write({ epochs: [...this.#inherited, epoch], candidates })
  }

  async recordOwnership(epoch: Epoch, candidates: readonly Epoch[]): Promise<void> {
    if (this.#migration) this.#migration = { ...this.#migration, isPublished: true }
    await this.#write({ epochs: [epoch], candidates })
  }

  async recordDestruction(epoch: Epoch): Promise<void> {
    await this.#write({ epochs: [epoch], destroying: true })
  }

  /** The opening ended without owning the database, and left nothing in the store. */
  async withdraw(): Promise<void> {
    if (!this.#hasBegun) return
    if (this.#aside !== undefined) {
      // Nobody could write to the log that RocksDB began.
      await this.#remove(isLog)
      await bringBack(this.#files, this.#directory, this.#aside)
    }
    if (this.#record && !this.#isCreating) await this.#writeRecord(this.#record)
    else await this.forget()
  }

  /** There is no such database any more, or never was. */
  async forget(): Promise<void> {
    await this.#removeUncreated()
    await removeOwnerRecord(this.#files, this.#directory)
  }

  /** Removes what an unfinished destruction left here. */
  async finishDestruction(): Promise<void> {
    await this.#remove(isLog)
    await this.forget()
  }

  /** @throws EnvError InvalidArgument: the directory belongs to another place in the store, or to another store. */
  assertSameUrl({ url }: OwnerRecord): void {
    if (url === this.#url) return
    throw new EnvError(
      'InvalidArgument',
      `${this.#directory} belongs to ${url}, not to ${this.#url}. Open it with that store, or choose another directory`,
    )
  }

  #assertItsOwn(
    view: DatabaseView | undefined,
    record: OwnerRecord | undefined,
    local: readonly string[],
  ): void {
    if (!record && local.includes('CURRENT')) {
      throw new EnvError(
        'InvalidArgument',
        `${this.#directory} holds a database that was not opened from ${this.#url}. Open it with the Env it was made ` +
          'with, or choose another directory. To move it to that place: the option "migrate", or cloudenv import',
      )
    }
    if (record) this.assertSameUrl(record)
    if (record && !record.creating && record.epochs.length > 0 && !view) {
      throw new EnvError(
        'NotFound',
        `${this.#url} has no database any more, and ${this.#directory} was opened from it. Bring its CLOUDMANIFEST back, or, to ` +
          'begin anew, move the local directory away and remove what is left in the store',
      )
    }
  }

  async #assertOwnManifest(view: DatabaseView | undefined, record: OwnerRecord | undefined): Promise<void> {
    const { lastManifest, migration } = record ?? {}
    if (view && migration && continues(record, view)) {
      const compared = { known: migration.manifest, stored: view.manifestBytes }
      await assertStoredManifest(this.#files, this.#directory, this.#url, compared)
    } else if (lastManifest !== undefined)
      await assertOwnManifest(this.#files, this.#directory, this.#url, lastManifest)
  }

  async #bringBack(aside: string): Promise<void> {
    const begun = ((await readDirectory(this.#files, this.#directory)) ?? []).filter(isLog)
    await setAside(this.#files, this.#directory, begun, aside)
    await bringBack(this.#files, this.#directory, aside)
  }

  async #write({
    epochs,
    creating = false,
    candidates = [],
    destroying = false,
  }: Partial<OwnerRecord> & Pick<OwnerRecord, 'epochs'>): Promise<void> {
    const record = { url: this.#url, epochs, creating, candidates, destroying }
    this.#written = record
    const writing = this.#writing.then(() =>
      this.#writeRecord({ ...record, lastManifest: this.#lastManifest, migration: this.#migration }),
    )
    this.#writing = writing.catch(() => undefined)
    await writing
  }

  async #writeRecord(record: OwnerRecord): Promise<void> {
    await withRoom(this.#makeRoom, maxRecordBytes, () =>
      writeOwnerRecord(this.#files, this.#directory, record),
    )
  }

  async #writeFile(name: string, content: Uint8Array | string): Promise<void> {
    const path = join(this.#directory, name)
    await withRoom(this.#makeRoom, content.length, () => replaceDurably(this.#files, path, content))
  }

  /** Removes the remains of a failed creation: the database never existed, so nothing in them was acknowledged. */
  async #removeUncreated(): Promise<void> {
    await this.#remove((name) => {
      const { kind } = parseFileName(name)
      return kind === 'current' || kind === 'identity' || isReplaced(name)
    })
  }

  async #remove(isGone: (name: string) => boolean): Promise<void> {
    const names = (await readDirectory(this.#files, this.#directory)) ?? []
    for (const name of names.filter(isGone))
      await this.#files.rm(join(this.#directory, name), { force: true })
  }
}

/** Reports whether the write-ahead log beside the record continues this state of the database. */
export function continues(record: OwnerRecord | undefined, { cloudManifest }: DatabaseView): boolean {
  return record?.epochs.includes(cloudManifest.current) ?? false
}

/** Reports whether RocksDB may see a local name: not one of ours. */
export function isRocksName(name: string): boolean {
  return !(
    name === ownerRecordName ||
    name.startsWith(asidePrefix) ||
    name.startsWith('.') ||
    isStoredName(name) ||
    name.endsWith('.tmp')
  )
}

const asidePrefix = 'set-aside-'

function asideName(record: OwnerRecord | undefined): string {
  return `${asidePrefix}${record?.epochs.at(-1) ?? 'unknown'}`
}

function isLog(name: string): boolean {
  return parseFileName(name).kind === 'wal'
}

/** Reports whether the name is the one that a table or blob file has in the store. */
function isStoredName(name: string): boolean {
  const parsed = parseObjectName(name)
  return (parsed?.kind === 'table' || parsed?.kind === 'blob') && parsed.epoch !== ''
}

/** Reports whether the next opening makes a local file of an earlier one anew, or has it in the store. */
function isReplaced(name: string): boolean {
  const { kind } = parseFileName(name)
  return kind === 'manifest' || kind === 'trash' || kind === 'temp' || isStoredName(name)
}
