import { dirname } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { LocalCopy } from '../env/env.js'
import type { Files, OpenFile, OpenFlags } from '../env/files.js'
import type { PunchHoles } from '../env/holes.js'
import { succeeds } from '../env/succeeds.js'
import type { Run } from '../table/chunk-grid.js'
import { ChunkClock, livesAfterReturn } from './chunk-clock.js'
import type { ChunkMap } from './chunk-map.js'

/** Suffix of a chunk map, which otherwise has the name of its file. */
export const mapSuffix = '.chunks'

/**
 * One incarnation of a cached file: a sparse file of the full size and, beside it, the chunk map that says
 * which of it is present. No other incarnation has the same paths, so that nobody opens the data of one and
 * the map of another.
 */
export class SparseCopy implements LocalCopy {
  readonly generation: number
  readonly chunkMapPath: string | undefined
  readonly map: ChunkMap
  readonly #disk: Files
  #path: string
  /** Files open for writing, from the first write until enough other copies were written to: see {@link openCopies}. */
  #files: Promise<CopyFiles> | undefined
  /** Chunks that no sweep may take out now. */
  readonly #held = new Set<Run>()
  readonly #clock: ChunkClock
  /** As one chunk's, for a file that leaves as a whole. */
  #wholeLives = 1
  /** Holes that are being made. What lies there may not be written before. */
  #punching: Promise<void> = Promise.resolve()
  #writes = 0
  #isClosed = false

  private constructor(
    disk: Files,
    path: string,
    generation: number,
    map: ChunkMap,
    chunkMapPath: string | undefined,
  ) {
    this.#disk = disk
    this.generation = generation
    this.map = map
    this.chunkMapPath = chunkMapPath
    this.#path = path
    this.#clock = new ChunkClock(map)
  }

  /** Takes over what an earlier process left at `path`, as far as its chunk map says. */
  static restored(disk: Files, path: string, generation: number, map: ChunkMap): SparseCopy {
    return new SparseCopy(disk, path, generation, map, path + mapSuffix)
  }

  /** Nothing of it is present yet. */
  static async empty(
    disk: Files,
    path: string,
    generation: number,
    map: ChunkMap,
    bootId: string,
  ): Promise<SparseCopy> {
    const copy = new SparseCopy(disk, path, generation, map, path + mapSuffix)
    await disk.mkdir(dirname(path), { recursive: true })
    try {
      copy.#files = createFiles(disk, path, map.encode(bootId), map.fileSize)
      await copy.#files
    } catch (error) {
      await copy.remove()
      throw error
    }
    return copy
  }

  /** The complete file at `localPath`, which {@link moveTo} brings to `path` later. The map is there already. */
  static complete(
    disk: Files,
    localPath: string,
    path: string,
    generation: number,
    map: ChunkMap,
    bootId: string,
  ): SparseCopy {
    // Some hundred bytes, written before anybody can open the file. Without a map all of it is present too.
    const hasMap = writeMap(disk, path + mapSuffix, map.encode(bootId))
    return new SparseCopy(disk, localPath, generation, map, hasMap ? path + mapSuffix : undefined)
  }

  get path(): string {
    return this.#path
  }

  /** Reports whether its files still have their names: a cache may be deleted while it is in use. */
  async isThere(): Promise<boolean> {
    return succeeds(Promise.all(this.#paths().map((path) => this.#disk.access(path))))
  }

  /** Keeps chunks from being taken out, until the returned function is called. */
  hold(run: Run): () => void {
    // One of its own: the same run may be held twice.
    const held = { ...run }
    this.#held.add(held)
    return () => void this.#held.delete(held)
  }

  /** Takes all chunks for unread, until they are read again. */
  forgetReads(): void {
    this.#clock.forgetReads()
    this.#wholeLives = 0
    try {
      this.#takeMarks({ ages: true })
    } catch {
      // Its files were deleted.
    }
  }

  /**
   * Takes chunks out of the file that nobody has read for some rounds, until so many bytes are free. Chunks that were
   * read in order count as unread: see native/bridge/local_copy.h.
   * @returns undefined if the file has to go as a whole: nothing of it would be left, or it can't lose a part.
   */
  sweep(bytes: number, punchHoles: PunchHoles | undefined, options: SweepOptions): Swept | undefined {
    try {
      if (punchHoles && this.chunkMapPath !== undefined && !this.map.isShared)
        return this.#sweep(bytes, this.chunkMapPath, punchHoles, options)
      return this.#holdsPresent() || this.#isWholeSpared(options)
        ? { ...nothing, isThrough: true }
        : undefined
    } catch {
      // Its files were deleted.
      return undefined
    }
  }

  #sweep(bytes: number, mapPath: string, punchHoles: PunchHoles, { ages }: SweepOptions): Swept | undefined {
    const { map } = this
    const { sync } = this.#disk
    const marks = sync.read(mapPath, map.marksPosition, map.chunkCount)
    const isHeld = (chunk: number) => this.#isHeld(chunk)
    const { leaving, bytes: freedBytes, passed, isThrough } = this.#clock.pass(bytes, marks, { ages, isHeld })
    if (freedBytes > 0 && freedBytes === map.presentBytes && this.#writes === 0) return undefined
    const { first, end } = passed
    const pieces = [{ position: map.marksPosition + first, bytes: marks.subarray(first, end) }]
    if (freedBytes === 0) {
      if (ages) sync.write(mapPath, ...pieces)
      return { ...nothing, isThrough }
    }
    for (const run of leaving) for (let chunk = run.first; chunk < run.end; chunk++) map.remove(chunk)
    // The order matters: see native/bridge/chunk_map.h.
    pieces.push(map.bitsOf(leaving[0]!.first, leaving.at(-1)!.end), map.countRemoval())
    sync.write(mapPath, ...pieces)
    const holes = leaving.map((run) => ({
      offset: run.first * map.chunkBytes,
      length: (run.end - run.first) * map.chunkBytes,
    }))
    const punched = this.#punching.then(() => punchHoles(this.#path, holes))
    this.#punching = punched.catch(() => undefined)
    return { freedBytes, punched, isThrough }
  }

  /** The same for a file that leaves as a whole. */
  #isWholeSpared({ ages }: SweepOptions): boolean {
    if (this.#takeMarks({ ages })) {
      if (ages) this.#wholeLives = livesAfterReturn(this.#wholeLives)
      return true
    }
    if (this.#wholeLives === 0) return false
    if (ages) this.#wholeLives -= 1
    return true
  }

  /** Reports whether any chunk is marked as used. @param options.ages resets the marks. */
  #takeMarks({ ages }: SweepOptions): boolean {
    const { chunkMapPath, map } = this
    if (chunkMapPath === undefined) return false
    const marks = this.#disk.sync.read(chunkMapPath, map.marksPosition, map.chunkCount)
    const isUsed = marks.some((mark) => mark !== 0)
    if (isUsed && ages) {
      const bytes = new Uint8Array(map.chunkCount)
      this.#disk.sync.write(chunkMapPath, { position: map.marksPosition, bytes })
    }
    return isUsed
  }

  /** Reports whether somebody needs chunks to stay that are there. */
  #holdsPresent(): boolean {
    for (const { first, end } of this.#held)
      for (let chunk = first; chunk < end; chunk++) if (this.map.has(chunk)) return true
    return false
  }

  #isHeld(chunk: number): boolean {
    for (const { first, end } of this.#held) if (chunk >= first && chunk < end) return true
    return false
  }

  /** The same file under another name: a reader may hold it open. */
  async moveTo(path: string): Promise<void> {
    await this.#disk.mkdir(dirname(path), { recursive: true })
    await this.#disk.rename(this.#path, path)
    this.#path = path
  }

  /**
   * Writes `bytes` from chunk `first` on: first the data, then the bits. Does nothing once the copy is closed.
   * @param ahead chunk from which on nobody asked for them. The first of those that were not there is the herald: the bridge
   *   is not told of it before {@link announce}. It asks for it, which tells that its reader has come so far.
   */
  async write(first: number, bytes: Uint8Array, ahead?: number): Promise<void> {
    if (this.#isClosed) return
    const run = { first, end: first + Math.ceil(bytes.length / this.map.chunkBytes) }
    // Present or not: a hole would go into what was just written.
    const release = this.hold(run)
    this.#writes += 1
    try {
      await this.#punching
      await this.#write(run, bytes, ahead)
    } finally {
      this.#writes -= 1
      release()
      if (!this.#isClosed) openCopies.set(this, this)
    }
  }

  async #write(run: Run, bytes: Uint8Array, ahead = run.end): Promise<void> {
    const { first, end } = run
    if (this.#isClosed) return
    this.#files ??= openFiles(this.#disk, this.#path, this.#path + mapSuffix)
    const { data, map } = await this.#files
    if (this.#isClosed) return
    await writeAll(data, bytes, first * this.map.chunkBytes)
    if (this.#isClosed) return
    this.#clock.arriving(run)
    let herald = Math.max(first, ahead)
    while (herald < end && this.map.has(herald)) herald += 1
    for (let chunk = first; chunk < end; chunk++) this.map.add(chunk, { isShown: chunk !== herald })
    const bits = this.map.bitsOf(first, end)
    await writeAll(map, bits.bytes, bits.position)
  }

  /**
   * Spares chunks once, and tells the bridge of them as far as they are present: somebody is about to read them.
   * @throws if the map can't be written.
   */
  announce(run: Run): void {
    this.#clock.spare(run)
    if (this.map.show(run) && this.chunkMapPath !== undefined)
      this.#disk.sync.write(this.chunkMapPath, this.map.bitsOf(run.first, run.end))
  }

  /** Closes the files until the next write, unless one is under way. */
  async closeIdle(): Promise<void> {
    if (this.#writes > 0) return
    const files = this.#files
    this.#files = undefined
    await closeFiles(files)
  }

  /** Reports whether the file has `bytes` from chunk `first` on; false also if it can't be read. */
  async holds(first: number, bytes: Uint8Array): Promise<boolean> {
    const held = Buffer.alloc(bytes.length)
    const file = await this.#disk.open(this.#path, 'r').catch(() => undefined)
    try {
      const read = await file?.read(held, 0, held.length, first * this.map.chunkBytes)
      return read?.bytesRead === held.length && held.equals(bytes)
    } catch {
      return false
    } finally {
      await file?.close()
    }
  }

  /** Waits for writes that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    openCopies.delete(this)
    await closeFiles(this.#files)
    await this.#punching
  }

  /** Takes the files off the disk. Readers that hold them open go on reading. Files that can't be removed stay. */
  async remove(): Promise<void> {
    await this.close().catch(() => undefined)
    for (const path of this.#paths()) await this.#disk.rm(path, { force: true }).catch(() => undefined)
  }

  #paths(): string[] {
    return this.chunkMapPath === undefined ? [this.#path] : [this.#path, this.chunkMapPath]
  }
}

export interface SweepOptions {
  /** False: nothing comes closer to leaving by it. */
  readonly ages: boolean
}

export interface Swept {
  /** Bytes that are no longer present. They are free once `punched` resolves; if it rejects, they stay on the disk. */
  readonly freedBytes: number
  readonly punched: Promise<void>
  /** True if the sweep has come to the end of the file. */
  readonly isThrough: boolean
}

/**
 * End of a sweep: enough bytes are to be free, or the end of the file was reached, or the copy has to go as a whole.
 */
export type SweepEnd = 'enough' | 'end' | 'whole'

const nothing = { freedBytes: 0, punched: Promise.resolve() }

interface CopyFiles {
  readonly data: OpenFile
  readonly map: OpenFile
}

/** Two descriptors each: 64 of the 1024 that a process often has, or of fewer. */
const maxOpenCopies = 32

/** The copies written to last, of the whole process: their files stay open for the next write. */
const openCopies = new LRUCache<SparseCopy, SparseCopy>({
  max: maxOpenCopies,
  dispose: (copy, _, reason) => {
    // Nothing is lost if a descriptor can't be closed.
    if (reason === 'evict') void copy.closeIdle().catch(() => undefined)
  },
})

async function closeFiles(opening: Promise<CopyFiles> | undefined): Promise<void> {
  const files = await opening?.catch(() => undefined)
  await Promise.all([files?.data.close(), files?.map.close()])
}

async function createFiles(disk: Files, path: string, map: Uint8Array, size: number): Promise<CopyFiles> {
  // A leftover of the same name may still be mapped by a reader: never write into it.
  for (const leftover of [path, path + mapSuffix]) await disk.rm(leftover, { recursive: true, force: true })
  const files = await openFiles(disk, path, path + mapSuffix, 'wx+')
  try {
    await files.data.truncate(size)
    await writeAll(files.map, map, 0)
    return files
  } catch (error) {
    await Promise.all([files.data.close(), files.map.close()])
    throw error
  }
}

async function openFiles(
  disk: Files,
  path: string,
  mapPath: string,
  flags: OpenFlags = 'r+',
): Promise<CopyFiles> {
  const data = await disk.open(path, flags)
  try {
    return { data, map: await disk.open(mapPath, flags) }
  } catch (error) {
    await data.close()
    throw error
  }
}

/** A disk that fills up may accept only a part of a write. */
async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written)
    if (bytesWritten === 0) throw new Error('the disk takes no more')
    written += bytesWritten
  }
}

/** False if the write failed; a partial map is rejected at the next start. */
function writeMap(disk: Files, path: string, bytes: Uint8Array): boolean {
  try {
    disk.sync.mkdir(dirname(path))
    disk.sync.writeFile(path, bytes)
    return true
  } catch {
    return false
  }
}
