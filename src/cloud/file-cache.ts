import { join } from 'node:path'
import { totalSize } from '../catalog/total-size.js'
import type { PunchHoles } from '../env/holes.js'
import { succeeds } from '../env/succeeds.js'
import { realSystem, type System } from '../env/system.js'
import { ChunkGrid } from '../table/chunk-grid.js'
import type { CacheBudget, Purpose } from './cache-budget.js'
import { CacheCounts } from './cache-counts.js'
import { CacheRing } from './cache-ring.js'
import { CachedFile, type FetchRange } from './cached-file.js'
import { cachedPath } from './cached-path.js'
import { maxLives } from './chunk-clock.js'
import { defaultReserveBytes, FreeSpace, readDiskSpace } from './disk-space.js'
import { findLeftCopies, type LeftCopy } from './left-copies.js'
import { Releases } from './releases.js'
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
  /** Bytes of the tables that stay: see `cache.pin` of `CloudEnvOptions`. Some may be on their way. */
  readonly pinnedBytes: number
  /** Bytes of tables in the pinned levels that have no room among those: they come and go like any other. */
  readonly pinOverflowBytes: number
}

/**
 * A RocksDB block is 4 to 16 KiB. Larger chunks hold more that nobody reads where the keys that are read lie all over;
 * smaller ones cost more requests where they lie together. `npm run bench -- cache` compares.
 */
const defaultChunkBytes = 16 * 1024

export interface FileCacheOptions {
  /** See {@link CacheMetrics.reserveBytes}. Default: {@link defaultReserveBytes} of the disk. */
  readonly reserveBytes?: number | undefined
  /** See `cache.chunkBytes` of `CloudEnvOptions`. */
  readonly chunkBytes?: number | undefined
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
  readonly maxBytes: number
  readonly grid: ChunkGrid
  readonly punchHoles: PunchHoles | undefined
  readonly #reserveBytes: number
  readonly #files = new Map<string, CachedFile>()
  readonly #ring = new CacheRing()
  #pinOverflowBytes = 0
  readonly #free: FreeSpace
  readonly #evictions = new Set<Promise<void>>()
  readonly #releases = new Releases((bytes) => this.#free.release(bytes))
  /** Reserved bytes that are not on the disk yet. */
  #awaitedBytes = 0
  #cancelWatch: (() => void) | undefined
  #isClosed = false

  private constructor(
    directory: string,
    maxBytes: number,
    reserveBytes: number,
    grid: ChunkGrid,
    system: System,
    punchHoles: PunchHoles | undefined,
  ) {
    this.directory = directory
    this.maxBytes = maxBytes
    this.#reserveBytes = reserveBytes
    this.grid = grid
    this.#free = new FreeSpace(system.files, directory)
    this.system = system
    this.punchHoles = punchHoles
  }

  /** Opens the cache in `directory`, with what an earlier process left there, least recently used first. */
  static async open(
    directory: string,
    maxBytes: number,
    { reserveBytes, chunkBytes = defaultChunkBytes, system = realSystem }: FileCacheOptions = {},
  ): Promise<FileCache> {
    await system.files.mkdir(directory, { recursive: true })
    const disk = readDiskSpace(system.files, directory)
    const leftBytes = reserveBytes ?? (disk ? defaultReserveBytes(disk) : 0)
    const cache = new FileCache(
      directory,
      maxBytes,
      leftBytes,
      new ChunkGrid(chunkBytes),
      system,
      await system.files.holePuncher(directory),
    )
    for (const left of await findLeftCopies(system, directory)) await cache.#restore(left)
    await cache.giveWay()
    await Promise.all(cache.#evictions)
    cache.#watch()
    return cache
  }

  /** Keeps nothing, and never touches the disk: every read is a request. */
  static none(directory: string): FileCache {
    return new FileCache(directory, 0, 0, new ChunkGrid(defaultChunkBytes), realSystem, undefined)
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
    const growth = { bytes: file.size, growthBytes: 0 }
    for (let turns = this.#mostTurns; !this.#reserveRoom(growth, { for: 'read' }); turns--) {
      if (turns === 0 || this.#isClosed) return false
      await this.#refreshFreeSpace()
    }
    const isAdopted = await succeeds(file.adopt(localPath))
    this.resized(file)
    return isAdopted
  }

  /** Forgets a table that was deleted. */
  async remove(name: string): Promise<void> {
    const file = this.#files.get(join(this.directory, name))
    if (file) this.#drop(file)
    await Promise.all(this.#evictions)
  }

  reserve(bytes: number, purpose: Purpose): boolean {
    if (!this.#reserveRoom({ bytes, growthBytes: bytes }, purpose)) return false
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
    return this.#evictAndWait(() => this.#lack({ bytes: 0, growthBytes: 0 }))
  }

  /**
   * Evicts because a write of `bytes` found no space: the space that the system reports as free is not available then,
   * as under a quota.
   * @returns whether anything was freed, so that the write is worth another try.
   */
  async makeRoom(bytes: number): Promise<boolean> {
    await this.#refreshFreeSpace()
    const wantedBytes = this.counts.evictedBytes + Math.max(bytes, 1)
    const lack = () => this.#lack({ bytes: 0, growthBytes: bytes })
    return this.#evictAndWait(() => Math.max(lack(), wantedBytes - this.counts.evictedBytes))
  }

  /** The cache knows from now on what is read, and forgets what was read before. */
  async forgetReads(): Promise<void> {
    for (const [index, file] of [...this.#ring.files()].entries()) {
      file.forgetReads()
      if (index % maxPassedFiles === maxPassedFiles - 1) await this.#refreshFreeSpace()
    }
  }

  /**
   * Makes these files stay, and no others. A full disk takes them all the same, after everything else.
   * @param overflowBytes of files that were to stay, for the metrics.
   */
  letStay(files: ReadonlySet<CachedFile>, overflowBytes: number): void {
    const before = this.#ring.staying
    this.#ring.staying = files
    this.#pinOverflowBytes = overflowBytes
    for (const file of before) if (file.isIdle) this.onIdle(file)
  }

  /** Waits for the readers of evicted copies: the disk does not have the space until they let go. */
  async #evictAndWait(lack: () => number): Promise<boolean> {
    const before = this.#releases.count
    const turnsForAll = this.#mostTurns
    let turns = 2 * turnsForAll
    const mayEvict = () => turns > 0 && lack() > 0 && !this.#isClosed
    do {
      for (; mayEvict(); turns--) {
        this.#evict(lack, { for: turns > turnsForAll ? 'read' : 'disk' })
        await this.#refreshFreeSpace()
      }
      if (!(await this.#releases.settled(this.system.clock))) break
      // The disk may have had the space of a copy back before it counted as released: it counted twice until now.
      await this.#refreshFreeSpace()
    } while (mayEvict())
    return this.#releases.count > before
  }

  /** Turns in which {@link #evict} can take whatever may leave. Others have theirs in between. */
  get #mostTurns(): number {
    return Math.ceil((allRounds * this.#ring.size) / maxPassedFiles) + 1
  }

  /** @returns false, and evicts nothing, if evicting everything but what the purpose spares would not be enough. */
  #reserveRoom(growth: Growth, purpose: Purpose): boolean {
    const lack = () => this.#lack(growth)
    if (lack() <= 0) return true
    if (purpose.for === 'spareRoom') return false
    const presentBytes = this.#ring.bytes - this.#awaitedBytes
    if (lack() > presentBytes - this.#ring.sparedBytes(purpose)) return false
    this.#evict(lack, purpose)
    return lack() <= 0
  }

  /** Bytes that have to leave before these have room; at most 0 if they have. */
  #lack({ bytes, growthBytes }: Growth): number {
    const overBytes = this.#ring.bytes + bytes - this.maxBytes
    const neededBytes = this.#reserveBytes + this.#awaitedBytes + growthBytes
    return Math.max(overBytes, neededBytes - this.#freeBytes() - this.#releases.pendingBytes)
  }

  /**
   * Evicts as a clock does: the hand goes around over all files, comes closer to taking what nobody has read since it
   * passed, and takes it at last. It stops after some files in vain: the next call goes on from there.
   */
  #evict(lack: () => number, purpose: Purpose): void {
    const options = { ages: purpose.for !== 'warmUp' }
    const leastBytes = Math.min(maxSurplusBytes, this.maxBytes / 64)
    let looks = this.#ring.size * (purpose.for === 'read' || purpose.for === 'disk' ? allRounds : 2)
    let sweeps = 0
    // Comes to those again that were moved to the end.
    for (const file of this.#ring.files()) {
      if (looks === 0 || sweeps === maxPassedFiles || lack() <= 0 || this.#isClosed) return
      const mayLose = file.presentBytes > 0 && !this.#ring.isSpared(file, purpose)
      const end = mayLose ? file.sweep(Math.max(lack(), leastBytes), options) : 'end'
      if (end === 'whole') this.#evictWhole(file)
      else this.resized(file)
      // The hand stays there.
      if (end === 'enough') return
      looks -= 1
      if (mayLose) sweeps += 1
      this.#ring.pass(file)
    }
  }

  #freeBytes(): number {
    return this.maxBytes === 0 ? Number.POSITIVE_INFINITY : this.#free.bytes
  }

  async #refreshFreeSpace(): Promise<void> {
    if (this.maxBytes > 0) await this.#free.refresh()
  }

  /** Looks at the disk regularly: others take space without notice. */
  #watch(): void {
    this.#cancelWatch = this.system.clock.after(watchMs, () => {
      void this.giveWay()
      this.#watch()
    })
  }

  resized(file: CachedFile): void {
    if (file.isPinned || this.#files.get(file.path) !== file) return
    this.#ring.account(file, file.heldBytes)
  }

  releaseLater(bytes: number): () => void {
    return this.#releases.add(bytes)
  }

  onIdle(file: CachedFile): void {
    if (this.#files.get(file.path) !== file || this.#ring.staying.has(file)) return
    this.#files.delete(file.path)
    this.#ring.account(file, 0)
  }

  metrics(): CacheMetrics {
    let bytes = this.#releases.pendingBytes
    let files = 0
    for (const file of this.#files.values()) {
      bytes += file.presentBytes
      if (file.presentBytes > 0) files += 1
    }
    const roomBytes = bytes + this.#freeBytes() - this.#reserveBytes
    return {
      bytes,
      maxBytes: this.maxBytes,
      allowedBytes: Math.max(0, Math.min(this.maxBytes, roomBytes)),
      reserveBytes: this.#reserveBytes,
      files,
      pinnedBytes: totalSize(this.#ring.staying),
      pinOverflowBytes: this.#pinOverflowBytes,
      ...this.counts,
    }
  }

  async close(): Promise<void> {
    // Another process may take the cache over as soon as this returns.
    this.#isClosed = true
    this.#cancelWatch?.()
    await Promise.all(this.#evictions)
    await Promise.all([...this.#files.values()].map((file) => file.close()))
  }

  async #restore(left: LeftCopy): Promise<void> {
    const { map } = left
    if (!map || map.chunkBytes !== this.grid.chunkBytes || this.maxBytes === 0) {
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
    this.resized(file)
  }

  #drop(file: CachedFile): void {
    this.#files.delete(file.path)
    this.#ring.account(file, 0)
    this.#track(file.remove())
  }

  #evictWhole(file: CachedFile): void {
    this.counts.evictedFiles += 1
    this.counts.evictedBytes += file.presentBytes
    this.#track(file.evict())
    // Chunks on their way still count.
    this.resized(file)
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

/** Taken out of a file at a time, if less is lacking and the cache is large enough: each time costs a few system calls. */
const maxSurplusBytes = 1024 * 1024
/** Files that the hand passes in one go: each takes some 50 µs of the host's thread. */
const maxPassedFiles = 100
/** Rounds after which the hand takes whatever was not read meanwhile, and one that may have begun within a file. */
const allRounds = maxLives + 2
/** Interval between looks at the free space: others take longer to write 1 GiB, the least reserve of a large disk. */
const watchMs = 1000

/** A file left by an earlier process gets its source when its database is opened, before any read. */
async function neverFetched(): Promise<never> {
  throw new Error('a cached file was read before its database was opened')
}
