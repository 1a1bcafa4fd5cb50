import type { StateSelector } from './state-selector.js'
import type { WarmUpOptions, WarmUpResult } from './warm-up.js'

/**
 * The Env contract: what RocksDB asks of a file system, as TypeScript.
 *
 * It mirrors `FileSystem` of rocksdb/file_system.h in camelCase, with promises instead of out-parameters. An Env
 * decides; it seldom moves bytes. A file that it opens is one of three things:
 *
 * - **local**: a path. The bridge (native/bridge) opens it with RocksDB's own POSIX files; the Env
 *   hears of the events that it gave callbacks for.
 * - **sparse**: a local file of which only some chunks are present, and {@link SparseFile.ensure} to have the rest
 *   fetched.
 * - **served**: bytes answered by the Env itself, over the socket. A small Env needs nothing else.
 *
 * Paths are absolute, normalized by the bridge (no `.`, `..`, doubled or trailing slash). Calls come
 * concurrently; calls from one RocksDB thread come in the order in which it made them. A method
 * that fails rejects with an {@link EnvError}; anything else thrown reaches RocksDB as an IOError.
 */
export interface Env {
  /**
   * Base names that never need a decision, as globs with at most one `*` (`*.log`, `LOG*`). The bridge serves them from
   * the local file system without asking: opening, sizes, deletion, and renames if both names match. This keeps the
   * write-ahead log off the socket. Where no database is locked, the bridge still asks before writing and deletion.
   */
  readonly localNames: readonly string[]

  /**
   * True if the bridge must take a local lock on the LOCK file before it calls {@link lockFile}, so that two processes
   * on one directory exclude each other whatever the Env does.
   */
  readonly localLocks: boolean

  /** Called once, before any other method. Gives the Env a way to send messages to its host unasked. */
  attach?(listener: EnvListener): void

  newSequentialFile(path: string): Promise<ReadableFile>
  newRandomAccessFile(path: string): Promise<ReadableFile>
  /** Creates the file, or truncates an existing one. */
  newWritableFile(path: string): Promise<WritableFile>
  /** Opens for appending; creates the file if it is missing. */
  reopenWritableFile(path: string): Promise<WritableFile>

  /** Resolves once everything written below `path` is as durable as the Env promises. */
  fsyncDirectory(path: string): Promise<DirectorySync>

  /** Resolves if the file or directory exists, rejects with NotFound otherwise. */
  fileExists(path: string): Promise<void>
  /** Base names, without `.` and `..`. NotFound if there is no such directory. */
  getChildren(path: string): Promise<readonly string[]>
  getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]>
  deleteFile(path: string): Promise<void>
  createDirIfMissing(path: string): Promise<void>
  deleteDir(path: string): Promise<void>
  /** File size in bytes. */
  getFileSize(path: string): Promise<number>
  /** Modification time in seconds since 1970. */
  getFileModificationTime(path: string): Promise<number>
  /** Renames a file and replaces an existing target. */
  renameFile(source: string, target: string): Promise<void>
  linkFile(source: string, target: string): Promise<void>
  /**
   * RocksDB calls it when, and only when, it opens a database for writing. The host itself refuses a lock that one of
   * its connections holds; the Env answers for everybody beyond this host.
   */
  lockFile(path: string): Promise<void>
  /**
   * Also called if the process that held the lock went away without a word. The lock is free afterwards, even if this
   * rejects because something could not be finished.
   */
  unlockFile(path: string): Promise<void>
  isDirectory(path: string): Promise<boolean>
  /** Free space in bytes. */
  getFreeSpace(path: string): Promise<number>
  /**
   * A write of `bytes` to the local file at `path` found no space. Resolves with whether something was freed on that
   * disk: the write is tried again, and asks again if that fails. With false, it is tried for the last time. Without this
   * method nothing is ever freed.
   */
  makeRoom?(path: string, bytes: number): Promise<boolean>

  /**
   * Somebody can't wait any longer: work for the database in `directory`, or for all of them, that waits for something
   * far away fails now, with a retryable error. Called again and again while there is any.
   */
  abandon?(directory?: string): void

  /**
   * RocksDB found damage in what it read of a readable file: for the next read, the Env has to look for other bytes
   * beyond those that it holds locally. An Env that holds nothing, or has no other source, omits this method.
   * @param path of the file; of CURRENT if it is unknown which file of a database is damaged.
   * @param length bytes from `offset` on; 0 if it is unknown where in the file the damage is.
   * @param ageMs how long ago the read began. Bytes fetched again since then need not be fetched once more.
   */
  refetch?(path: string, offset: number, length: number, ageMs: number): Promise<Refetched>

  /**
   * Directory under which a state that the database in `directory` had can be opened read-only, until as many calls of
   * {@link releaseState}. An Env without past states omits both methods.
   */
  stateAt?(directory: string, at: StateSelector): Promise<string>
  /** The database opened in that directory was closed. @param path as {@link stateAt} returned it. */
  releaseState?(path: string): void

  /**
   * Fetches the selected files of the database in `directory` into a local cache, ahead of reads. Ends with the signal,
   * and when the database or the Env is closed: nothing goes on once the promise has settled. An Env without a cache
   * omits this method.
   */
  warmUp?(directory: string, options: WarmUpOptions): Promise<WarmUpResult>

  /** The Env's metrics for people to look at: any value that can be structured-cloned. */
  metrics?(): unknown

  /**
   * From now on somebody wants to hear of these events, by their names, and of no others: of none if there are no
   * names. An Env calls `send` with several events at a time where it can, as each call is a message to another thread,
   * and not at all for events that nobody wants.
   */
  listen?(names: readonly string[], send: SendEvents): void

  /** Finishes the work under way and frees everything held. No call follows. */
  close(): Promise<void>
}

/** Something that happened in an Env. */
export interface EnvEvent {
  readonly name: string
  /** Any value that can be structured-cloned. */
  readonly value: unknown
}

export type SendEvents = (events: readonly EnvEvent[]) => void

/** Messages that an Env may send unasked. */
export interface EnvListener {
  /**
   * The database in `directory` belongs to somebody else now: the bridge refuses every further write to its files with
   * IOFenced and this message, including writes to `localNames`. Its files are all those in the directory and below,
   * except those of other databases below, which go on.
   */
  fenced(directory: string, message: string): void
}

export interface Refetched {
  /** True if the bytes are known to differ from those held before. */
  readonly isOther: boolean
  /** Sentence for the error message if the next read finds the same damage; empty for none. */
  readonly advice: string
}

export interface FileAttributes {
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** How the bridge completes a directory fsync. */
export interface DirectorySync {
  /** Local directory to fsync too; undefined if there is none. */
  readonly localPath: string | undefined
}

export type ReadableFile = LocalReadableFile | SparseFile | ServedReadableFile
export type WritableFile = LocalWritableFile | ServedWritableFile

export interface LocalReadableFile {
  readonly kind: 'local'
  readonly path: string
}

/** A file of a known size, any part of which can be made present in a local file on demand. */
export interface SparseFile {
  readonly kind: 'sparse'
  /** Size in bytes of the whole file. It never changes. */
  readonly size: number
  /** Location of the parts that are present now; undefined if nothing is held locally. */
  location(): LocalCopy | undefined
  /**
   * Makes `[offset, offset + length)` readable, both already clamped to the file. Resolves with its location, or with
   * the bytes themselves if the Env would rather not keep them.
   */
  ensure(offset: number, length: number): Promise<LocalCopy | Uint8Array>
  /** The bridge no longer holds this copy open: the disk space of an evicted one is free now. */
  released(copy: LocalCopy): void
  /** Set by the host: called when the bridge has to let go of a copy. */
  onEvicted: ((copy: LocalCopy) => void) | undefined
  close(): void
}

/** One local incarnation of a sparse file. An evicted file that comes back is another incarnation. */
export interface LocalCopy {
  /** Grows by one with each incarnation of the file. */
  readonly generation: number
  readonly path: string
  /**
   * The chunk map; undefined if the whole file is present. See docs/wire-protocol.md for its layout. A bit is set after
   * the data is written, and cleared before it is taken out.
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
   * If given, `Sync` and `Fsync` first sync the local file, then wait for this. `RangeSync` does not: the file may be
   * half written then. `size` is the length of the file in bytes at that time.
   */
  readonly synced?: (size: number) => Promise<void>
  /** If given, called after `Close`, which does not wait for it. */
  readonly sealed?: (size: number) => Promise<void>
}

export interface ServedWritableFile {
  readonly kind: 'served'
  append(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}
