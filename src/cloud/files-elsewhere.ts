import { dirname } from 'node:path'
import { versionEdits } from '../catalog/version-edits.js'
import { EnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import { parseFileName, tableFileName } from '../format/file-name.js'
import { readDirectory } from './local-directory.js'

/**
 * Refuses to commit for a program that keeps files of a database outside its directory, by RocksDB's options `wal_dir`,
 * `db_paths` and `cf_paths`: such tables never reach the store, and such a log would be replayed onto any state of it.
 */
export class FilesElsewhere {
  /** The MANIFEST checked last, and how much of it. */
  #manifest = { path: '', bytes: 0 }
  readonly #files: Files
  readonly #leftLogs: readonly string[]
  #hasLog = false

  /** @param leftLogs names of the logs that earlier openings left in the directory. */
  constructor(files: Files, leftLogs: readonly string[]) {
    this.#files = files
    this.#leftLogs = leftLogs
  }

  /**
   * @param hasTable whether a table of this name is in the store, or on its way there.
   * @throws EnvError NotSupported: every retry fails too.
   */
  async assertNone(path: string, manifest: Uint8Array, hasTable: (name: string) => boolean): Promise<void> {
    const directory = dirname(path)
    // RocksDB begins a log before it commits for the first time.
    this.#hasLog ||= ((await readDirectory(this.#files, directory)) ?? []).some(
      (name) => parseFileName(name).kind === 'wal' && !this.#leftLogs.includes(name),
    )
    if (!this.#hasLog) throw refusal(directory, 'its write-ahead log', 'wal_dir')
    const from = this.#manifest.path === path ? this.#manifest.bytes : 0
    const added = new Set<string>()
    let bytes = from
    for (const { end, edit } of versionEdits(manifest, { name: path, from })) {
      const { deletedTables, newTables } = edit
      for (const { number } of deletedTables) added.delete(tableFileName(number))
      for (const { number } of newTables) added.add(tableFileName(number))
      bytes = end
    }
    // Blob files lie where the flushed tables of their column family do.
    const stray = [...added].find((name) => !hasTable(name))
    if (stray !== undefined) throw refusal(directory, stray, 'db_paths and cf_paths')
    this.#manifest = { path, bytes }
  }
}

function refusal(directory: string, what: string, options: string): EnvError {
  return new EnvError(
    'NotSupported',
    `the program keeps ${what} outside ${directory}, where the Env can't protect it. Open the database without RocksDB's ` +
      `${options}`,
    { scope: 'fileSystem' },
  )
}
