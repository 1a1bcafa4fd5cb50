import { dirname } from 'node:path'
import { toEnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'

export interface DiskSpace {
  readonly totalBytes: number
  /** Bytes that this user may still take. */
  readonly freeBytes: number
}

/** Space on the disk that holds `directory`, or will once it exists; undefined if the system does not say. */
export function readDiskSpace(files: Files, directory: string): DiskSpace | undefined {
  try {
    const { blocks, bavail, bsize } = files.sync.statfs(directory)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  } catch (error) {
    const parent = dirname(directory)
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return isMissing && parent !== directory ? readDiskSpace(files, parent) : undefined
  }
}

/** Free bytes of a disk: those at the last refresh, less those allocated since. */
export class FreeSpace {
  readonly #files: Files
  readonly #directory: string
  /** Infinite if the system does not report them: only a failing write shows that the disk is full. */
  #bytes = Number.POSITIVE_INFINITY

  constructor(files: Files, directory: string) {
    this.#files = files
    this.#directory = directory
  }

  get bytes(): number {
    return this.#bytes
  }

  async refresh(): Promise<void> {
    this.#bytes = await this.#files.statfs(this.#directory).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => Number.POSITIVE_INFINITY,
    )
  }

  /** Counts bytes written since the last refresh. */
  allocate(bytes: number): void {
    this.#bytes -= bytes
  }

  /** Counts bytes removed since the last refresh. */
  release(bytes: number): void {
    this.#bytes += bytes
  }
}

/** Frees space for a write of `bytes` that found none; false if nothing was freed. See {@link FileCache.makeRoom}. */
export type MakeRoom = (bytes: number) => Promise<boolean>

/** Repeats a write that finds no space, as long as some is freed for it, and once more: others may have given some back. */
export async function withRoom<T>(makeRoom: MakeRoom, bytes: number, write: () => Promise<T>): Promise<T> {
  for (let isMade = true; ; ) {
    try {
      return await write()
    } catch (error) {
      if (toEnvError(error, 'write').code !== 'NoSpace' || !isMade) throw error
      isMade = await makeRoom(bytes)
    }
  }
}

/** 5 % of the disk and at least 1 GiB, but never more than a tenth: a disk below 10 GiB would have no cache otherwise. */
export function defaultReserveBytes({ totalBytes }: DiskSpace): number {
  return Math.floor(Math.min(Math.max(totalBytes / 20, 2 ** 30), totalBytes / 10))
}

export async function isOnSameDisk(files: Files, directory: string, other: string): Promise<boolean> {
  const devices = await Promise.all([directory, other].map((path) => files.stat(path).then(({ dev }) => dev)))
  return devices[0] === devices[1]
}
