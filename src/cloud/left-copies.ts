import { mapLimited } from '../catalog/map-limited.js'
import type { System } from '../env/system.js'
import { ChunkMap } from './chunk-map.js'
import { mapSuffix } from './sparse-copy.js'

/** A copy of a cached file that an earlier process left. */
export interface LeftCopy {
  readonly path: string
  readonly size: number
  /** Undefined if nobody can tell what the file has. */
  readonly map: ChunkMap | undefined
}

/** Files looked up at once: more would be no faster, as Node has four threads for it. */
const concurrentLooks = 16

/** Copies in a cache directory, least recently used first. Removes what is none. */
export async function findLeftCopies({ files, bootId }: System, directory: string): Promise<LeftCopy[]> {
  const entries = await files.readTree(directory).catch(() => [])
  // Never followed: a table cached under that name would be written, and deleted, where it leads.
  for (const { path, kind } of entries) if (kind === 'symbolicLink') await files.rm(path, { force: true })
  const paths = new Set(entries.filter(({ kind }) => kind === 'file').map(({ path }) => path))
  const isMap = (path: string) => path.endsWith(mapSuffix)
  const copies = [...paths].filter((path) => !isMap(path))
  const found = await mapLimited(copies, concurrentLooks, async (path) => {
    const { size, atimeMs, mtimeMs } = await files.stat(path)
    const bytes = await files.readFile(`${path}${mapSuffix}`).catch(() => undefined)
    const map = bytes && ChunkMap.decode(bytes, size, bootId)
    return { path, size, map, usedMs: Math.max(atimeMs, mtimeMs) }
  })
  for (const path of paths)
    if (isMap(path) && !paths.has(path.slice(0, -mapSuffix.length))) await files.rm(path, { force: true })
  return found.sort((a, b) => a.usedMs - b.usedMs)
}
