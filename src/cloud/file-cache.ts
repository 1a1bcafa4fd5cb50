import { opendir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { readBootId } from './boot-id.js'
import { type CacheBudget, CachedFile, cachedPath, type FetchRange } from './cached-file.js'
import { ChunkMap, chunkBytes } from './chunk-map.js'
import { mapSuffix } from './sparse-copy.js'

export interface CacheMetrics {
  /** Bytes of tables held on disk, evicted ones that are still open included. */
  readonly bytes: number
  readonly maxBytes: number
  readonly files: number
  readonly evictedFiles: number
  readonly fetchedBytes: number
}

/**
 * The local copies of stored tables, of all databases of one Env, bounded by bytes. It lies in a
 * directory of its own in which nothing is that could not be fetched again: deleting it costs requests,
 * never data. It survives a restart; what cannot be trusted or is no cache file is dropped then.
 */
export class FileCache implements CacheBudget {
  readonly directory: string
  readonly bootId = readBootId()
  readonly #maxBytes: number
  readonly #files = new Map<string, CachedFile>()
  /** The files with bytes on disk, by path; a size of 0 is not allowed there. */
  readonly #index: LRUCache<string, CachedFile>
  readonly #evictions = new Set<Promise<void>>()
  #lettingGoBytes = 0
  #evictedFiles = 0
  #fetchedBytes = 0

  private constructor(directory: string, maxBytes: number) {
    this.directory = directory
    this.#maxBytes = maxBytes
    // Room is made in `reserve`, so the index itself evicts nothing.
    this.#index = new LRUCache<string, CachedFile>({ maxSize: Number.MAX_SAFE_INTEGER })
  }

  /** Opens the cache in `directory`, with what an earlier process left there, least recently used first. */
  static async open(directory: string, maxBytes: number): Promise<FileCache> {
    const cache = new FileCache(directory, maxBytes)
    for (const left of await findFiles(directory)) await cache.#restore(left)
    await Promise.all(cache.#evictions)
    return cache
  }

  /** The file that mirrors one stored object. `name` is unique for ever, for it holds the epoch. */
  file(name: string, size: number, fetch: FetchRange): CachedFile {
    const path = join(this.directory, name)
    const known = this.#files.get(path)
    if (known?.size === size) {
      known.source = fetch
      return known
    }
    if (known) this.#drop(known)
    const file = new CachedFile(path, size, fetch, this)
    this.#files.set(path, file)
    return file
  }

  /**
   * Takes a table that was written here and is in the store now.
   * @returns false when there is no room for it, or no way to get there: the local file is left where it is.
   */
  async adopt(file: CachedFile, localPath: string): Promise<boolean> {
    if (!this.#makeRoom(file.size, file)) return false
    const isAdopted = await file.adopt(localPath).then(
      () => true,
      () => false,
    )
    this.touch(file)
    return isAdopted
  }

  /** Forgets a table that was deleted. */
  async remove(name: string): Promise<void> {
    const file = this.#files.get(join(this.directory, name))
    if (file) this.#drop(file)
    await Promise.all(this.#evictions)
  }

  reserve(file: CachedFile, bytes: number): boolean {
    if (file.heldBytes + bytes > this.#maxBytes) return false
    this.touch(file)
    return this.#makeRoom(bytes, file)
  }

  /**
   * Evicts from the least recently used end on, `keep` excepted. What was read since the last look has a second chance.
   * @returns false, and evicts nothing, when that would not be enough.
   */
  #makeRoom(bytes: number, keep: CachedFile): boolean {
    const isEnough = () => this.#index.calculatedSize + bytes <= this.#maxBytes
    if (isEnough()) return true
    const files = [...this.#index.rvalues()].filter(
      (file) => file !== undefined && file !== keep,
    ) as CachedFile[]
    const evictable = files.reduce((sum, file) => sum + file.presentBytes, 0)
    if (this.#index.calculatedSize + bytes - evictable > this.#maxBytes) return false
    for (const sparesUsed of [true, false]) {
      for (const file of files) {
        if (isEnough()) return true
        if (sparesUsed && file.takeUsed()) this.touch(file)
        else this.#evict(file)
      }
    }
    return true
  }

  touch(file: CachedFile): void {
    if (file.isPinned || this.#files.get(file.path) !== file) return
    // The index would keep the size that it was first told for the same file.
    this.#index.delete(file.path)
    if (file.heldBytes > 0) this.#index.set(file.path, file, { size: file.heldBytes })
  }

  releaseLater(bytes: number): () => void {
    this.#lettingGoBytes += bytes
    return () => {
      this.#lettingGoBytes -= bytes
    }
  }

  idle(file: CachedFile): void {
    if (this.#files.get(file.path) !== file) return
    this.#files.delete(file.path)
    this.#index.delete(file.path)
  }

  fetched(bytes: number): void {
    this.#fetchedBytes += bytes
  }

  metrics(): CacheMetrics {
    let bytes = this.#lettingGoBytes
    let files = 0
    for (const file of this.#files.values()) {
      bytes += file.presentBytes
      if (file.presentBytes > 0) files += 1
    }
    return {
      bytes,
      maxBytes: this.#maxBytes,
      files,
      evictedFiles: this.#evictedFiles,
      fetchedBytes: this.#fetchedBytes,
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#evictions)
    await Promise.all([...this.#files.values()].map((file) => file.close()))
  }

  async #restore(left: LeftFile): Promise<void> {
    const bytes = await readFile(`${left.path}${mapSuffix}`).catch(() => undefined)
    const map = bytes && ChunkMap.decode(bytes, left.size, this.bootId)
    if (!map || map.chunkBytes !== chunkBytes || map.presentBytes > this.#maxBytes) {
      await rm(left.path, { force: true })
      await rm(`${left.path}${mapSuffix}`, { force: true })
      return
    }
    const path = cachedPath(left.path)
    const other = this.#files.get(path)
    if (other) this.#drop(other)
    const file = new CachedFile(path, left.size, neverFetched, this)
    file.restore(left.path, map)
    this.#files.set(path, file)
    this.reserve(file, 0)
  }

  #drop(file: CachedFile): void {
    this.#files.delete(file.path)
    this.#index.delete(file.path)
    this.#track(file.remove())
  }

  #evict(file: CachedFile): void {
    if (file.presentBytes === 0) return
    this.#evictedFiles += 1
    this.#track(file.evict())
    // What is on its way counts still.
    this.touch(file)
  }

  #track(eviction: Promise<void>): void {
    const tracked = eviction.finally(() => this.#evictions.delete(tracked))
    this.#evictions.add(tracked)
  }
}

interface LeftFile {
  readonly path: string
  readonly size: number
  readonly usedMs: number
}

async function findFiles(directory: string): Promise<LeftFile[]> {
  const found: LeftFile[] = []
  const maps: string[] = []
  const entries = await opendir(directory, { recursive: true }).catch(() => undefined)
  if (!entries) return found
  for await (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if (entry.name.endsWith(mapSuffix)) {
      maps.push(path)
      continue
    }
    const { size, atimeMs, mtimeMs } = await stat(path)
    found.push({ path, size, usedMs: Math.max(atimeMs, mtimeMs) })
  }
  const paths = new Set(found.map((file) => file.path))
  for (const map of maps) if (!paths.has(map.slice(0, -mapSuffix.length))) await rm(map, { force: true })
  return found.sort((a, b) => a.usedMs - b.usedMs)
}

/** A file left by an earlier process gets its source when its database is opened, before any read. */
async function neverFetched(): Promise<never> {
  throw new Error('a cached file was read before its database was opened')
}
