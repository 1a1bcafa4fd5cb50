import { join } from 'node:path'
import { replaceDurably, syncDirectory } from '../env/durable-file.js'
import { EnvError } from '../env/env-error.js'
import { type Files, readText } from '../env/files.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, parseEpoch } from '../format/epoch.js'

/** The local file that says to which state of the bucket the write-ahead log beside it belongs. */
export const ownerRecordName = 'CLOUDENV'

/**
 * A local directory's memory of the database in the store. Its write-ahead log continues the database as it was under
 * any of `epochs`: two while a claim is under way, since a crash may hide its outcome.
 */
export interface OwnerRecord {
  /** The database's place in the store. */
  readonly url: string
  readonly epochs: readonly Epoch[]
  /** True until the database exists in the store: nothing was acknowledged before that. */
  readonly creating: boolean
  /**
   * Epochs under which openings from here wrote objects without ever claiming the database: no CLOUDMANIFEST that names
   * them was sent.
   */
  readonly candidates: readonly Epoch[]
  /** True once the database is about to be deleted from the store: its remains there are to be deleted. */
  readonly destroying: boolean
  /**
   * Number of the last MANIFEST that RocksDB began here through the Env, which may not be there yet. Undefined in records of
   * earlier versions.
   */
  readonly lastManifest: number | undefined
  /** Set while the directory holds a whole database, or may, which is being migrated into the store. */
  readonly migration?: RecordedMigration | undefined
}

/** Epochs of earlier attempts at a migration: see `PreparedMigration`. The last of `epochs` is the current one. */
export interface RecordedMigration {
  /** Epoch of the first attempt, which the mark in the store has. */
  readonly id: Epoch
  readonly past: CloudManifest['past']
  /**
   * Number of the last MANIFEST of the Env that CURRENT is known to have named. Another program that opens the
   * directory makes CURRENT name a MANIFEST of another number.
   */
  readonly manifest: number
  /** True once the store is known to have the database. */
  readonly isPublished?: boolean
}

export async function readOwnerRecord(files: Files, directory: string): Promise<OwnerRecord | undefined> {
  const path = join(directory, ownerRecordName)
  const text = await readText(files, path)
  if (text === undefined) return undefined
  try {
    // Records of earlier versions have fewer fields.
    const record = JSON.parse(text) as OwnerRecord
    const { url, epochs, creating, candidates = [], destroying = false, lastManifest, migration } = record
    if (typeof url !== 'string' || typeof creating !== 'boolean') throw new Error('a field is missing')
    return {
      url,
      epochs: epochs.map(knownEpoch),
      creating,
      candidates: candidates.map(knownEpoch),
      destroying: destroying === true,
      lastManifest: Number.isSafeInteger(lastManifest) ? lastManifest : undefined,
      migration: migration && knownMigration(migration),
    }
  } catch (cause) {
    throw new EnvError(
      'Corruption',
      `${path} can't be read: it says which write-ahead log belongs to which state of the bucket. ` +
        'Move the local directory away to open the database from the bucket alone',
      { cause },
    )
  }
}

function knownMigration({ id, past, manifest, isPublished }: RecordedMigration): RecordedMigration {
  const known = past.map(({ epoch, end }) => {
    if (!Number.isSafeInteger(end)) throw new Error('the end of an epoch is malformed')
    return { epoch: knownEpoch(epoch), end }
  })
  if (!Number.isSafeInteger(manifest)) throw new Error('the number of a MANIFEST is malformed')
  return { id: knownEpoch(id), past: known, manifest, isPublished: isPublished === true }
}

function knownEpoch(text: string): Epoch {
  const epoch = parseEpoch(text)
  if (epoch === undefined) throw new Error('an epoch is malformed')
  return epoch
}

/** Writes the record. Durable when it resolves. */
export async function writeOwnerRecord(files: Files, directory: string, record: OwnerRecord): Promise<void> {
  await replaceDurably(files, join(directory, ownerRecordName), `${JSON.stringify(record)}\n`)
  await syncDirectory(files, directory)
}

export async function removeOwnerRecord(files: Files, directory: string): Promise<void> {
  await files.rm(join(directory, ownerRecordName), { force: true })
}
