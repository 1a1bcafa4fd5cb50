import { closeSync, mkdirSync, openSync, readSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import * as promises from 'node:fs/promises'
import { join } from 'node:path'
import { type FileLock, lockFile } from './file-lock.js'
import { holePuncher, type PunchHoles } from './holes.js'

/**
 * Local file system as a dependency, so that a simulation can stand in its place: what `cloud/` asks of `node:fs`, with
 * its names, shapes and errors (`code` is `ENOENT` and so on).
 */
export interface Files {
  access(path: string, mode?: number): Promise<void>
  /** See {@link holePuncher}. */
  holePuncher(directory: string): Promise<PunchHoles | undefined>
  link(existing: string, path: string): Promise<void>
  /** See {@link lockFile}. */
  lock(path: string): Promise<FileLock | undefined>
  lstat(path: string): Promise<FileStats>
  mkdir(path: string, options?: { readonly recursive: boolean }): Promise<string | undefined>
  open(path: string, flags: OpenFlags): Promise<OpenFile>
  readdir(path: string): Promise<string[]>
  /** Everything in a directory and below it. */
  readTree(path: string): Promise<TreeEntry[]>
  readFile(path: string): Promise<Uint8Array>
  rename(source: string, target: string): Promise<void>
  rm(path: string, options?: { readonly force?: boolean; readonly recursive?: boolean }): Promise<void>
  rmdir(path: string): Promise<void>
  stat(path: string): Promise<FileStats>
  statfs(path: string): Promise<FileSystemStats>
  writeFile(path: string, content: Uint8Array | string): Promise<void>
  /** The few calls that nothing may come between. */
  readonly sync: {
    mkdir(path: string): void
    statfs(path: string): FileSystemStats
    writeFile(path: string, content: Uint8Array): void
    read(path: string, position: number, length: number): Uint8Array
    /** Writes pieces in this order into a file that exists. */
    write(path: string, ...pieces: readonly Piece[]): void
  }
}

/** Bytes and their place in a file. */
export interface Piece {
  readonly position: number
  readonly bytes: Uint8Array
}

export type OpenFlags = 'r' | 'r+' | 'w' | 'wx' | 'wx+'

export interface OpenFile {
  close(): Promise<void>
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>
  writeFile(content: Uint8Array | string): Promise<void>
}

export interface FileStats {
  readonly size: number
  readonly dev: number
  readonly mtime: Date
  readonly mtimeMs: number
  readonly atimeMs: number
  isDirectory(): boolean
  isFile(): boolean
  isSymbolicLink(): boolean
}

export interface TreeEntry {
  readonly path: string
  readonly kind: 'file' | 'symbolicLink' | 'other'
}

export interface FileSystemStats {
  readonly blocks: number
  readonly bavail: number
  readonly bsize: number
}

export const systemFiles: Files = {
  access: promises.access,
  holePuncher,
  link: promises.link,
  lock: lockFile,
  lstat: promises.lstat,
  mkdir: promises.mkdir,
  open: promises.open,
  readdir: promises.readdir,
  async readTree(path) {
    const entries = await promises.readdir(path, { recursive: true, withFileTypes: true })
    return entries.map((entry) => ({
      path: join(entry.parentPath, entry.name),
      kind: entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'symbolicLink' : 'other',
    }))
  },
  readFile: promises.readFile,
  rename: promises.rename,
  rm: promises.rm,
  rmdir: promises.rmdir,
  stat: promises.stat,
  statfs: promises.statfs,
  writeFile: promises.writeFile,
  sync: {
    mkdir: (path) => void mkdirSync(path, { recursive: true }),
    statfs: statfsSync,
    writeFile: writeFileSync,
    read(path, position, length) {
      const bytes = Buffer.alloc(length)
      return withFile(path, 'r', (file) => bytes.subarray(0, readSync(file, bytes, 0, length, position)))
    },
    write(path, ...pieces) {
      withFile(path, 'r+', (file) => {
        for (const { position, bytes } of pieces) writeWhole(file, bytes, position)
      })
    },
  },
}

/** A disk that fills up may accept only a part of a write. */
function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    const taken = writeSync(file, bytes, written, bytes.length - written, position + written)
    if (taken === 0) throw new Error('the disk takes no more')
    written += taken
  }
}

function withFile<T>(path: string, flags: string, use: (file: number) => T): T {
  const file = openSync(path, flags)
  try {
    return use(file)
  } finally {
    closeSync(file)
  }
}

/** Text of a file; undefined if there is none. */
export async function readText(files: Files, path: string): Promise<string | undefined> {
  const bytes = await files.readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  return bytes && Buffer.from(bytes).toString('utf8')
}
