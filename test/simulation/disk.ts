// A local disk in memory, which forgets what was not synced when its machine loses power.
import { dirname, join } from 'node:path'
import type { FileLock } from '#src/env/file-lock.js'
import type { FileStats, FileSystemStats, Files, OpenFile, OpenFlags } from '#src/env/files.js'
import type { Life, Scheduler } from './scheduler.js'

class Inode {
  bytes: Buffer = Buffer.alloc(0)
  synced: Buffer = Buffer.alloc(0)
  modifiedMs = 0
}

type Entry = Inode | 'directory'

const space: FileSystemStats = { blocks: 2 ** 28, bavail: 2 ** 27, bsize: 4096 }

export class Disk {
  readonly #scheduler: Scheduler
  /** Told of each change, in order. */
  readonly #trace: (line: string) => void
  #entries = new Map<string, Entry>([['/', 'directory']])
  /** Names as a directory's last sync left them. */
  #syncedEntries = new Map<string, Entry>()
  /** The kernel's locks. They are of a process, and end with it. */
  readonly #locks = new Map<Entry, Life>()

  constructor(scheduler: Scheduler, trace: (line: string) => void = () => {}) {
    this.#scheduler = scheduler
    this.#trace = trace
  }

  /** Loses power: names and bytes that were not synced may be gone, or there in part. */
  crash(): void {
    const { random } = this.#scheduler
    // All or none: a journal keeps the order of names, and a rename between directories is one change.
    const losesNames = random.chance(0.5)
    const entries = new Map<string, Entry>()
    for (const [path, entry] of this.#entries)
      if (entry === 'directory' || !losesNames) entries.set(path, entry)
    if (losesNames) for (const [path, entry] of this.#syncedEntries) entries.set(path, entry)
    for (const entry of new Set(entries.values())) {
      if (entry === 'directory') continue
      const { bytes, synced } = entry
      // An append may have reached the disk in part.
      const isAppend = bytes.length > synced.length && bytes.subarray(0, synced.length).equals(synced)
      const kept = isAppend ? random.below(bytes.length - synced.length + 1) : 0
      entry.bytes = Buffer.from(isAppend ? bytes.subarray(0, synced.length + kept) : synced)
    }
    this.#entries = entries
  }

  /** Paths of all files. */
  paths(): string[] {
    return [...this.#entries.keys()].filter((path) => this.#entries.get(path) !== 'directory')
  }

  /** The bytes of a file, without anybody's turn: what the kernel has for a reader. */
  peek(path: string): Buffer | undefined {
    const entry = this.#entries.get(path)
    return entry === undefined || entry === 'directory' ? undefined : entry.bytes
  }

  /** The file system as a process sees it. */
  files(life: Life): Files {
    /** One call: it takes effect in its turn, at once. */
    const call = async <T>(perform: () => T): Promise<T> => {
      await this.#scheduler.turn(life)
      return perform()
    }
    const note = (line: string) => this.#trace(line)
    const files: Files = {
      access: (path) => call(() => void this.#entry(path)),
      holePuncher: async () => async (path, holes) => {
        const { bytes } = this.#file(path)
        for (const { offset, length } of holes) bytes.fill(0, offset, offset + length)
      },
      link: (existing, path) =>
        call(() => {
          if (this.#entries.has(path)) throw failure('EEXIST', path)
          note(`link ${existing} → ${path}`)
          this.#entries.set(path, this.#file(existing))
        }),
      lock: (path) => call(() => this.#lock(path, life)),
      lstat: (path) => call(() => this.#stats(path)),
      mkdir: (path) => call(() => this.#mkdir(path)),
      open: (path, flags) => call(() => this.#open(path, flags, call)),
      readdir: (path) => call(() => this.#names(path)),
      readTree: (path) =>
        call(() =>
          [...this.#entries.keys()]
            .filter((other) => other.startsWith(`${path}/`) && this.#entries.get(other) !== 'directory')
            .map((other) => ({ path: other, kind: 'file' as const })),
        ),
      readFile: (path) => call(() => Buffer.from(this.#file(path).bytes)),
      rename: (source, target) =>
        call(() => {
          const entry = this.#entry(source)
          note(`rename ${source} → ${target}`)
          if (entry === 'directory') throw failure('EISDIR', source)
          this.#entries.delete(source)
          this.#entries.set(target, entry)
        }),
      rm: (path, { force = false, recursive = false } = {}) =>
        call(() => {
          if (!this.#entries.has(path) && force) return
          const entry = this.#entry(path)
          if (entry === 'directory' && !recursive) throw failure('EISDIR', path)
          note(`remove ${path}`)
          for (const other of [...this.#entries.keys()])
            if (other === path || other.startsWith(`${path}/`)) this.#entries.delete(other)
        }),
      rmdir: (path) =>
        call(() => {
          if (this.#names(path).length > 0) throw failure('ENOTEMPTY', path)
          note(`remove ${path}`)
          this.#entries.delete(path)
          this.#syncedEntries.delete(path)
        }),
      stat: (path) => call(() => this.#stats(path)),
      statfs: (path) =>
        call(() => {
          this.#entry(path)
          return space
        }),
      writeFile: (path, content) =>
        call(() => {
          note(`write ${path}`)
          this.#create(path).bytes = Buffer.from(content as Uint8Array)
        }),
      sync: {
        mkdir: (path) => void this.#mkdir(path),
        statfs: () => space,
        writeFile: (path, content) => {
          note(`write ${path}`)
          this.#create(path).bytes = Buffer.from(content)
        },
        read: (path, position, length) =>
          Buffer.from(this.#file(path).bytes.subarray(position, position + length)),
        write: (path, ...pieces) => {
          const { bytes: file } = this.#file(path)
          for (const { position, bytes } of pieces) file.set(bytes, position)
        },
      },
    }
    return files
  }

  #entry(path: string): Entry {
    const entry = this.#entries.get(path)
    if (entry === undefined) throw failure('ENOENT', path)
    return entry
  }

  #file(path: string): Inode {
    const entry = this.#entry(path)
    if (entry === 'directory') throw failure('EISDIR', path)
    return entry
  }

  #create(path: string): Inode {
    if (this.#entry(dirname(path)) !== 'directory') throw failure('ENOTDIR', path)
    const known = this.#entries.get(path)
    if (known === 'directory') throw failure('EISDIR', path)
    const inode = known ?? new Inode()
    inode.modifiedMs = this.#scheduler.nowMs
    this.#entries.set(path, inode)
    return inode
  }

  #lock(path: string, life: Life): FileLock | undefined {
    const inode = this.#create(path)
    if (this.#locks.get(inode)?.isOver === false) return undefined
    this.#trace(`lock ${path}`)
    this.#locks.set(inode, life)
    return { close: async () => void this.#locks.delete(inode) }
  }

  #names(path: string): string[] {
    if (this.#entry(path) !== 'directory') throw failure('ENOTDIR', path)
    const start = path === '/' ? '/' : `${path}/`
    return [...this.#entries.keys()]
      .filter((other) => other !== '/' && other.startsWith(start) && !other.includes('/', start.length))
      .map((other) => other.slice(start.length))
      .sort()
  }

  #stats(path: string): FileStats {
    const entry = this.#entry(path)
    const isDirectory = entry === 'directory'
    const ms = isDirectory ? 0 : entry.modifiedMs
    return {
      size: isDirectory ? 0 : entry.bytes.length,
      dev: 1,
      mtime: new Date(ms),
      mtimeMs: ms,
      atimeMs: ms,
      isDirectory: () => isDirectory,
      isFile: () => !isDirectory,
      isSymbolicLink: () => false,
    }
  }

  #mkdir(path: string): string | undefined {
    if (this.#entries.get(path) === 'directory') return undefined
    if (this.#entries.has(path)) throw failure('EEXIST', path)
    const first = this.#mkdir(dirname(path)) ?? path
    this.#entries.set(path, 'directory')
    this.#syncedEntries.set(path, 'directory')
    return first
  }

  #open(path: string, flags: OpenFlags, call: <T>(perform: () => T) => Promise<T>): OpenFile {
    if (flags === 'r' && this.#entries.get(path) === 'directory') return this.#openDirectory(path, call)
    if (flags.startsWith('wx') && this.#entries.has(path)) throw failure('EEXIST', path)
    const inode = flags.startsWith('r') ? this.#file(path) : this.#create(path)
    if (flags === 'w') inode.bytes = Buffer.alloc(0)
    const write = (bytes: Uint8Array, position: number) => {
      this.#trace(`write ${path}`)
      const grown = Buffer.alloc(Math.max(inode.bytes.length, position + bytes.length))
      inode.bytes.copy(grown)
      grown.set(bytes, position)
      inode.bytes = grown
      inode.modifiedMs = this.#scheduler.nowMs
    }
    return {
      close: async () => {},
      read: (buffer, offset, length, position) =>
        call(() => {
          const found = inode.bytes.subarray(position, position + length)
          buffer.set(found, offset)
          return { bytesRead: found.length }
        }),
      sync: () =>
        call(() => {
          this.#trace(`sync ${path}`)
          inode.synced = Buffer.from(inode.bytes)
        }),
      truncate: (size) =>
        call(() => {
          const resized = Buffer.alloc(size)
          inode.bytes.copy(resized)
          inode.bytes = resized
        }),
      write: (buffer, offset, length, position) =>
        call(() => {
          write(buffer.subarray(offset, offset + length), position)
          return { bytesWritten: length }
        }),
      writeFile: (content) => call(() => write(Buffer.from(content as Uint8Array), 0)),
    }
  }

  #openDirectory(path: string, call: <T>(perform: () => T) => Promise<T>): OpenFile {
    const none = () => Promise.reject(failure('EISDIR', path))
    const sync = () => {
      this.#trace(`sync ${path}`)
      for (const other of [...this.#syncedEntries.keys()])
        if (dirname(other) === path && this.#syncedEntries.get(other) !== 'directory')
          this.#syncedEntries.delete(other)
      for (const name of this.#names(path)) {
        const entry = this.#entries.get(join(path, name))!
        this.#syncedEntries.set(join(path, name), entry)
      }
    }
    return {
      close: async () => {},
      sync: () => call(sync),
      read: none,
      write: none,
      writeFile: none,
      truncate: none,
    }
  }
}

function failure(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
