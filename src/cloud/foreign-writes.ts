import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { type Files, readText } from '../env/files.js'
import { parseFileName } from '../format/file-name.js'
import { ownerRecordName } from './owner-record.js'
import { isTableName } from './plain-database.js'

/**
 * A program that opens the local directory without the Env takes what lies there for the whole database. It moves
 * the write-ahead log into tables of its own, which the store never has, and deletes it. From then on only these tables
 * have the content of the log, so they are neither deleted nor opened over.
 *
 * @param names what lies in the directory.
 * @throws EnvError InvalidArgument
 */
export function assertNoForeignTables(directory: string, names: readonly string[], url: string): void {
  const foreign = names.filter(isTableName).sort()
  if (foreign.length > 0) throw foreignWrites(directory, url, foreign.slice(0, 3).join(', '))
}

/**
 * Checks the same by the MANIFEST, for a program that wrote no table: its column families are in its own MANIFEST only,
 * and the log would be replayed without them. Every opening for writing makes CURRENT name a new MANIFEST with a higher
 * number.
 *
 * @param lastManifest number of the last MANIFEST that the Env let RocksDB begin.
 * @throws EnvError InvalidArgument
 */
export async function assertOwnManifest(
  files: Files,
  directory: string,
  url: string,
  lastManifest: number,
): Promise<void> {
  const current = await readCurrent(files, directory)
  const parsed = parseFileName(current)
  if (parsed.kind === 'manifest' && parsed.number > lastManifest) throw foreignWrites(directory, url, current)
}

/**
 * Checks the same where the directory held the whole database when the process ended. The other program may have
 * taken a number that the Env had given to a MANIFEST, without making CURRENT name that. The store has each MANIFEST
 * of the Env before CURRENT names it.
 *
 * @param known number of the last MANIFEST that CURRENT is known to have named.
 * @param stored the MANIFEST in the store.
 * @throws EnvError InvalidArgument
 */
export async function assertStoredManifest(
  files: Files,
  directory: string,
  url: string,
  { known, stored }: { readonly known: number; readonly stored: Uint8Array },
): Promise<void> {
  const current = await readCurrent(files, directory)
  const parsed = parseFileName(current)
  if (parsed.kind !== 'manifest' || parsed.number === known) return
  const local = Buffer.from(await files.readFile(join(directory, current)))
  if (!local.subarray(0, stored.length).equals(stored)) throw foreignWrites(directory, url, current)
}

async function readCurrent(files: Files, directory: string): Promise<string> {
  const text = await readText(files, join(directory, 'CURRENT')).catch(() => undefined)
  return (text ?? '').trim()
}

function foreignWrites(directory: string, url: string, what: string): EnvError {
  return new EnvError(
    'InvalidArgument',
    `another program wrote to ${directory} without the Env: it left ${what}, which ${url} knows nothing of. Nothing was ` +
      `changed. What it wrote is in that directory only: move the directory away, then ${url} opens in the state of the ` +
      `last flush. To take over what was written since, remove ${ownerRecordName} from the directory that was moved, open it ` +
      'without the Env, and copy the entries',
  )
}
