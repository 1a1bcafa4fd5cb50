import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { mapLimited } from '../catalog/map-limited.js'
import { sleep } from '../env/clock.js'
import type { Files } from '../env/files.js'
import { realSystem, type System } from '../env/system.js'
import { chunkBytes } from '../table/chunk-runs.js'
import type { CacheBudget } from './cache-budget.js'
import { CacheCounts } from './cache-counts.js'
import { CachedFile, cachedPath, type FetchRange } from './cached-file.js'
import { ChunkMap } from './chunk-map.js'
import { defaultReserveBytes, FreeSpace, readDiskSpace } from './disk-space.js'
import { mapSuffix } from './sparse-copy.js'

export interface CacheMetrics extends Readonly<CacheCounts> {
  /** Bytes of tables held on disk, including evicted ones that are still open. */
  readonly bytes: number
  /** The configured bound. */
  readonly maxBytes: number
  /** The bound in force: `maxBytes`, or what the disk allows if that is less. 0 without a cache. */
  readonly allowedBytes: number
  /** Free space on the disk that the cache leaves to everything else. */
  readonly reserveBytes: number
  readonly files: number
}

export interface FileCacheOptions {
  /** See {@link CacheMetrics.reserveBytes}. Default: {@link defaultReserveBytes} of the disk. */
  readonly reserveBytes?: number | undefined
  readonly system?: System
}

/**
 * The local copies of stored tables, of all databases of one Env, bounded by bytes and by the disk: it never takes the
 * last free space, and gives way when others do. It lies in a directory of its own that holds nothing but what can be
 * fetched again: deleting it costs requests, never data. It survives a restart; what cannot be trusted or is no cache
 * file is dropped then.
 */
export class FileCache implements CacheBudget {
  readonly directory: string
  readonly system: System
  readonly counts = new CacheCounts()
  readonly #maxBytes: number
  readonly #reserveBytes: number
  readonly #files = new Map<string, CachedFile>()
  /** The files with bytes on disk, by path; a size of 0 is not allowed there. */
  readonly #index: LRUCache<string, CachedFile>
  readonly #free: FreeSpace
  readonly #evictions = new Set<Promise<void>>()
  /** Releases of evicted copies: each resolves when the disk has the space back. */
  readonly #releases = new Set<Promise<void>>()
  #releasedCopies = 0
  #lettingGoBytes = 0
  /** Reserved bytes that are not on the disk yet. */
  #awaitedBytes = 0
  #cancelWatch: (() => void) | undefined

  private constructor(directory: string, maxBytes: number, reserveBytes: number, system: System) {
    this.directory = directory
    this.#maxBytes = maxBytes
    this.#reserveBytes = reserveBytes
    this.#free = new FreeSpace(system.files, directory)
    this.system = system
    // Room is made in `reserve`, so the index itself evicts nothing.
    this.#index = new LRUCache<string, CachedFile>({ maxSize: Number.MAX_SAFE_INTEGER })
  }

  /** Opens the cache in `directory`, with what an earlier process left there, least recently used first. */
  static async open(
    directory: string,
    maxBytes: number,
    { reserveBytes, system = realSystem }: FileCacheOptions = {},
  ): Promise<FileCache> {
    await system.files.mkdir(directory, { recursive: true })
    const disk = readDiskSpace(system.files, directory)
    const leftBytes = reserveBytes ?? (disk ? defaultReserveBytes(disk) : 0)
    const cache = new FileCache(directory, maxBytes, leftBytes, system)
    const found = await findFiles(system.files, directory)
    const maps = await mapLimited(found, concurrentLooks, (left) => cache.#readMap(left))
    for (const [index, left] of found.entries()) await cache.#restore(left, maps[index])
    await cache.giveWay()
    await Promise.all(cache.#evictions)
    cache.#watch()
    return cache
  }

  /** Keeps nothing, and never touches the disk: every read is a request. */
  static none(directory: string): FileCache {
    return new FileCache(directory, 0, 0, realSystem)
  }

  /** The file that mirrors one stored object. `name` is never reused, since it holds the epoch. */
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
   * Takes in a table that was written here and is in the store now.
   * @returns false if there is no room for it, or no way to get there: the local file stays where it is.
   */
  async adopt(file: CachedFile, localPath: string): Promise<boolean> {
    await this.#refreshFreeSpace()
    // It is on the disk already.
    if (!this.#reserveRoom(file, { bytes: file.size, growthBytes: 0 })) return false
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

  reserve(file: CachedFile, bytes: number, spared: ReadonlySet<CachedFile> = new Set()): boolean {
    if (file.heldBytes + bytes > this.#maxBytes) return false
    this.touch(file)
    if (!this.#reserveRoom(file, { bytes, growthBytes: bytes }, spared)) return false
    this.#awaitedBytes += bytes
    return true
  }

  settled(bytes: number): void {
    this.#awaitedBytes -= bytes
    this.#free.allocate(bytes)
  }

  /** Evicts as much as others need of the reserve. */
  async giveWay(): Promise<boolean> {
    await this.#refreshFreeSpace()
    return this.#evictAndWait(this.#fit({ bytes: 0, growthBytes: 0 }))
  }

  /**
   * Evicts because a write of `bytes` found no space: the space that the system reports as free is not available then,
   * as under a quota.
   * @returns whether anything was freed, so that the write is worth another try.
   */
  async makeRoom(bytes: number): Promise<boolean> {
    await this.#refreshFreeSpace()
    const fits = this.#fit({ bytes: 0, growthBytes: bytes })
    const beforeBytes = this.#lettingGoBytes
    return this.#evictAndWait(() => fits() && this.#lettingGoBytes - beforeBytes >= Math.max(bytes, 1))
  }

  /** Waits for the readers of evicted copies: the disk does not have the space until they let go. */
  async #evictAndWait(isEnough: () => boolean): Promise<boolean> {
    this.#evictUntil(isEnough)
    if (this.#releases.size === 0) return false
    const before = this.#releasedCopies
    const stop = new AbortController()
    const released = Promise.all(this.#releases)
    await Promise.race([released, sleep(this.system.clock, maxReleaseWaitMs, stop.signal)])
    stop.abort()
    return this.#releasedCopies > before
  }

  /** @returns false, and evicts nothing, if evicting everything but `keep` and `spared` would not be enough. */
  #reserveRoom(keep: CachedFile, growth: Growth, spared: ReadonlySet<CachedFile> = new Set()): boolean {
    const fits = this.#fit(growth)
    if (fits()) return true
    let othersBytes = this.#index.calculatedSize - this.#awaitedBytes
    for (const file of new Set([keep, ...spared]))
      if (this.#index.peek(file.path) === file) othersBytes -= file.presentBytes
    if (!fits(Math.max(0, othersBytes))) return false
    this.#evictUntil(fits, keep, spared)
    return fits()
  }

  /** Returns a check for room: as things stand at each call, or with `evictedBytes` less in the cache. */
  #fit({ bytes, growthBytes }: Growth): (evictedBytes?: number) => boolean {
    return (evictedBytes = 0) => {
      const freeBytes = this.#freeBytes()
      const takenBytes = this.#index.calculatedSize + bytes - evictedBytes
      const neededBytes = this.#reserveBytes + this.#awaitedBytes + growthBytes
      return takenBytes <= this.#maxBytes && neededBytes <= freeBytes + this.#lettingGoBytes + evictedBytes
    }
  }

  /** Evicts least recently used files first, except those still on their way. Spares once what was read since the last look. */
  #evictUntil(isEnough: () => boolean, keep?: CachedFile, spared?: ReadonlySet<CachedFile>): void {
    const sparing = this.#index.size
    for (let looks = 0; looks < 2 * sparing && !isEnough(); looks++) {
      const file = this.#index.rvalues().next().value
      if (!file || spared?.has(file)) return
      const isSpared = file === keep || file.presentBytes === 0 || (looks < sparing && file.takeUsed())
      if (isSpared) this.touch(file)
      else this.#evict(file)
    }
  }

  #freeBytes(): number {
    return this.#maxBytes === 0 ? Number.POSITIVE_INFINITY : this.#free.bytes
  }

  async #refreshFreeSpace(): Promise<void> {
    if (this.#maxBytes > 0) await this.#free.refresh()
  }

  /** Looks at the disk regularly: others take space without notice. */
  #watch(): void {
    this.#cancelWatch = this.system.clock.after(watchMs, () => {
      void this.giveWay()
      this.#watch()
    })
  }

  touch(file: CachedFile): void {
    if (file.isPinned || this.#files.get(file.path) !== file) return
    // The index would keep the first size that it got for the same file.
    this.#index.delete(file.path)
    if (file.heldBytes > 0) this.#index.set(file.path, file, { size: file.heldBytes })
  }

  releaseLater(bytes: number): () => void {
    this.#lettingGoBytes += bytes
    let resolve = () => {}
    const released = new Promise<void>((done) => {
      resolve = done
    })
    this.#releases.add(released)
    return () => {
      this.#lettingGoBytes -= bytes
      this.#free.release(bytes)
      this.#releases.delete(released)
      this.#releasedCopies += 1
      resolve()
    }
  }

  onIdle(file: CachedFile): void {
    if (this.#files.get(file.path) !== file) return
    this.#files.delete(file.path)
    this.#index.delete(file.path)
  }

  metrics(): CacheMetrics {
    let bytes = this.#lettingGoBytes
    let files = 0
    for (const file of this.#files.values()) {
      bytes += file.presentBytes
      if (file.presentBytes > 0) files += 1
    }
    const roomBytes = bytes + this.#freeBytes() - this.#reserveBytes
    return {
      bytes,
      maxBytes: this.#maxBytes,
      allowedBytes: Math.max(0, Math.min(this.#maxBytes, roomBytes)),
      reserveBytes: this.#reserveBytes,
      files,
      ...this.counts,
    }
  }

  async close(): Promise<void> {
    this.#cancelWatch?.()
    await Promise.all(this.#evictions)
    await Promise.all([...this.#files.values()].map((file) => file.close()))
  }

  async #readMap({ path, size }: LeftFile): Promise<ChunkMap | undefined> {
    const bytes = await this.system.files.readFile(`${path}${mapSuffix}`).catch(() => undefined)
    return bytes && ChunkMap.decode(bytes, size, this.system.bootId)
  }

  async #restore(left: LeftFile, map: ChunkMap | undefined): Promise<void> {
    if (!map || map.chunkBytes !== chunkBytes || map.presentBytes > this.#maxBytes) {
      await this.system.files.rm(left.path, { force: true })
      await this.system.files.rm(`${left.path}${mapSuffix}`, { force: true })
      return
    }
    const path = cachedPath(left.path)
    const other = this.#files.get(path)
    if (other) this.#drop(other)
    const file = new CachedFile(path, left.size, neverFetched, this)
    file.restore(left.path, map)
    this.#files.set(path, file)
    this.touch(file)
  }

  #drop(file: CachedFile): void {
    this.#files.delete(file.path)
    this.#index.delete(file.path)
    this.#track(file.remove())
  }

  #evict(file: CachedFile): void {
    this.counts.evictedFiles += 1
    this.counts.evictedBytes += file.presentBytes
    this.#track(file.evict())
    // Chunks on their way still count.
    this.touch(file)
  }

  #track(eviction: Promise<void>): void {
    const tracked = eviction.finally(() => this.#evictions.delete(tracked))
    this.#evictions.add(tracked)
  }
}

/** Bytes that are to come under the bound, and how many of them are not on the disk yet. */
interface Growth {
  readonly bytes: number
  readonly growthBytes: number
}

/** Interval between looks at the free space: others take longer to write 1 GiB, the least reserve of a large disk. */
const watchMs = 1000
/** Files looked up at once: more would be no faster, as Node has four threads for it. */
const concurrentLooks = 16
/** Readers let go within milliseconds, unless their process is stopped. */
const maxReleaseWaitMs = 2000

interface LeftFile {
  readonly path: string
  readonly size: number
  readonly usedMs: number
}

async function findFiles(files: Files, directory: string): Promise<LeftFile[]> {
  const entries = await files.readTree(directory).catch(() => [])
  // Never followed: a table cached under that name would be written, and deleted, where it leads.
  for (const { path, kind } of entries) if (kind === 'symbolicLink') await files.rm(path, { force: true })
  const paths = new Set(entries.filter(({ kind }) => kind === 'file').map(({ path }) => path))
  const isMap = (path: string) => path.endsWith(mapSuffix)
  const copies = [...paths].filter((path) => !isMap(path))
  const found = await mapLimited(copies, concurrentLooks, async (path) => {
    const { size, atimeMs, mtimeMs } = await files.stat(path)
    return { path, size, usedMs: Math.max(atimeMs, mtimeMs) }
  })
  for (const path of paths)
    if (isMap(path) && !paths.has(path.slice(0, -mapSuffix.length))) await files.rm(path, { force: true })
  return found.sort((a, b) => a.usedMs - b.usedMs)
}

/** A file left by an earlier process gets its source when its database is opened, before any read. */
async function neverFetched(): Promise<never> {
  throw new Error('a cached file was read before its database was opened')
}
