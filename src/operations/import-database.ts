import { join, resolve } from 'node:path'
import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { readIdentity } from '../catalog/identity.js'
import type { ArrivingFile } from '../catalog/incoming.js'
import type { Manifest } from '../catalog/manifest.js'
import { withRooted } from '../catalog/rooted-places.js'
import { readRoot } from '../catalog/state-objects.js'
import { totalSize } from '../catalog/total-size.js'
import { plainFiles } from '../cloud/plain-database.js'
import { makeDirectory } from '../env/durable-file.js'
import { EnvError } from '../env/env-error.js'
import { systemFiles } from '../env/files.js'
import { realPath } from '../env/real-path.js'
import { realSystem, type System } from '../env/system.js'
import type { Epoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import type { StoreOptions } from '../store/registry.js'
import { urlPath } from '../store/store-url.js'
import { Arrival } from './arrival.js'
import { forEachLimited } from './for-each-limited.js'
import { type PreparedDatabase, prepareImport } from './import-scratch.js'
import { OccupiedError } from './occupied-error.js'
import { type PlainDirectory, readPlainDirectory, readPlainManifest } from './plain-directory.js'
import { LocalFileVerifier } from './verify-local-file.js'

export interface ImportOptions {
  /** How to reach the store. */
  readonly store?: StoreOptions
  /**
   * Directory for the preparation, on the same file system. Default: beside the database, `<directory>.cloudenv-import`. It is
   * removed in the end.
   */
  readonly scratch?: string
  /** RocksDB's name of the operator that merged values in the write-ahead log. Default: none did. */
  readonly mergeOperator?: string
  /** False to send the files as they are. Default: every checksum in them is checked before. */
  readonly verify?: boolean
  /** Ends the import. Repeated, it goes on where it ended. */
  readonly signal?: AbortSignal
  /** Called with the bytes to import. */
  readonly onStart?: (bytes: number) => void
  /** Called with the bytes of each file that is there. */
  readonly onBytes?: (bytes: number) => void
}

/** Output of `cloudenv import --json`. */
export interface DatabaseImport {
  /** URL of the database. */
  readonly url: string
  /** Absolute path of the directory. */
  readonly directory: string
  /** Id of the database in the store, its own. */
  readonly identity: string
  /** Number of tables and blob files, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** The part of them that this run sent. The rest was there from one that was interrupted. */
  readonly sentFiles: number
  readonly sentBytes: number
}

/** As many as an owner uploads at a time. */
const concurrentFiles = 4

/**
 * Makes a database in a store of a plain one of RocksDB or LevelDB in a directory. The directory stays as it is, and is
 * not needed any more. What is only in its write-ahead log comes along.
 *
 * @param directory of the plain database, which no program may have open.
 * @param url of the new database: nothing may lie there.
 * @throws EnvError NotFound: no database is in the directory. Busy: a program has it open, or another import of it is under
 *   way. InvalidArgument: something else lies at the place. Corruption: the database is damaged.
 *
 * @example
 * ```ts
 * await importDatabase('./orders', 's3://my-bucket/prod/orders')
 * ```
 */
export async function importDatabase(
  directory: string,
  url: string,
  options: ImportOptions = {},
): Promise<DatabaseImport> {
  const { store = {} } = options
  return await withRooted([{ url, options: store }], ({ places: [place] }) =>
    importToPlace(directory, place, options),
  )
}

/** Does the work of {@link importDatabase} in a store that is open at its root. */
export async function importToPlace(
  directory: string,
  place: DatabasePlace,
  { system = realSystem, ...options }: Omit<ImportOptions, 'store'> & { readonly system?: System } = {},
): Promise<DatabaseImport> {
  const path = realPath(resolve(directory))
  // An error about the directory leaves nothing behind.
  await readPlainDirectory(path)
  const scratch = resolve(options.scratch ?? `${path}.cloudenv-import`)
  await makeDirectory(systemFiles, scratch)
  const lock = await systemFiles.lock(join(scratch, 'lock'))
  if (!lock) throw new EnvError('Busy', `${path} is being imported by another process (${scratch} is locked)`)
  const removeScratch = () => systemFiles.rm(scratch, { recursive: true, force: true })
  try {
    const { mergeOperator } = options
    const prepared = await prepareImport(path, scratch, { mergeOperator, system }).catch(async (error) => {
      await removeScratch()
      throw error
    })
    const result = await sendPrepared(prepared, place, { path, system, ...options }).catch(async (error) => {
      // One that was there belongs to an import to another place.
      if (error instanceof OccupiedError && prepared.isNew) await removeScratch()
      throw error
    })
    await removeScratch()
    return result
  } finally {
    await lock.close()
  }
}

async function sendPrepared(
  { directory, epoch }: PreparedDatabase,
  place: DatabasePlace,
  options: Omit<ImportOptions, 'store'> & { readonly path: string; readonly system: System },
): Promise<DatabaseImport> {
  const { path, system, signal, verify = true, onStart, onBytes } = options
  const state = await readPlainManifest(directory)
  const files = filesOf(state.manifest, directory, epoch)
  const bytes = totalSize(files)
  const sent = { sentFiles: 0, sentBytes: 0 }
  const report = { url: databaseUrl(place), directory: path, files: files.length, bytes }
  const start = { place, from: `file://${urlPath(path)}`, epoch, system }
  const arrival = await Arrival.begin(start).catch(async (error: unknown) => {
    // An earlier attempt ended after it had removed the mark, and before the scratch directory.
    const identity = (await isCurrent(place, epoch)) ? await readIdentity([place]) : undefined
    if (!(error instanceof OccupiedError) || identity === undefined) throw error
    return { identity }
  })
  if (!(arrival instanceof Arrival)) return { ...report, ...arrival, ...sent }
  if (arrival.isWhole && !(await isCurrent(place, epoch)))
    throw new OccupiedError(
      `${databaseUrl(place)} has a database that was imported from ${path} before that changed`,
    )
  if (!arrival.isWhole) {
    onStart?.(bytes)
    const verifier = verify ? new LocalFileVerifier(directory.path, state.manifest) : undefined
    await forEachLimited(files, { concurrency: concurrentFiles, signal }, async (file, ended) => {
      const { name, size } = file
      if (!arrival.has(file)) {
        await verifier?.verify(name, file)
        const body = { file: join(directory.path, name), size }
        await place.store.put(objectKey(place, file.objectName), body, { signal: ended })
        sent.sentFiles += 1
        sent.sentBytes += size
      }
      onBytes?.(size)
    })
    await arrival.complete({ past: [], current: epoch }, state, files)
  }
  return { ...report, identity: arrival.identity, ...sent }
}

interface ImportedFile extends ArrivingFile {
  /** As RocksDB knows it. */
  readonly name: string
}

function filesOf(manifest: Manifest, { path, files }: PlainDirectory, epoch: Epoch): ImportedFile[] {
  const sizes = new Map(files.map(({ name, size }) => [name, size]))
  return plainFiles(manifest, path, sizes).map(({ name, kind, number, size }) => ({
    name,
    objectName: objectName({ kind, number, epoch }),
    size,
  }))
}

/** Reports whether the place has the database of that epoch, and nobody has opened it for writing since. */
async function isCurrent(place: DatabasePlace, epoch: Epoch): Promise<boolean> {
  const root = await readRoot([place], '')
  return root !== undefined && !root.error && root.value.current === epoch
}
