import { mkdirSync, writeFileSync } from 'node:fs'
import { access, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LocalCopy } from '../env/env.js'
import { ChunkMap, chunkBytes, takeUsedMark } from './chunk-map.js'

/** The name of a chunk map is that of its file and this. */
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
  #path: string
  /** Open for writing once something is to be written. */
  #files: Promise<Files> | undefined
  #isClosed = false

  private constructor(path: string, generation: number, map: ChunkMap, chunkMapPath: string | undefined) {
    this.generation = generation
    this.map = map
    this.chunkMapPath = chunkMapPath
    this.#path = path
  }

  /** What an earlier process left at `path`, as far as its chunk map says. */
  static restored(path: string, generation: number, map: ChunkMap): SparseCopy {
    return new SparseCopy(path, generation, map, path + mapSuffix)
  }

  /** Nothing of it is present yet. */
  static async empty(path: string, generation: number, size: number, bootId: string): Promise<SparseCopy> {
    const map = new ChunkMap(size, chunkBytes)
    const copy = new SparseCopy(path, generation, map, path + mapSuffix)
    await mkdir(dirname(path), { recursive: true })
    try {
      copy.#files = createFiles(path, map.encode(bootId), size)
      await copy.#files
    } catch (error) {
      await copy.remove()
      throw error
    }
    return copy
  }

  /** The complete file at `localPath`, which {@link moveTo} brings to `path` later. The map is there already. */
  static complete(
    localPath: string,
    path: string,
    generation: number,
    size: number,
    bootId: string,
  ): SparseCopy {
    const map = ChunkMap.full(size, chunkBytes)
    // Some hundred bytes, before anybody can open the file. Without the map it is all present too.
    const hasMap = writeMap(path + mapSuffix, map.encode(bootId))
    return new SparseCopy(localPath, generation, map, hasMap ? path + mapSuffix : undefined)
  }

  get path(): string {
    return this.#path
  }

  /** Whether its files have still their names: a cache may be deleted while it is in use. */
  async isThere(): Promise<boolean> {
    return Promise.all(this.#paths().map((path) => access(path))).then(
      () => true,
      () => false,
    )
  }

  /** Whether the bridge has read from it since it was last asked: reads of what is present tell nobody. */
  takeUsed(): boolean {
    return this.chunkMapPath !== undefined && takeUsedMark(this.chunkMapPath)
  }

  /** The same file under another name: a reader may hold it open. */
  async moveTo(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    await rename(this.#path, path)
    this.#path = path
  }

  /** Takes `bytes` in from chunk `first` on: first the data, then the bits. Nothing, once the copy is closed. */
  async write(first: number, bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) return
    this.#files ??= openFiles(this.#path, this.#path + mapSuffix)
    const { data, map } = await this.#files
    if (this.#isClosed) return
    await writeAll(data, bytes, first * chunkBytes)
    if (this.#isClosed) return
    const end = first + Math.ceil(bytes.length / chunkBytes)
    for (let chunk = first; chunk < end; chunk++) this.map.add(chunk)
    const bits = this.map.bits.subarray(first >> 3, ((end - 1) >> 3) + 1)
    await writeAll(map, bits, ChunkMap.headerBytes + (first >> 3))
  }

  /** Waits for writes that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    const files = await this.#files?.catch(() => undefined)
    await Promise.all([files?.data.close(), files?.map.close()])
  }

  /** Takes the files off the disk. Who holds them open goes on reading. What can't be removed stays. */
  async remove(): Promise<void> {
    await this.close().catch(() => undefined)
    for (const path of this.#paths()) await rm(path, { force: true }).catch(() => undefined)
  }

  #paths(): string[] {
    return this.chunkMapPath === undefined ? [this.#path] : [this.#path, this.chunkMapPath]
  }
}

interface Files {
  readonly data: FileHandle
  readonly map: FileHandle
}

async function createFiles(path: string, map: Uint8Array, size: number): Promise<Files> {
  // A leftover of the same name may still be mapped by a reader: never write into it.
  for (const leftover of [path, path + mapSuffix]) await rm(leftover, { recursive: true, force: true })
  const files = await openFiles(path, path + mapSuffix, 'wx+')
  try {
    await files.data.truncate(size)
    await writeAll(files.map, map, 0)
    return files
  } catch (error) {
    await Promise.all([files.data.close(), files.map.close()])
    throw error
  }
}

async function openFiles(path: string, mapPath: string, flags = 'r+'): Promise<Files> {
  const data = await open(path, flags)
  try {
    return { data, map: await open(mapPath, flags) }
  } catch (error) {
    await data.close()
    throw error
  }
}

/** A disk that fills up may take a part of what it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    if (bytesWritten === 0) throw new Error('the disk takes no more')
    done += bytesWritten
  }
}

/** False where the disk would not have it; what there is of it then is no map that a restart takes. */
function writeMap(path: string, bytes: Uint8Array): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    return true
  } catch {
    return false
  }
}
