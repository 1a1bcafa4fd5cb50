import { mkdirSync, writeFileSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LocalCopy, SparseFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import { ChunkMap, takeUsedMark } from './chunk-map.js'

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
}

/** Reads a range of the stored object. */
export type FetchRange = (offset: number, length: number) => Promise<Uint8Array>

/**
 * One table of the store and what of it is held locally: a sparse file beside its chunk map. Any number
 * of handles read it. Missing chunks are fetched once however many ask (single flight), neighbours in
 * one request, and ahead of a reader that goes through the file in order.
 */
export class CachedFile {
  readonly path: string
  readonly size: number
  readonly #budget: CacheBudget
  readonly #handles = new Set<Handle>()
  readonly #inFlight = new Map<number, Promise<void>>()
  #fetch: FetchRange
  #held: Held | undefined
  #opening: Promise<Held> | undefined
  #removing: Promise<void> = Promise.resolve()
  #generation = 0

  constructor(path: string, size: number, fetch: FetchRange, budget: CacheBudget) {
    this.path = path
    this.size = size
    this.#fetch = fetch
    this.#budget = budget
  }

  /** Bytes on disk, chunk map left out of account. */
  get presentBytes(): number {
    return this.#held?.map.presentBytes ?? 0
  }

  /** Bytes on disk and those on their way. */
  get heldBytes(): number {
    return this.presentBytes + this.#inFlight.size * chunkBytes
  }

  /** True while the only copy is the local one: it is not in the store yet, so it can't be evicted. */
  get isPinned(): boolean {
    return this.#held?.isPinned ?? false
  }

  /** Takes what an earlier process left, as far as its chunk map can be trusted. */
  restore(map: ChunkMap): void {
    this.#held = { copy: this.#newCopy(this.path), map, files: undefined, isPinned: false }
  }

  /** Takes a complete file that was just written here, where it is, until {@link adopt}. */
  born(localPath: string): void {
    const map = this.#fullMap()
    const copy = this.#newCopy(localPath)
    // Some hundred bytes, before anybody can open the file; where they stay when the file moves in.
    mkdirSync(dirname(copy.chunkMapPath), { recursive: true })
    writeFileSync(copy.chunkMapPath, map.encode(this.#budget.bootId))
    this.#held = { copy, map, files: undefined, isPinned: true }
  }

  /** Where the bytes come from: a file restored at start learns it when its database is opened. */
  set source(fetch: FetchRange) {
    this.#fetch = fetch
  }

  open(): SparseFile {
    const handle = new Handle(this, this.#handles)
    this.#handles.add(handle)
    this.#budget.touch(this)
    return handle
  }

  location(): LocalCopy | undefined {
    return this.#held?.copy
  }

  /**
   * Makes the range present, and more of what follows. Resolves with the bytes themselves where there is no room
   * for them, or where the disk fails: the cache is a convenience.
   */
  async ensure(offset: number, length: number, readAhead: number): Promise<LocalCopy | Uint8Array> {
    this.#budget.touch(this)
    if (length === 0) return this.#held?.copy ?? new Uint8Array(0)
    const ahead = Math.min(readAhead, this.size - offset - length)
    const wanted = this.#reserved(offset, length + ahead) ?? this.#reserved(offset, length)
    if (!wanted) return this.#fetchBytes(offset, length)
    // Begun before anybody else has a turn: who asks next finds them on their way, and the cache counts them.
    for (const run of wanted) this.#startFetch(run)
    this.#budget.touch(this)
    try {
      await this.#settled(offset, length)
    } catch (error) {
      if (EnvError.is(error)) throw error
      return this.#fetchBytes(offset, length)
    }
    // It may have been evicted while it was fetched.
    return this.#presentCopy(offset, length) ?? this.#fetchBytes(offset, length)
  }

  /**
   * Takes the files off the disk. Readers that hold them open go on reading; the space is free when the last
   * has let go.
   */
  async evict(): Promise<void> {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    const release = this.#budget.releaseLater(held.map.presentBytes)
    let waiting = 1
    const done = () => {
      waiting -= 1
      if (waiting === 0) release()
    }
    for (const handle of this.#handles) {
      waiting += 1
      handle.evicted(held.copy, done)
    }
    // The next incarnation has the same names: it waits until these are gone.
    this.#removing = this.#removing.then(() => removeFiles(held))
    await this.#removing
    done()
  }

  /**
   * Moves the complete local file into the cache: the store has it now. The generation stays the same, for it is
   * the same file, which a reader may hold open.
   */
  async adopt(localPath: string): Promise<void> {
    await this.#removing
    if (this.#held?.copy.path !== localPath) this.born(localPath)
    const { copy, map } = this.#held!
    await rename(localPath, this.path)
    this.#held = { copy: { ...copy, path: this.path }, map, files: undefined, isPinned: false }
  }

  /** Whether the bridge has read from it since it was last asked: reads of what is present don't come by here. */
  takeUsed(): boolean {
    const held = this.#held
    return held !== undefined && takeUsedMark(held.copy.chunkMapPath)
  }

  async close(): Promise<void> {
    if (this.#held) await closeFiles(this.#held)
  }

  /** The missing chunks in the range, undefined where there is no room for them. */
  #reserved(offset: number, length: number): Run[] | undefined {
    const wanted = this.#missing(offset, length)
    const bytes = wanted.reduce((sum, run) => sum + (run.end - run.first) * chunkBytes, 0)
    return bytes === 0 || this.#budget.reserve(this, bytes) ? wanted : undefined
  }

  /** Runs of missing chunks in the range, those already on their way left out. */
  #missing(offset: number, length: number): Run[] {
    const { first, end } = chunksOf(offset, length)
    const runs: Run[] = []
    for (let chunk = first; chunk < end; chunk++) {
      if (this.#held?.map.has(chunk) || this.#inFlight.has(chunk)) continue
      const last = runs.at(-1)
      if (last?.end === chunk && last.end - last.first < maxRequestBytes / chunkBytes) last.end += 1
      else runs.push({ first: chunk, end: chunk + 1 })
    }
    return runs
  }

  #presentCopy(offset: number, length: number): LocalCopy | undefined {
    const { first, end } = chunksOf(offset, length)
    for (let chunk = first; chunk < end; chunk++) if (!this.#held?.map.has(chunk)) return undefined
    return this.#held?.copy
  }

  #startFetch(run: Run): void {
    const fetching = this.#fetchRun(run).finally(() => {
      for (let chunk = run.first; chunk < run.end; chunk++) this.#inFlight.delete(chunk)
      this.#budget.touch(this)
    })
    // Whoever waits for the chunk hears of a failure; read-ahead that nobody waits for may fail in silence.
    fetching.catch(() => undefined)
    for (let chunk = run.first; chunk < run.end; chunk++) this.#inFlight.set(chunk, fetching)
  }

  /** Into whichever copy there is when the bytes have come. */
  async #fetchRun({ first, end }: Run): Promise<void> {
    const offset = first * chunkBytes
    const bytes = await this.#fetchBytes(offset, Math.min(end * chunkBytes, this.size) - offset)
    const held = await this.#hold()
    const { map, files } = held
    if (!files) return
    await files.data.write(bytes, 0, bytes.length, offset)
    if (this.#held !== held) return
    for (let chunk = first; chunk < end; chunk++) map.add(chunk)
    const firstByte = first >> 3
    const endByte = ((end - 1) >> 3) + 1
    await files.map.write(map.bits, firstByte, endByte - firstByte, ChunkMap.headerBytes + firstByte)
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

  async #hold(): Promise<Held> {
    const held = this.#held
    if (held?.files) return held
    this.#opening ??= this.#openFiles(held).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #openFiles(restored: Held | undefined): Promise<Held> {
    if (restored) {
      const data = await open(restored.copy.path, 'r+')
      restored.files = { data, map: await open(restored.copy.chunkMapPath, 'r+') }
      return restored
    }
    await this.#removing
    await mkdir(dirname(this.path), { recursive: true })
    const map = new ChunkMap(this.size, chunkBytes)
    const copy = this.#newCopy(this.path)
    // A leftover of the same name may still be mapped by a reader: never write into it.
    await removeIfThere(copy.path)
    await removeIfThere(copy.chunkMapPath)
    const data = await open(copy.path, 'wx+')
    await data.truncate(this.size)
    await writeMap(copy.chunkMapPath, map, this.#budget.bootId)
    const held: Held = {
      copy,
      map,
      files: { data, map: await open(copy.chunkMapPath, 'r+') },
      isPinned: false,
    }
    this.#held = held
    return held
  }

  #fullMap(): ChunkMap {
    const map = new ChunkMap(this.size, chunkBytes)
    for (let chunk = 0; chunk < map.chunkCount; chunk++) map.add(chunk)
    return map
  }

  #newCopy(path: string): Copy {
    this.#generation += 1
    return { generation: this.#generation, path, chunkMapPath: `${this.path}${mapSuffix}` }
  }
}

/** The name of a chunk map is that of its file and this. */
export const mapSuffix = '.chunks'

/**
 * A miss costs a request of some milliseconds whatever its size below some 100 KiB, and a RocksDB block is
 * 4 to 16 KiB: 64 KiB brings the neighbours at no extra wait.
 */
export const chunkBytes = 64 * 1024

/** Larger ranges are fetched as several requests at once. */
const maxRequestBytes = 4 * 1024 * 1024

const minReadAheadBytes = 256 * 1024
const maxReadAheadBytes = 4 * 1024 * 1024

/** Chunks from `first` to before `end`. */
interface Run {
  readonly first: number
  end: number
}

interface Copy extends LocalCopy {
  readonly chunkMapPath: string
}

interface Held {
  readonly copy: Copy
  readonly isPinned: boolean
  readonly map: ChunkMap
  /** Open for writing once something had to be fetched. */
  files: { readonly data: FileHandle; readonly map: FileHandle } | undefined
}

/** One opening of the file by the bridge. */
class Handle implements SparseFile {
  readonly kind = 'sparse'
  onEvicted: ((copy: LocalCopy) => void) | undefined
  readonly #file: CachedFile
  readonly #handles: Set<Handle>
  readonly #lettingGo = new Map<number, () => void>()
  /** What was last asked for, read-ahead included: one who goes through the file in order misses next at its end. */
  #windowStart = 0
  #windowEnd = -1
  #readAhead = 0

  constructor(file: CachedFile, handles: Set<Handle>) {
    this.#file = file
    this.#handles = handles
  }

  get size(): number {
    return this.#file.size
  }

  location(): LocalCopy | undefined {
    return this.#file.location()
  }

  ensure(offset: number, length: number): Promise<LocalCopy | Uint8Array> {
    const end = offset + length
    // Within what was asked for before: nothing new is learned about the reader.
    if (offset >= this.#windowStart && end <= this.#windowEnd) return this.#file.ensure(offset, length, 0)
    const isSequential = offset <= this.#windowEnd && end > this.#windowEnd && offset >= this.#windowStart
    this.#readAhead = isSequential
      ? Math.min(Math.max(this.#readAhead * 2, minReadAheadBytes), maxReadAheadBytes)
      : 0
    this.#windowStart = offset
    this.#windowEnd = Math.ceil((end + this.#readAhead) / chunkBytes) * chunkBytes
    return this.#file.ensure(offset, length, this.#readAhead)
  }

  evicted(copy: LocalCopy, released: () => void): void {
    if (!this.onEvicted) {
      released()
      return
    }
    this.#lettingGo.set(copy.generation, released)
    this.onEvicted(copy)
  }

  released(copy: LocalCopy): void {
    this.#lettingGo.get(copy.generation)?.()
    this.#lettingGo.delete(copy.generation)
  }

  close(): void {
    this.#handles.delete(this)
    for (const released of this.#lettingGo.values()) released()
    this.#lettingGo.clear()
  }
}

/** The chunks that a range touches. */
function chunksOf(offset: number, length: number): Run {
  return { first: Math.floor(offset / chunkBytes), end: Math.ceil((offset + length) / chunkBytes) }
}

async function writeMap(path: string, map: ChunkMap, bootId: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(map.encode(bootId))
  } finally {
    await file.close()
  }
}

async function removeFiles(held: Held): Promise<void> {
  await closeFiles(held)
  await removeIfThere(held.copy.path)
  await removeIfThere(held.copy.chunkMapPath)
}

async function closeFiles(held: Held): Promise<void> {
  const files = held.files
  held.files = undefined
  await Promise.all([files?.data.close(), files?.map.close()])
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}
