import type { LocalCopy, SparseFile } from '../env/env.js'
import { succeeds } from '../env/succeeds.js'
import type { ChunkGrid, Run } from '../table/chunk-grid.js'
import { Refetches } from '../table/refetches.js'
import type { CacheBudget, Purpose } from './cache-budget.js'
import { CachedFileReader, notifyEvicted, type WiderRange } from './cached-file-reader.js'
import { copyPath } from './cached-path.js'
import { ChunkFetches } from './chunk-fetches.js'
import { ChunkMap } from './chunk-map.js'
import { type CopyEvent, type CopyState, nextCopyState } from './copy-state.js'
import { replaceChunks } from './replace-chunks.js'
import type { Standing } from './scan-ahead.js'
import { SparseCopy, type SweepEnd, type SweepOptions, type Swept } from './sparse-copy.js'

/** Reads a range of the stored object. */
export type FetchRange = (offset: number, length: number) => Promise<Uint8Array>

/**
 * One table of the store and what of it is held locally. Any number of readers share it. Missing chunks are
 * fetched once however many ask (single flight), neighbours in one request, and ahead of a reader that goes
 * through the file in order. The cache is a convenience: if the disk fails, or somebody deletes files, reads cost
 * requests but still succeed.
 */
export class CachedFile {
  readonly path: string
  readonly size: number
  readonly #budget: CacheBudget
  readonly grid: ChunkGrid
  readonly #allChunks: Run
  readonly #readers = new Set<CachedFileReader>()
  readonly #fetches = new ChunkFetches()
  readonly #refetches: Refetches
  #fetch: FetchRange
  #copy: SparseCopy | undefined
  #creating: Promise<void> | undefined
  readonly #removals = new Set<Promise<void>>()
  #generation = 0
  #state: CopyState = 'absent'
  /** Bytes read ahead for the last read that asked. */
  #aheadBytes = 0

  constructor(path: string, size: number, fetch: FetchRange, budget: CacheBudget) {
    this.path = path
    this.size = size
    this.#fetch = fetch
    this.#budget = budget
    this.grid = budget.grid
    this.#allChunks = budget.grid.chunksOf(0, size)
    this.#refetches = new Refetches(budget.system.clock)
  }

  /** Bytes on disk, not counting the chunk map. */
  get presentBytes(): number {
    return this.#copy?.map.presentBytes ?? 0
  }

  /** Those on disk and those on their way. */
  get heldBytes(): number {
    return this.presentBytes + this.#fetches.absentBytes
  }

  /** True while the only copy is the local one: it is not in the store yet, so it can't be evicted. */
  get isPinned(): boolean {
    return this.#state === 'sole'
  }

  /** True if the object is gone, or about to go. */
  get isRemoved(): boolean {
    return this.#state === 'removed'
  }

  get isIdle(): boolean {
    return !(this.#copy || this.#readers.size || !this.#fetches.isEmpty || this.#removals.size)
  }

  /** Takes what an earlier process left at `path`, as far as its chunk map can be trusted. */
  restore(path: string, map: ChunkMap): void {
    this.#on('cache')
    this.#copy = SparseCopy.restored(this.#budget.system.files, path, ++this.#generation, map)
  }

  /**
   * Takes a complete file that was just written here, and leaves it in its place until {@link adopt}.
   * @param isShared somebody else may have the same file, under another name or open.
   */
  pin(localPath: string, { isShared }: { readonly isShared: boolean }): void {
    this.#on('write')
    const generation = ++this.#generation
    const path = copyPath(this.path, generation)
    const { files, bootId } = this.#budget.system
    const map = ChunkMap.full(this.size, this.grid.chunkBytes, isShared)
    this.#copy = SparseCopy.complete(files, localPath, path, generation, map, bootId)
  }

  /** A file restored at start gets it when its database is opened. */
  set source(fetch: FetchRange) {
    this.#fetch = fetch
  }

  open(): SparseFile {
    const reader = new CachedFileReader(this, this.#budget, () => {
      this.#readers.delete(reader)
      this.#reportIfIdle()
    })
    this.#readers.add(reader)
    this.#budget.counts.openings += 1
    if (this.presentBytes > 0) this.#budget.counts.warmOpenings += 1
    this.#budget.resized(this)
    return reader
  }

  location(): LocalCopy | undefined {
    return this.#copy
  }

  /** Makes the range present, and if there is room a wider one. Resolves with its bytes if the disk fails or has none. */
  async ensure(offset: number, length: number, wider?: WiderRange): Promise<LocalCopy | Uint8Array> {
    this.#budget.resized(this)
    if (length === 0) return this.#copy ?? new Uint8Array(0)
    await this.#evictIfLost(offset, length)
    // Chunks of the range that are there make no room for the rest.
    const release = this.#copy?.hold(this.grid.chunksOf(offset, length))
    try {
      return await this.#ensure(offset, length, wider)
    } finally {
      release?.()
    }
  }

  async #ensure(offset: number, length: number, wider?: WiderRange): Promise<LocalCopy | Uint8Array> {
    this.#budget.counts[this.#presentCopy(offset, length) ? 'hits' : 'misses'] += 1
    const asked = this.grid.chunksOf(offset, length)
    const wanted =
      (wider && this.#reserved(wider.run, { for: wider.for })) ?? this.#reserved(asked, { for: 'read' })
    if (!wanted) return this.#fetchBytes(offset, length)
    const aheadBytes = this.grid.bytesIn(wanted, (chunk) => chunk >= asked.end)
    this.#aheadBytes = aheadBytes || this.#aheadBytes
    this.#budget.counts.readAheadBytes += aheadBytes
    // Before anybody else has a turn: who asks next finds them on their way, and the cache counts them.
    for (const run of wanted) this.#startFetch(run, wider?.for === 'ahead' ? asked.end : undefined)
    this.#budget.resized(this)
    await this.#fetches.settled(asked)
    await this.#announce(asked)
    // It may have been evicted while it was fetched.
    return this.#presentCopy(offset, length) ?? this.#fetchBytes(offset, length)
  }

  /** Reports whether all of these chunks are there. */
  holds(run: Run): boolean {
    return this.#copy?.map.hasAll(run) ?? false
  }

  standingOf(offset: number, length: number): Standing {
    return this.#fetches.standingOf(this.grid.chunksOf(offset, length), this.#copy?.map)
  }

  /** Bytes that it takes to fetch those chunks of a range that are neither held nor on their way. */
  missingBytes(offset: number, length: number): number {
    const missing = this.#missing(this.grid.chunksOf(offset, length))
    return missing.reduce((sum, run) => sum + this.grid.bytesOf(run, this.size).length, 0)
  }

  /**
   * Makes the range present before anybody reads it.
   * @returns bytes that were fetched for that; undefined if there is no room, or nothing to fetch any more.
   */
  async fill(offset: number, length: number, purpose: Purpose): Promise<number | undefined> {
    await this.#evictIfLost(offset, length)
    const bytes = this.missingBytes(offset, length)
    const filled = this.grid.chunksOf(offset, length)
    const wanted = this.#reserved(filled, purpose)
    if (!wanted) return undefined
    for (const run of wanted) this.#startFetch(run)
    this.#budget.resized(this)
    await this.#fetches.settled(filled)
    await this.#announce(filled)
    return this.holds(filled) ? bytes : undefined
  }

  /**
   * RocksDB found damage in what it read. Fetches the range again, once however many readers found it damaged, with
   * everything else that may have come in the same answer, and replaces what is held. A length of 0 means that no range
   * is known: the whole local copy goes. If the file is not in the store yet, its only copy stays as it is.
   * @param ageMs how long ago the read that met the damage began.
   * @returns whether the store gave other bytes than were held.
   */
  async refetch(offset: number, length: number, ageMs: number): Promise<boolean> {
    if (this.isPinned) return false
    const { first, end } = length === 0 ? this.#allChunks : this.grid.chunksOf(offset, length)
    return this.#refetches.once(first, end, ageMs, async () => {
      if (length > 0) return this.#replace({ first, end })
      await this.evict()
      return undefined
    })
  }

  /** Takes the files off the disk. Their space is free once the last reader has let go. Never rejects. */
  async evict(): Promise<void> {
    const copy = this.#copy
    if (!copy) return
    this.#copy = undefined
    this.#budget.counts.wastedReadAheadBytes += Math.min(this.#aheadBytes, copy.map.presentBytes)
    this.#aheadBytes = 0
    if (this.#state !== 'removed') this.#on('evict')
    const released = notifyEvicted(this.#readers, copy, this.#budget.releaseLater(copy.map.presentBytes))
    const removal = copy.remove()
    this.#removals.add(removal)
    await removal
    this.#removals.delete(removal)
    released()
    this.#reportIfIdle()
  }

  /** The object is gone, or about to go: nothing is kept of it from now on. */
  async remove(): Promise<void> {
    this.#on('remove')
    await this.evict()
  }

  /**
   * Moves the complete local file into the cache, now that the store has it. The generation stays the same, since it is
   * the same file, which a reader may hold open. Without a way to get there nothing is held.
   */
  async adopt(localPath: string): Promise<void> {
    if (this.#copy?.path !== localPath) {
      await this.evict()
      // Nobody knows any more where it came from.
      this.pin(localPath, { isShared: true })
    }
    const copy = this.#copy!
    try {
      await copy.moveTo(copyPath(this.path, copy.generation))
    } catch (error) {
      await this.evict()
      throw error
    }
    if (this.isPinned) this.#on('adopt')
  }

  /** Makes room: see {@link SparseCopy.sweep}. */
  sweep(bytes: number, options: SweepOptions): SweepEnd {
    const copy = this.#copy
    if (!copy || this.isPinned) return 'end'
    const swept = copy.sweep(bytes, this.#budget.punchHoles, options)
    if (!swept) return 'whole'
    if (swept.freedBytes > 0) void this.#free(copy, swept)
    return swept.isThrough ? 'end' : 'enough'
  }

  async #free(copy: SparseCopy, { freedBytes, punched }: Swept): Promise<void> {
    this.#budget.counts.evictedBytes += freedBytes
    const release = this.#budget.releaseLater(freedBytes)
    this.#removals.add(punched)
    // Chunks that could not be taken out of the file go with it.
    const isFree = await succeeds(punched)
    if (!isFree && this.#copy === copy) await this.evict()
    this.#budget.resized(this)
    release()
    this.#removals.delete(punched)
    this.#reportIfIdle()
  }

  /** Takes all chunks for unread, until they are read again. */
  forgetReads(): void {
    this.#copy?.forgetReads()
  }

  async close(): Promise<void> {
    await this.#announce(this.#allChunks)
    await this.#copy?.close()
  }

  /** The bridge asks for present chunks only if it can't open the copy: somebody may have deleted the cache. */
  async #evictIfLost(offset: number, length: number): Promise<void> {
    const copy = this.#copy
    if (!copy || this.isPinned || !this.#presentCopy(offset, length)) return
    if (!(await copy.isThere()) && this.#copy === copy) {
      await this.evict()
      this.#budget.resized(this)
    }
  }

  /** Missing chunks in the range; undefined if there is no room for them. */
  #reserved(run: Run, purpose: Purpose): Run[] | undefined {
    if (this.#state === 'removed') return undefined
    const wanted = this.#missing(run)
    const bytes = this.#absentBytes(wanted)
    return bytes === 0 || this.#budget.reserve(bytes, purpose) ? wanted : undefined
  }

  /** Runs of missing chunks, except those already being fetched, and of present ones between them. */
  #missing({ first, end }: Run): Run[] {
    const run = { first, end: Math.min(end, this.#allChunks.end) }
    const may = (isAbsent: boolean) => (chunk: number) =>
      this.#isAbsent(chunk) === isAbsent && !this.#fetches.has(chunk)
    return this.grid.wantedRuns(run, may(true), may(false))
  }

  #isAbsent(chunk: number): boolean {
    return !this.#copy?.map.has(chunk)
  }

  #absentBytes(runs: readonly Run[]): number {
    return this.grid.bytesIn(runs, (chunk) => this.#isAbsent(chunk))
  }

  #presentCopy(offset: number, length: number): LocalCopy | undefined {
    return this.holds(this.grid.chunksOf(offset, length)) ? this.#copy : undefined
  }

  async #replace(damaged: Run): Promise<boolean> {
    const copy = this.#copy
    if (!copy) return false
    return await replaceChunks(copy, this.grid, damaged, {
      fetch: (run) => this.#fetchChunks(run),
      write: (first, bytes) => this.#write(copy, first, bytes),
    })
  }

  /** @param ahead see {@link SparseCopy.write}. */
  #startFetch(run: Run, ahead?: number): void {
    const bytes = this.#absentBytes([run])
    this.#fetches.add(run, bytes, this.#fetchRun(run, ahead), () => {
      this.#budget.settled(bytes)
      this.#budget.resized(this)
      this.#reportIfIdle()
    })
  }

  async #fetchRun(run: Run, ahead: number | undefined): Promise<void> {
    const bytes = await this.#fetchChunks(run)
    if (this.#state === 'removed') return
    // Write into the copy that exists once the bytes have arrived.
    const copy = this.#copy ?? (await this.#create())
    if (copy) await this.#write(copy, run.first, bytes, ahead)
  }

  async #write(copy: SparseCopy, first: number, bytes: Uint8Array, ahead?: number): Promise<void> {
    try {
      await copy.write(first, bytes, ahead)
    } catch {
      // If the disk is full, this makes room for others that need it more, such as the write-ahead log.
      if (this.#copy === copy) await this.evict()
    }
  }

  /** See {@link SparseCopy.announce}. A copy of which the bridge can't be told is of no use. */
  async #announce(run: Run): Promise<void> {
    try {
      this.#copy?.announce(run)
    } catch {
      await this.evict()
      this.#budget.resized(this)
    }
  }

  /** The copy, created if missing; undefined if the disk has no room for it. */
  async #create(): Promise<SparseCopy | undefined> {
    this.#creating ??= this.#createCopy().finally(() => {
      this.#creating = undefined
    })
    await this.#creating.catch(() => undefined)
    return this.#copy
  }

  async #createCopy(): Promise<void> {
    const generation = ++this.#generation
    const { files, bootId } = this.#budget.system
    const path = copyPath(this.path, generation)
    const map = new ChunkMap(this.size, this.grid.chunkBytes)
    const copy = await SparseCopy.empty(files, path, generation, map, bootId)
    if (this.#state !== 'absent') return copy.remove()
    this.#on('cache')
    this.#copy = copy
  }

  async #fetchChunks(run: Run): Promise<Uint8Array> {
    const { offset, length } = this.grid.bytesOf(run, this.size)
    const bytes = await this.#fetchBytes(offset, length)
    this.#budget.counts.fetchedChunks += run.end - run.first
    return bytes
  }

  async #fetchBytes(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#fetch(offset, length)
    this.#budget.counts.fetchedBytes += bytes.length
    return bytes
  }

  #on(event: CopyEvent): void {
    this.#state = nextCopyState(this.#state, event)
  }

  #reportIfIdle(): void {
    if (this.isIdle) this.#budget.onIdle(this)
  }
}
