import { constants, copyFile, link, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RocksDBError } from '../binding/rocksdb-error.js'
import { inheritedFamilies } from '../catalog/inherited-family.js'
import type { Manifest } from '../catalog/manifest.js'
import { levelDbTables, plainFiles } from '../cloud/plain-database.js'
import { inheritedOptions } from '../engine/inherited-options.js'
import type { RocksDBOptions } from '../engine/options.js'
import { RocksDB } from '../engine/rocksdb.js'
import { replaceDurably, syncDirectory } from '../env/durable-file.js'
import { EnvError } from '../env/env-error.js'
import { readText, systemFiles } from '../env/files.js'
import type { System } from '../env/system.js'
import { type Epoch, newEpoch, parseEpoch } from '../format/epoch.js'
import { tableFileName } from '../format/file-name.js'
import { completeSequences } from './level-db-sequences.js'
import { refuseLogsElsewhere } from './logs-elsewhere.js'
import {
  type PlainDirectory,
  type PlainFile,
  readPlainDirectory,
  readPlainManifest,
  withPlainLock,
} from './plain-directory.js'
import { rewriteLevelDb } from './rewrite-level-db.js'

/** Content of the record, written when the database in the scratch directory is ready. */
interface ScratchRecord {
  /** Fingerprint of the original: any change makes the scratch directory worthless. */
  readonly fingerprint: string
  /** Epoch under which its files go into the store. */
  readonly epoch: Epoch
}

/** A database of which nothing is in a write-ahead log, and that nobody changes. */
export interface PreparedDatabase {
  readonly directory: PlainDirectory
  readonly epoch: Epoch
  /** False if an earlier import prepared it. */
  readonly isNew: boolean
}

export interface PrepareOptions {
  /** The operator that merged the values, for write-ahead logs with such entries. */
  readonly mergeOperator?: string | undefined
  readonly system: System
}

const recordName = 'import.json'
const databaseName = 'db'

/**
 * Prepares a database for its way into a store in a scratch directory, so that the original stays as it is: hard links of
 * tables and blob files, which no program changes once they are written, and copies of the rest. Opened and flushed there,
 * its MANIFEST has everything. A preparation that was completed before is used again, unless the original has changed.
 * @param scratch on the same file system, to be able to link.
 * @throws EnvError Busy: a program has the original open. Otherwise see {@link readPlainDirectory}.
 */
export async function prepareImport(
  path: string,
  scratch: string,
  { mergeOperator, system }: PrepareOptions,
): Promise<PreparedDatabase> {
  const original = await readPlainDirectory(path)
  const record = await readRecord(scratch)
  const database = join(scratch, databaseName)
  if (record?.fingerprint === original.fingerprint)
    return { directory: await readPlainDirectory(database), epoch: record.epoch, isNew: false }

  await systemFiles.rm(join(scratch, recordName), { force: true })
  await systemFiles.rm(database, { force: true, recursive: true })
  await mkdir(database, { recursive: true })
  const locked = await withPlainLock(path, async () => {
    const found = await readPlainDirectory(path)
    await refuseLogsElsewhere(found)
    for (const file of found.files) await takeOver(file, path, database)
    return found
  })
  await flushLogs(await readPlainDirectory(database), path, mergeOperator)
  await syncDirectory(systemFiles, database)
  const epoch = newEpoch(() => system.random.bytes(8))
  await replaceDurably(
    systemFiles,
    join(scratch, recordName),
    `${JSON.stringify({ fingerprint: locked.fingerprint, epoch })}\n`,
  )
  await syncDirectory(systemFiles, scratch)
  return { directory: await readPlainDirectory(database), epoch, isNew: true }
}

async function readRecord(scratch: string): Promise<ScratchRecord | undefined> {
  const text = await readText(systemFiles, join(scratch, recordName))
  if (text === undefined) return undefined
  const { fingerprint, epoch: written } = JSON.parse(text) as Record<string, unknown>
  const epoch = typeof written === 'string' ? parseEpoch(written) : undefined
  return typeof fingerprint === 'string' && epoch !== undefined ? { fingerprint, epoch } : undefined
}

/** LevelDB's tables are RocksDB's of the first format, under another name. */
async function takeOver({ name, parsed }: PlainFile, from: string, to: string): Promise<void> {
  const isFinal = parsed.kind === 'table' || parsed.kind === 'blob'
  const target = join(to, parsed.kind === 'table' ? tableFileName(parsed.number) : name)
  if (isFinal && (await linked(join(from, name), target))) return
  await copyFile(join(from, name), target, constants.COPYFILE_FICLONE)
}

/** @returns false where the file system has no hard links, or refuses one: of another user's file, for instance. */
async function linked(existing: string, path: string): Promise<boolean> {
  return link(existing, path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(error.code ?? '')) return false
      throw error
    },
  )
}

/** Opens the database, which replays its logs, and flushes what they had. One with tables of LevelDB is written anew. */
async function flushLogs(
  directory: PlainDirectory,
  original: string,
  mergeOperator: string | undefined,
): Promise<void> {
  const { manifest } = await readPlainManifest(directory)
  const families = inheritedFamilies(manifest).map(
    (family) => [family.name, inheritedOptions(family, original)] as const,
  )
  const columnFamilies = Object.fromEntries(families)
  const options: RocksDBOptions = mergeOperator === undefined ? {} : { merge_operator: mergeOperator }
  try {
    if (await hasLevelDbTables(directory, manifest, original)) {
      await completeSequences(directory)
      return await rewriteLevelDb(directory.path, { options, columnFamilies })
    }
    const db = await RocksDB.open(directory.path, {
      createIfMissing: false,
      // Files that are there are taken as they are.
      options: { ...options, disable_auto_compactions: true, skip_stats_update_on_db_open: true },
      columnFamilies,
    })
    await db.flush()
    await db.close()
  } catch (error) {
    if (!(error instanceof RocksDBError)) throw error
    const isUnmerged = error.code === 'InvalidArgument' && /merge_operator/i.test(error.message)
    const advice = isUnmerged
      ? ' Its write-ahead log has merged values: name the operator with --merge-operator'
      : ''
    throw new EnvError(
      error.code === 'Corruption' ? 'Corruption' : 'IOError',
      `${original} could not be opened: ${error.message.replaceAll(directory.path, () => original)}${advice}`,
      { cause: error },
    )
  }
}

async function hasLevelDbTables(
  { path, files }: PlainDirectory,
  manifest: Manifest,
  original: string,
): Promise<boolean> {
  const sizes = new Map(files.map(({ name, size }) => [name, size]))
  return (await levelDbTables(systemFiles, path, plainFiles(manifest, original, sizes))).length > 0
}
