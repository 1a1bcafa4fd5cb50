import type { DatabaseView } from '../catalog/database-view.js'
import { decodeManifest } from '../catalog/decode-manifest.js'
import type { Manifest } from '../catalog/manifest.js'
import type { StoredFile } from '../catalog/stored-file.js'
import type { Files } from '../env/files.js'
import { tableFileName } from '../format/file-name.js'
import type { CachedFile } from './cached-file.js'
import { readLocalManifest, readStart } from './local-manifest.js'
import type { Owner } from './owner.js'
import type { LevelTable } from './pinned-levels.js'
import { tablesByUse } from './warm-up-plan.js'

/** One state of a database, and its files by the name that RocksDB knows. */
export interface PresentState {
  readonly manifest: Manifest
  readonly files: ReadonlyMap<string, StoredFile>
}

/** The present state of a database that is open for writing in `directory`. */
export async function stateOfOwner(owner: Owner, files: Files, directory: string): Promise<PresentState> {
  return { manifest: await readLocalManifest(files, directory), files: filesOf(owner) }
}

/** The state that the first `size` bytes of a MANIFEST of the owner describe. */
export async function committedState(
  owner: Owner,
  files: Files,
  path: string,
  size: number,
): Promise<PresentState> {
  const manifest = await decodeManifest(await readStart(files, path, size), { name: path })
  return { manifest, files: filesOf(owner) }
}

export async function stateOfView({
  manifestBytes,
  manifestName: name,
  files,
}: DatabaseView): Promise<PresentState> {
  return { manifest: await decodeManifest(manifestBytes, { name }), files }
}

/** Tables of a state, upper levels first. */
export function levelTables(
  { manifest, files }: PresentState,
  cachedFile: (file: StoredFile) => CachedFile,
): LevelTable[] {
  return tablesByUse(manifest.liveTables.values()).flatMap(({ level, number }) => {
    const file = files.get(tableFileName(number))
    return file ? { level, size: file.size, cached: () => cachedFile(file) } : []
  })
}

function filesOf(owner: Owner): Map<string, StoredFile> {
  return new Map([...owner.fileNames()].map((name) => [name, owner.file(name)]))
}
