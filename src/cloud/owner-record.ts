import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { type Epoch, parseEpoch } from '../format/epoch.js'
import { fsyncDirectory, writeFileDurably } from './local-directory.js'

/** The local file that says to which state of the bucket the write-ahead log beside it belongs. */
export const ownerRecordName = 'CLOUDENV'

/**
 * What a local directory remembers of the database in the store. Its write-ahead log continues the
 * database as it was under any of `epochs`: two while a claim is under way, whose outcome a crash may hide.
 */
export interface OwnerRecord {
  /** The database's place in the store. */
  readonly url: string
  readonly epochs: readonly Epoch[]
  /** True until the database exists in the store: nothing was acknowledged before. */
  readonly creating: boolean
}

export async function readOwnerRecord(directory: string): Promise<OwnerRecord | undefined> {
  const path = join(directory, ownerRecordName)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    const { url, epochs, creating } = JSON.parse(text) as OwnerRecord
    if (typeof url !== 'string' || typeof creating !== 'boolean') throw new Error('a field is missing')
    const known = epochs.map(parseEpoch).filter((epoch) => epoch !== undefined)
    if (known.length !== epochs.length) throw new Error('an epoch is malformed')
    return { url, epochs: known, creating }
  } catch (cause) {
    throw new EnvError(
      'Corruption',
      `${path} can't be read: it says which write-ahead log belongs to which state of the bucket. ` +
        'Move the local directory away to open the database from the bucket alone',
      { cause },
    )
  }
}

/** Durable when it resolves. */
export async function writeOwnerRecord(directory: string, record: OwnerRecord): Promise<void> {
  await writeFileDurably(join(directory, ownerRecordName), `${JSON.stringify(record)}\n`)
  await fsyncDirectory(directory)
}

export async function removeOwnerRecord(directory: string): Promise<void> {
  await rm(join(directory, ownerRecordName), { force: true })
}
