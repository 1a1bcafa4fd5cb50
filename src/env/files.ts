import { closeSync, mkdirSync, openSync, readSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import * as promises from 'node:fs/promises'
import { join } from 'node:path'
import { type FileLock, lockFile } from './file-lock.js'

/**
 * Local file system as a dependency, so that a simulation can stand in its place: what `cloud/` asks of `node:fs`, with
 * its names, shapes and errors (`code` is `ENOENT` and so on).
 */
export interface Files {
  access(path: string, mode?: number): Promise<void>
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
    /** Sets four bytes to zero. @returns whether they were not. */
    clear(path: string, offset: number): boolean
  }
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
    clear(path, offset) {
      const file = openSync(path, 'r+')
      try {
        const word = Buffer.alloc(4)
        readSync(file, word, 0, 4, offset)
        if (word.readUInt32LE() === 0) return false
        writeSync(file, Buffer.alloc(4), 0, 4, offset)
        return true
      } finally {
        closeSync(file)
      }
    },
  },
}

/** Text of a file; undefined if there is none. */
export async function readText(files: Files, path: string): Promise<string | undefined> {
  const bytes = await files.readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  return bytes && Buffer.from(bytes).toString('utf8')
}
