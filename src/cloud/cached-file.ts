import type { LocalCopy, SparseFile } from '../env/env.js'
import { CachedFileReader } from './cached-file-reader.js'
import { type ChunkMap, chunkBytes } from './chunk-map.js'
import { SparseCopy } from './sparse-copy.js'

/** What a cached file asks of the cache that it is in. */
export interface CacheBudget {
  readonly bootId: string
  /** Makes room for `bytes` more of `file`; false when there is no room to be had. */
  reserve(file: CachedFile, bytes: number): boolean
  /** The file was used: it is the last to go now. */
  touch(file: CachedFile): void
  /** Chunk bytes that were evicted while open are on disk until the bridge lets go of them. */
  releaseLater(bytes: number): () => void
  fetched(bytes: number): void
  /** Nobody reads the file and nothing is held of it: it can be forgotten. */
  idle(file: CachedFile): void
}

/** Reads a range of the stored object. */
export type FetchRange = (offset: number, length: number) => Promise<Uint8Array>

/**
 * One table of the store and what of it is held locally. Any number of readers share it. Missing chunks are
 * fetched once however many ask (single flight), neighbours in one request, and ahead of a reader that goes
 * through the file in order. The cache is a convenience: where the disk fails, or somebody deletes files, reads
 * cost requests and are answered all the same.
 */
export class CachedFile {
  readonly path: string
  readonly size: number
  readonly #budget: CacheBudget
  readonly #readers = new Set<CachedFileReader>()
  /** By chunk. */
  readonly #inFlight = new Map<number, Promise<void>>()
  #fetch: FetchRange
  #copy: SparseCopy | undefined
  #creating: Promise<void> | undefined
  readonly #removals = new Set<Promise<void>>()
  #generation = 0
  #isPinned = false
  #isRemoved = false

  constructor(path: string, size: number, fetch: FetchRange, budget: CacheBudget) {
    this.path = path
    this.size = size
    this.#fetch = fetch
    this.#budget = budget
  }

  /** Bytes on disk, chunk map left out of account. */
  get presentBytes(): number {
    return this.#copy?.map.presentBytes ?? 0
  }

  /** Bytes on disk and those on their way. */
  get heldBytes(): number {
    return this.presentBytes + this.#inFlight.size * chunkBytes
  }

  /** True while the only copy is the local one: it is not in the store yet, so it can't be evicted. */
  get isPinned(): boolean {
    return this.#isPinned
  }

  get isIdle(): boolean {
    return !(this.#copy || this.#readers.size || this.#inFlight.size || this.#removals.size)
  }

  /** Takes what an earlier process left at `path`, as far as its chunk map can be trusted. */
  restore(path: string, map: ChunkMap): void {
    this.#copy = SparseCopy.restored(path, ++this.#generation, map)
  }

  /** Takes a complete file that was just written here, where it is, until {@link adopt}. */
  born(localPath: string): void {
    const generation = ++this.#generation
    const path = this.#pathOf(generation)
    this.#copy = SparseCopy.complete(localPath, path, generation, this.size, this.#budget.bootId)
    this.#isPinned = true
  }

  /** Where the bytes come from: a file restored at start learns it when its database is opened. */
  set source(fetch: FetchRange) {
    this.#fetch = fetch
  }

  open(): SparseFile {
    const reader = new CachedFileReader(this, () => {
      this.#readers.delete(reader)
      this.#tellIfIdle()
    })
    this.#readers.add(reader)
    this.#budget.touch(this)
    return reader
  }

  location(): LocalCopy | undefined {
    return this.#copy
  }

  /**
   * Makes the range present, and more of what follows. Resolves with the bytes themselves where there is no room
   * for them, or where the disk fails.
   */
  async ensure(offset: number, length: number, readAhead: number): Promise<LocalCopy | Uint8Array> {
    this.#budget.touch(this)
    if (length === 0) return this.#copy ?? new Uint8Array(0)
    await this.#evictIfLost(offset, length)
    const ahead = Math.min(readAhead, this.size - offset - length)
    const wanted = this.#reserved(offset, length + ahead) ?? this.#reserved(offset, length)
    if (!wanted) return this.#fetchBytes(offset, length)
    // Begun before anybody else has a turn: who asks next finds them on their way, and the cache counts them.
    for (const run of wanted) this.#startFetch(run)
    this.#budget.touch(this)
    await this.#settled(offset, length)
    // It may have been evicted while it was fetched.
    return this.#presentCopy(offset, length) ?? this.#fetchBytes(offset, length)
  }

  /**
   * Takes the files off the disk. Readers that hold them open go on reading; the space is free when the last
   * has let go. Never rejects.
   */
  async evict(): Promise<void> {
    const copy = this.#copy
    if (!copy) return
    this.#copy = undefined
    this.#isPinned = false
    const release = this.#budget.releaseLater(copy.map.presentBytes)
    let waiting = 1
    const done = () => {
      waiting -= 1
      if (waiting === 0) release()
    }
    for (const reader of this.#readers) {
      waiting += 1
      reader.evicted(copy, done)
    }
    const removal = copy.remove()
    this.#removals.add(removal)
    await removal
    this.#removals.delete(removal)
    done()
    this.#tellIfIdle()
  }

  /** The object is gone, or about to go: nothing is kept of it from now on. */
  async remove(): Promise<void> {
    this.#isRemoved = true
    await this.evict()
  }

  /**
   * Moves the complete local file into the cache: the store has it now. The generation stays the same, for it is
   * the same file, which a reader may hold open.
   */
  async adopt(localPath: string): Promise<void> {
    if (this.#copy?.path !== localPath) {
      await this.evict()
      this.born(localPath)
    }
    const copy = this.#copy!
    await copy.moveTo(this.#pathOf(copy.generation))
    this.#isPinned = false
  }

  /** Whether the bridge has read from it since it was last asked: reads of what is present don't come by here. */
  takeUsed(): boolean {
    return this.#copy?.takeUsed() ?? false
  }

  async close(): Promise<void> {
    await this.#copy?.close()
  }

  /**
   * The bridge seldom asks for what is present, but it does where it can't open that: somebody may have deleted
   * the cache.
   */
  async #evictIfLost(offset: number, length: number): Promise<void> {
    const copy = this.#copy
    if (!copy || this.#isPinned || !this.#presentCopy(offset, length)) return
    if (!(await copy.isThere()) && this.#copy === copy) {
      await this.evict()
      this.#budget.touch(this)
    }
  }

  /** The missing chunks in the range, undefined where there is no room for them. */
  #reserved(offset: number, length: number): Run[] | undefined {
    if (this.#isRemoved) return undefined
    const wanted = this.#missing(offset, length)
    const bytes = wanted.reduce((sum, run) => sum + (run.end - run.first) * chunkBytes, 0)
    return bytes === 0 || this.#budget.reserve(this, bytes) ? wanted : undefined
  }

  /** Runs of missing chunks in the range, those already on their way left out. */
  #missing(offset: number, length: number): Run[] {
    const { first, end } = chunksOf(offset, length)
    const runs: Run[] = []
    for (let chunk = first; chunk < end; chunk++) {
      if (this.#copy?.map.has(chunk) || this.#inFlight.has(chunk)) continue
      const last = runs.at(-1)
      if (last?.end === chunk && last.end - last.first < maxRequestBytes / chunkBytes) last.end += 1
      else runs.push({ first: chunk, end: chunk + 1 })
    }
    return runs
  }

  #presentCopy(offset: number, length: number): LocalCopy | undefined {
    const { first, end } = chunksOf(offset, length)
    for (let chunk = first; chunk < end; chunk++) if (!this.#copy?.map.has(chunk)) return undefined
    return this.#copy
  }

  #startFetch(run: Run): void {
    const fetching = this.#fetchRun(run).finally(() => {
      for (let chunk = run.first; chunk < run.end; chunk++) this.#inFlight.delete(chunk)
      this.#budget.touch(this)
      this.#tellIfIdle()
    })
    // Whoever waits for the chunk hears of a failure; read-ahead that nobody waits for may fail in silence.
    fetching.catch(() => undefined)
    for (let chunk = run.first; chunk < run.end; chunk++) this.#inFlight.set(chunk, fetching)
  }

  async #fetchRun({ first, end }: Run): Promise<void> {
    const offset = first * chunkBytes
    const bytes = await this.#fetchBytes(offset, Math.min(end * chunkBytes, this.size) - offset)
    if (this.#isRemoved) return
    // Into whichever copy there is when the bytes have come.
    const copy = this.#copy ?? (await this.#create())
    try {
      await copy?.write(first, bytes)
    } catch {
      // Where the disk is full this makes room, which others need more: the write-ahead log is there too.
      if (this.#copy === copy) await this.evict()
    }
  }

  /** The copy, made where there is none; undefined where the disk has no place for it. */
  async #create(): Promise<SparseCopy | undefined> {
    this.#creating ??= this.#createCopy().finally(() => {
      this.#creating = undefined
    })
    await this.#creating.catch(() => undefined)
    return this.#copy
  }

  async #createCopy(): Promise<void> {
    const generation = ++this.#generation
    const copy = await SparseCopy.empty(this.#pathOf(generation), generation, this.size, this.#budget.bootId)
    if (this.#copy || this.#isRemoved) await copy.remove()
    else this.#copy = copy
  }

  async #settled(offset: number, length: number): Promise<void> {
    const { first, end } = chunksOf(offset, length)
    const waits = new Set<Promise<void>>()
    for (let chunk = first; chunk < end; chunk++) {
      const fetching = this.#inFlight.get(chunk)
      if (fetching) waits.add(fetching)
    }
    await Promise.all(waits)
  }

  async #fetchBytes(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#fetch(offset, length)
    this.#budget.fetched(bytes.length)
    return bytes
  }

  #tellIfIdle(): void {
    if (this.isIdle) this.#budget.idle(this)
  }

  /** See {@link cachedPath}. */
  #pathOf(generation: number): string {
    return generation === 1 ? this.path : `${this.path}~${generation}`
  }
}

/** The path of a cached file, of that of one of its copies: those after the first end in `~` and a number. */
export function cachedPath(copyPath: string): string {
  return copyPath.replace(/~[0-9]+$/, '')
}

/** Larger ranges are fetched as several requests at once. */
const maxRequestBytes = 4 * 1024 * 1024

/** Chunks from `first` to before `end`. */
interface Run {
  readonly first: number
  end: number
}

/** The chunks that a range touches. */
function chunksOf(offset: number, length: number): Run {
  return { first: Math.floor(offset / chunkBytes), end: Math.ceil((offset + length) / chunkBytes) }
}
