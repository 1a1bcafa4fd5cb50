import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { native } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import { type Manifest, readManifest } from '../catalog/manifest.js'
import { ownerRecordName } from '../cloud/owner-record.js'
import { ArgumentError } from '../env/argument-error.js'
import { EnvError } from '../env/env-error.js'
import { readText, systemFiles } from '../env/files.js'
import { type FileName, parseFileName } from '../format/file-name.js'
import { exportMarkName } from './export-directory.js'

/** A file of a database in a directory. */
export interface PlainFile {
  readonly name: string
  readonly parsed: FileName
  readonly size: number
  readonly modifiedMs: number
}

/** A database of RocksDB or LevelDB in a directory, as it was at one moment. */
export interface PlainDirectory {
  readonly path: string
  /** Parts of the database: tables, blob files, write-ahead logs, the MANIFEST and CURRENT. */
  readonly files: readonly PlainFile[]
  /** Name of the MANIFEST. */
  readonly manifestName: string
  /** Text that changes whenever the database does. */
  readonly fingerprint: string
}

const partsOfDatabase: ReadonlySet<FileName['kind']> = new Set([
  'table',
  'blob',
  'wal',
  'manifest',
  'current',
])

/**
 * @throws EnvError NotFound: there is no database. InvalidArgument: it is the local part of one in a store, or an export
 *   that was interrupted.
 */
export async function readPlainDirectory(path: string): Promise<PlainDirectory> {
  const names = await systemFiles.readdir(path).catch((error: NodeJS.ErrnoException) => {
    const isMissing = error.code === 'ENOENT' || error.code === 'ENOTDIR'
    throw isMissing ? new EnvError('NotFound', `${path} is no directory`, { cause: error }) : error
  })
  if (names.includes(ownerRecordName)) {
    throw new ArgumentError(
      `${path} is the local directory of a database in a store, where its tables are. To copy that: cloudenv copy`,
    )
  }
  if (names.includes(exportMarkName))
    throw new ArgumentError(`${path} is an export that was interrupted. Repeat that one first`)
  const manifestName = (await readText(systemFiles, join(path, 'CURRENT')))?.trim()
  if (manifestName === undefined || parseFileName(manifestName).kind !== 'manifest')
    throw new EnvError(
      'NotFound',
      `${path} has no database of RocksDB or LevelDB: no CURRENT leads to a MANIFEST`,
    )
  const files: PlainFile[] = []
  for (const name of names.sort()) {
    const parsed = parseFileName(name)
    if (!partsOfDatabase.has(parsed.kind) || (parsed.kind === 'manifest' && name !== manifestName)) continue
    const { size, mtimeMs } = await stat(join(path, name))
    files.push({ name, parsed, size, modifiedMs: mtimeMs })
  }
  const fingerprint = JSON.stringify(files.map(({ name, size, modifiedMs }) => [name, size, modifiedMs]))
  return { path, files, manifestName, fingerprint }
}

/** MANIFEST of the directory, without a torn end. @throws EnvError Corruption, NotSupported */
export async function readPlainManifest({
  path,
  manifestName,
}: PlainDirectory): Promise<{ readonly manifest: Manifest; readonly manifestBytes: Uint8Array }> {
  const file = join(path, manifestName)
  const manifestBytes = await readFile(file)
  return { manifest: readManifest(manifestBytes, { name: file }), manifestBytes }
}

/**
 * Does something while no program of RocksDB or LevelDB can have the database open for writing, this one included.
 * @throws EnvError Busy: one has it open.
 */
export async function withPlainLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const unlock = await native.lockDatabase(join(path, 'LOCK')).catch((error: unknown) => {
    if (!(error instanceof RocksDBError)) throw error
    const isHeld = /lock hold by current process|resource temporarily unavailable/i.test(error.message)
    if (!isHeld) throw new EnvError('IOError', error.message, { cause: error })
    throw new EnvError('Busy', `${path} is open in a program. Close it there, and repeat this`, {
      cause: error,
    })
  })
  try {
    return await work()
  } finally {
    unlock()
  }
}
