import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LiveTable } from '../catalog/manifest.js'
import { encodeSequencesEdit, type SequencedTable } from '../format/encode-version-edit.js'
import { tableFileName } from '../format/file-name.js'
import { appendRecord } from '../format/log-record.js'
import { DirectoryStore } from '../store/directory-store.js'
import { rangedObject } from '../table/ranged-source.js'
import { TableReader } from '../table/table-reader.js'
import { type PlainDirectory, readPlainManifest } from './plain-directory.js'

/**
 * Adds to a MANIFEST the sequence numbers of tables of LevelDB, which leaves them out. RocksDB orders level 0 by
 * them, and refuses a database with two tables there that have none (`force_consistency_checks`); a build with
 * assertions, such as Debian's, ends the process. Those of level 0, a few MiB, are read from the tables. The others
 * are bounds, which will do for tables that are only read.
 */
export async function completeSequences(directory: PlainDirectory): Promise<void> {
  const { manifest, manifestBytes } = await readPlainManifest(directory)
  const incomplete = [...manifest.liveTables.values()].filter(lacksSequences)
  if (incomplete.length === 0) return
  const bounds = { smallestSequence: 0n, largestSequence: BigInt(manifest.lastSequence) }
  const sequenced: SequencedTable[] = []
  for (const table of incomplete)
    sequenced.push(table.level === 0 ? await withSequences(table, directory.path) : { ...table, ...bounds })
  const whole = manifestBytes.subarray(0, manifest.length)
  const completed = appendRecord(whole, encodeSequencesEdit(sequenced))
  await writeFile(join(directory.path, directory.manifestName), completed)
}

/** RocksDB takes over a table without any as one from the highest number to 0. */
function lacksSequences({ smallestSequence, largestSequence }: LiveTable): boolean {
  return smallestSequence === undefined || smallestSequence > (largestSequence ?? 0n)
}

async function withSequences(table: LiveTable, directory: string): Promise<SequencedTable> {
  const place = { store: new DirectoryStore({ directory }), path: '' }
  const reader = await TableReader.open(rangedObject(place, tableFileName(table.number), table.size))
  let smallestSequence = table.largest.sequence
  let largestSequence = smallestSequence
  for await (const { sequence } of reader.entries()) {
    if (sequence === undefined) continue
    if (sequence < smallestSequence) smallestSequence = sequence
    if (sequence > largestSequence) largestSequence = sequence
  }
  return { ...table, smallestSequence, largestSequence }
}
