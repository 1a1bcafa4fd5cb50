/**
 * The Env contract: what RocksDB asks of a file system, as TypeScript.
 *
 * It mirrors `FileSystem` of rocksdb/file_system.h in camelCase, with promises instead of
 * out-parameters. An Env decides; it seldom moves bytes. What it opens is one of three things:
 *
 * - **local**: a path. The bridge (native/bridge) opens it with RocksDB's own POSIX files; the Env
 *   hears of the events that it gave callbacks for.
 * - **sparse**: a local file of which only some chunks are present, and {@link SparseFile.ensure}
 *   to have the rest fetched.
 * - **served**: bytes answered by the Env itself, over the socket. All that a small Env needs.
 *
 * Paths are absolute, normalized by the bridge (no `.`, `..`, doubled or trailing slash). Calls come
 * concurrently; calls from one RocksDB thread come in the order in which it made them. A method
 * that fails rejects with an {@link EnvError}; anything else thrown reaches RocksDB as an IOError.
 */
export interface Env {
  /**
   * Base names that never need a decision, as globs with at most one `*` (`*.log`, `LOG*`). The
   * bridge serves them from the local file system without asking: opening, sizes, deletion, and
   * renames where both names match. This keeps the write-ahead log off the socket.
   */
  readonly localNames: readonly string[]

  /**
   * True when a local lock on the LOCK file is to be taken before {@link lockFile} is called, so that
   * two processes on one directory exclude each other whatever the Env does.
   */
  readonly localLocks: boolean

  /** Called once, before any other method: how the Env speaks to its host unasked. */
  attach?(listener: EnvListener): void

  newSequentialFile(path: string): Promise<ReadableFile>
  newRandomAccessFile(path: string): Promise<ReadableFile>
  /** Creates the file, or truncates the one that is there. */
  newWritableFile(path: string): Promise<WritableFile>
  /** Opens for appending; creates the file when it is missing. */
  reopenWritableFile(path: string): Promise<WritableFile>

  /** Resolves when everything written below `path` is as durable as the Env promises. */
  fsyncDirectory(path: string): Promise<DirectorySync>

  /** Resolves when the file or directory exists, rejects with NotFound when not. */
  fileExists(path: string): Promise<void>
  /** Base names, without `.` and `..`. NotFound when there is no such directory. */
  getChildren(path: string): Promise<readonly string[]>
  getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]>
  deleteFile(path: string): Promise<void>
  createDirIfMissing(path: string): Promise<void>
  deleteDir(path: string): Promise<void>
  /** Bytes. */
  getFileSize(path: string): Promise<number>
  /** Seconds since 1970. */
  getFileModificationTime(path: string): Promise<number>
  /** Replaces the target when it exists. */
  renameFile(source: string, target: string): Promise<void>
  linkFile(source: string, target: string): Promise<void>
  /**
   * RocksDB calls it when, and only when, it opens a database for writing. The host itself refuses a
   * lock that one of its connections holds; the Env answers for everybody beyond this host.
   */
  lockFile(path: string): Promise<void>
  /**
   * Also called when the process that held the lock went away without a word. The lock is free
   * afterwards, even when this rejects because something could not be finished.
   */
  unlockFile(path: string): Promise<void>
  isDirectory(path: string): Promise<boolean>
  /** Bytes. */
  getFreeSpace(path: string): Promise<number>

  /** Numbers about itself for people to look at: any value that can be structured-cloned. */
  metrics?(): unknown

  /** Finishes what is under way and frees what is held. No call follows. */
  close(): Promise<void>
}

/** What an Env may say unasked. */
export interface EnvListener {
  /**
   * The database in `directory` belongs to somebody else now: the bridge refuses every further write
   * to its files with IOFenced and this message, those to `localNames` included. They are all that is in the
   * directory and below, but for other databases below, which go on.
   */
  fenced(directory: string, message: string): void
}

export interface FileAttributes {
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** How the bridge completes a directory fsync. */
export interface DirectorySync {
  /** The local directory to fsync too, or undefined when there is none. */
  readonly localPath: string | undefined
}

export type ReadableFile = LocalReadableFile | SparseFile | ServedReadableFile
export type WritableFile = LocalWritableFile | ServedWritableFile

export interface LocalReadableFile {
  readonly kind: 'local'
  readonly path: string
}

/** A file of a known size, of which any part can be made present in a local file on demand. */
export interface SparseFile {
  readonly kind: 'sparse'
  /** Bytes, of the whole file. It never changes. */
  readonly size: number
  /** Where its present parts are now; undefined when nothing is held locally. */
  location(): LocalCopy | undefined
  /**
   * Makes `[offset, offset + length)` readable, both already clamped to the file. Resolves with
   * where it is present, or with the bytes themselves when the Env would rather not keep them.
   */
  ensure(offset: number, length: number): Promise<LocalCopy | Uint8Array>
  /** The bridge no longer holds this copy open: the disk space of an evicted one is free now. */
  released(copy: LocalCopy): void
  /** Set by the host: called when the bridge is to let go of a copy. */
  onEvicted: ((copy: LocalCopy) => void) | undefined
  close(): void
}

/** One local incarnation of a sparse file. An evicted file that comes back is another incarnation. */
export interface LocalCopy {
  /** Grows by one with each incarnation of the file. */
  readonly generation: number
  readonly path: string
  /**
   * The chunk map, undefined when the whole file is present. See docs/wire-protocol.md for its
   * layout. Bits are only ever set during one incarnation, and only after the data is written.
   */
  readonly chunkMapPath: string | undefined
}

export interface ServedReadableFile {
  readonly kind: 'served'
  /** Shorter than `length` only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): void
}

export interface LocalWritableFile {
  readonly kind: 'local'
  readonly path: string
  /**
   * When given, `Sync` and `Fsync` first sync the local file, then wait for this. `RangeSync` does not: the file may
   * be half written then.
   * `size` is the length of the file in bytes at that time.
   */
  readonly synced?: (size: number) => Promise<void>
  /** When given, called after `Close`, which does not wait for it. */
  readonly sealed?: (size: number) => Promise<void>
}

export interface ServedWritableFile {
  readonly kind: 'served'
  append(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}
