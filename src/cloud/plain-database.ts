import { join } from 'node:path'
import type { Manifest } from '../catalog/manifest.js'
import { mapLimited } from '../catalog/map-limited.js'
import { EnvError } from '../env/env-error.js'
import { type Files, readText } from '../env/files.js'
import { blobFileSize } from '../format/blob-file-size.js'
import { blobFileName, parseFileName, tableFileName } from '../format/file-name.js'
import { isLevelDbTable } from '../table/level-db-table.js'
import { exists, readDirectory } from './local-directory.js'
import { readLocalManifest } from './local-manifest.js'
import type { OwnerRecord } from './owner-record.js'

/** A table or blob file of a database that lies in a directory. */
export interface PlainFile {
  /** As RocksDB knows it. */
  readonly name: string
  readonly kind: 'table' | 'blob'
  readonly number: number
  readonly size: number
}

/** A whole database of RocksDB in a directory, which no program has open. */
export interface PlainDatabase {
  readonly manifest: Manifest
  /** Number of its MANIFEST. */
  readonly manifestNumber: number
  /** Files that its state needs, those of the last level first: these stay for longest. */
  readonly files: readonly PlainFile[]
  /** Names of its write-ahead logs. */
  readonly logs: readonly string[]
  /** Undefined: RocksDB makes one. */
  readonly identity: Uint8Array | undefined
}

/** Files looked up at once: more would be no faster, as Node has four threads for it. */
const concurrentLooks = 16

/** Reports whether the directory holds a whole database that is to be migrated, or on its way. */
export async function holdsPlainDatabase(
  files: Files,
  directory: string,
  record: OwnerRecord | undefined,
): Promise<boolean> {
  return (!record || record.migration !== undefined) && exists(files, join(directory, 'CURRENT'))
}

/**
 * @throws EnvError Corruption: a file is missing or of the wrong size. NotSupported: one lies in another directory, or
 *   LevelDB wrote it.
 */
export async function readPlainDatabase(files: Files, directory: string): Promise<PlainDatabase> {
  const names = (await readDirectory(files, directory)) ?? []
  const ofLevelDb = names.find((name) => name.endsWith('.ldb'))
  if (ofLevelDb !== undefined) throw isOfLevelDb(directory, ofLevelDb)
  const manifest = await readLocalManifest(files, directory)
  const sizes = new Map<string, number>()
  await mapLimited(names.filter(isTableName), concurrentLooks, async (name) => {
    sizes.set(name, (await files.stat(join(directory, name))).size)
  })
  const current = parseFileName(((await readText(files, join(directory, 'CURRENT'))) ?? '').trim())
  const identity = await readText(files, join(directory, 'IDENTITY'))
  const needed = plainFiles(manifest, directory, sizes)
  const [first] = await levelDbTables(files, directory, needed)
  if (first !== undefined) throw isOfLevelDb(directory, first)
  return {
    manifest,
    manifestNumber: current.kind === 'manifest' ? current.number : 0,
    files: needed,
    logs: names.filter((name) => parseFileName(name).kind === 'wal'),
    identity: identity === undefined ? undefined : Buffer.from(identity),
  }
}

/**
 * Tables and blob files that a database in a directory needs.
 * @param sizes of the files there, by name.
 * @throws EnvError Corruption: a file is missing or of the wrong size. NotSupported: one lies in another directory.
 */
export function plainFiles(
  { liveTables, liveBlobFiles }: Manifest,
  directory: string,
  sizes: ReadonlyMap<string, number>,
): PlainFile[] {
  const found = (kind: PlainFile['kind'], number: number, size: number): PlainFile => {
    const name = kind === 'table' ? tableFileName(number) : blobFileName(number)
    if (sizes.get(name) === size) return { name, kind, number, size }
    const what = sizes.has(name) ? `has ${sizes.get(name)} bytes instead of ${size}` : 'is missing'
    throw new EnvError('Corruption', `${join(directory, name)} ${what}, and the MANIFEST references it`)
  }
  const tables = [...liveTables.values()].sort((a, b) => b.level - a.level)
  return [
    ...[...liveBlobFiles.values()].map((blobFile) => found('blob', blobFile.number, blobFileSize(blobFile))),
    ...tables.map(({ number, size, pathId }) => {
      if (pathId === 0) return found('table', number, size)
      const message = `table ${number} lies in another directory (db_paths, cf_paths). Compact it into the first one`
      throw new EnvError('NotSupported', message)
    }),
  ]
}

/** Names of the tables that LevelDB wrote: see {@link isLevelDbTable}. */
export async function levelDbTables(
  files: Files,
  directory: string,
  all: readonly PlainFile[],
): Promise<string[]> {
  const tables = all.filter(({ kind }) => kind === 'table')
  const found = await mapLimited(tables, concurrentLooks, async (table) =>
    (await isLevelDbTable(files, directory, table)) ? [table.name] : [],
  )
  return found.flat()
}

function isOfLevelDb(directory: string, table: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${directory} has tables of LevelDB, such as ${table}, which have to be written anew. Close it, and use cloudenv import`,
  )
}

/** Reports whether RocksDB gives that name to a table or blob file. */
export function isTableName(name: string): boolean {
  const { kind } = parseFileName(name)
  return kind === 'table' || kind === 'blob'
}
