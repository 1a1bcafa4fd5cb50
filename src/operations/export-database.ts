import { resolve } from 'node:path'
import { objectUrl } from '../catalog/database-place.js'
import type { StateWithFiles } from '../catalog/database-view.js'
import { decodeManifest } from '../catalog/decode-manifest.js'
import { readIdentity } from '../catalog/identity.js'
import { locationsOf, withRooted } from '../catalog/rooted-places.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import type { StateSelector } from '../env/state-selector.js'
import { objectName, parseFileName } from '../format/file-name.js'
import type { StoreOptions } from '../store/registry.js'
import { ExportDirectory } from './export-directory.js'
import { forEachLimited } from './for-each-limited.js'
import { findWanted, newerThan, untilWhole } from './present-state.js'
import type { SourceOptions } from './source-options.js'
import { LocalFileVerifier } from './verify-local-file.js'

export interface ExportOptions extends SourceOptions {
  /** Cookie of the line of history to export from. Default: the plain CLOUDMANIFEST. */
  readonly cookie?: string
  /** State to export: past ones can be had while the database keeps them. Default: its last commit. */
  readonly at?: StateSelector
  /** How to reach the store of the database. */
  readonly store?: StoreOptions
  /** False to take the files as they arrive, of the right size. Default: every checksum in them is checked. */
  readonly verify?: boolean
  /** Ends the export. Repeated, it goes on where it ended. */
  readonly signal?: AbortSignal
  /** Called with the bytes to export; again when the database has changed so much that it begins anew. */
  readonly onStart?: (bytes: number) => void
  /** Called with the bytes of each piece that is there. */
  readonly onBytes?: (bytes: number) => void
}

/** Output of `cloudenv export --json`. */
export interface DatabaseExport {
  /** Absolute path. */
  readonly directory: string
  /** URL of the CLOUDMANIFEST of the state that was exported. */
  readonly from: string
  /** Number of tables and blob files, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** The part of them that this run fetched. The rest was there from one that was interrupted. */
  readonly fetchedFiles: number
  readonly fetchedBytes: number
}

/** Each has 16 MiB of pieces in memory. */
const concurrentFiles = 4

/**
 * Writes the last commit of a database, or a state before that, into a directory, as a plain database of RocksDB: any program that knows its
 * format opens it. The database is not changed, and a writer may go on with it.
 *
 * @param url of the database.
 * @param directory created, if it is missing. Otherwise it must be empty, or hold what an interrupted export of the same
 *   database left.
 * @throws EnvError NotFound: there is no database, or no such state. InvalidArgument: something else is in the directory. Corruption: the
 *   database is damaged. NoSpace.
 *
 * @example
 * ```ts
 * await exportDatabase('s3://my-bucket/prod/orders', './orders')
 * ```
 */
export async function exportDatabase(
  url: string,
  directory: string,
  options: ExportOptions = {},
): Promise<DatabaseExport> {
  const { cookie = '', at, source, store = {}, sourceStore } = options
  return await withRooted(locationsOf(url, source, store, sourceStore), async ({ places, openPlace }) => {
    const wanted = { places, cookie, at, openPlace }
    const first = await findWanted(wanted)
    const from = objectUrl(places[0], objectName({ kind: 'cloudManifest', cookie }))
    const path = resolve(directory)
    const target = await ExportDirectory.begin(path, from)
    const fetched: StoredFile[] = []
    const last = target.isWhole
      ? first
      : await untilWhole(
          first,
          (state) => fetchState(state, path, target, fetched, options),
          newerThan(wanted),
        )
    if (!target.isWhole) await target.complete(last, await readIdentity(places))
    return {
      directory: path,
      from,
      files: last.files.size,
      bytes: totalSize(last.files.values()),
      fetchedFiles: fetched.length,
      fetchedBytes: totalSize(fetched),
    }
  })
}

/** @param fetched gets each file that was not there. */
async function fetchState(
  state: StateWithFiles,
  path: string,
  target: ExportDirectory,
  fetched: StoredFile[],
  { verify = true, signal, onStart, onBytes }: ExportOptions,
): Promise<void> {
  await target.prepare(state)
  const files = [...state.files]
  onStart?.(totalSize(state.files.values()))
  const manifest = verify ? await decodeManifest(state.manifestBytes, { name: 'MANIFEST' }) : undefined
  const verifier = manifest && new LocalFileVerifier(path, manifest)
  const isBlobFile = (name: string) => parseFileName(name).kind === 'blob'
  // Tables are checked against the blob files that they refer to.
  for (const kind of [true, false]) {
    const ofKind = files.filter(([name]) => isBlobFile(name) === kind)
    await forEachLimited(ofKind, { concurrency: concurrentFiles, signal }, async ([name, file], ended) => {
      if (await target.fetch(name, file, { verify: verifier, signal: ended, onBytes })) fetched.push(file)
      else onBytes?.(file.size)
    })
  }
}
