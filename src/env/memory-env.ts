import { freemem } from 'node:os'
import { basename, dirname } from 'node:path/posix'
import type { DirectorySync, Env, FileAttributes, ServedReadableFile, ServedWritableFile } from './env.js'
import { EnvError } from './env-error.js'
import { MemoryFile } from './memory-file.js'

class MemoryDirectory {
  readonly kind = 'directory'
  readonly children = new Map<string, MemoryDirectory | MemoryFile>()
  readonly modifiedMs = Date.now()
}

type Node = MemoryDirectory | MemoryFile

/**
 * A file system in memory, gone with its host. Every byte is served over the socket, so this is also the smallest
 * complete example of a custom Env.
 */
export class MemoryEnv implements Env {
  readonly localNames = []
  readonly localLocks = false
  readonly #root = new MemoryDirectory()

  async newSequentialFile(path: string): Promise<ServedReadableFile> {
    return readable(this.#file(path))
  }

  async newRandomAccessFile(path: string): Promise<ServedReadableFile> {
    return readable(this.#file(path))
  }

  /** Replaces a file that was there before: readers that have it open keep the old one. */
  async newWritableFile(path: string): Promise<ServedWritableFile> {
    return writable(this.#create(path))
  }

  async reopenWritableFile(path: string): Promise<ServedWritableFile> {
    return writable(this.#find(path) === undefined ? this.#create(path) : this.#file(path))
  }

  async fsyncDirectory(): Promise<DirectorySync> {
    return { localPath: undefined }
  }

  async fileExists(path: string): Promise<void> {
    this.#node(path)
  }

  async getChildren(path: string): Promise<readonly string[]> {
    return [...this.#directory(path).children.keys()]
  }

  async getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]> {
    return [...this.#directory(path).children].map(([name, node]) => ({ name, size: sizeOf(node) }))
  }

  async deleteFile(path: string): Promise<void> {
    this.#file(path)
    this.#parent(path).children.delete(basename(path))
  }

  /** Also creates missing parents: nobody could have made `/tmp` here beforehand. */
  async createDirIfMissing(path: string): Promise<void> {
    let directory = this.#root
    for (const name of namesOf(path)) {
      const child = directory.children.get(name) ?? new MemoryDirectory()
      if (child.kind === 'file') throw new EnvError('IOError', `create directory ${path}: ${name} is a file`)
      directory.children.set(name, child)
      directory = child
    }
  }

  async deleteDir(path: string): Promise<void> {
    if (this.#directory(path).children.size > 0)
      throw new EnvError('IOError', `delete directory ${path}: it is not empty`)
    this.#parent(path).children.delete(basename(path))
  }

  async getFileSize(path: string): Promise<number> {
    return sizeOf(this.#node(path))
  }

  async getFileModificationTime(path: string): Promise<number> {
    return Math.floor(this.#node(path).modifiedMs / 1000)
  }

  async renameFile(source: string, target: string): Promise<void> {
    const node = this.#node(source)
    if (`${target}/`.startsWith(`${source}/`)) {
      if (source === target) return
      throw new EnvError('InvalidArgument', `rename ${source}: ${target} lies within it`)
    }
    const replaced = this.#find(target)
    if (replaced?.kind === 'directory' && (node.kind === 'file' || replaced.children.size > 0))
      throw new EnvError('IOError', `rename ${source}: ${target} is a directory`)
    this.#parent(target).children.set(basename(target), node)
    this.#parent(source).children.delete(basename(source))
  }

  async linkFile(source: string, target: string): Promise<void> {
    const file = this.#file(source)
    if (this.#find(target) !== undefined) throw new EnvError('IOError', `link ${source}: ${target} exists`)
    this.#parent(target).children.set(basename(target), file)
  }

  /** There can be no lock beyond this host; what remains is the file that RocksDB expects. */
  async lockFile(path: string): Promise<void> {
    if (this.#find(path) === undefined) this.#create(path)
  }

  async unlockFile(): Promise<void> {}

  async isDirectory(path: string): Promise<boolean> {
    return this.#node(path).kind === 'directory'
  }

  async getFreeSpace(): Promise<number> {
    return freemem()
  }

  async close(): Promise<void> {
    this.#root.children.clear()
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of namesOf(path)) node = node?.kind === 'directory' ? node.children.get(name) : undefined
    return node
  }

  #node(path: string): Node {
    const node = this.#find(path)
    if (node === undefined) throw new EnvError('NotFound', `${path}: no such file or directory`)
    return node
  }

  #file(path: string): MemoryFile {
    const node = this.#node(path)
    if (node.kind !== 'file') throw new EnvError('IOError', `${path} is a directory`)
    return node
  }

  #directory(path: string): MemoryDirectory {
    const node = this.#find(path)
    if (node?.kind !== 'directory') throw new EnvError('NotFound', `${path}: no such directory`)
    return node
  }

  #parent(path: string): MemoryDirectory {
    return this.#directory(dirname(path))
  }

  #create(path: string): MemoryFile {
    if (this.#find(path)?.kind === 'directory') throw new EnvError('IOError', `${path} is a directory`)
    const file = new MemoryFile()
    this.#parent(path).children.set(basename(path), file)
    return file
  }
}

export function createMemoryEnv(): Env {
  return new MemoryEnv()
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

function sizeOf(node: Node): number {
  return node.kind === 'file' ? node.size : 0
}

function readable(file: MemoryFile): ServedReadableFile {
  return {
    kind: 'served',
    read: async (offset, length) => file.read(offset, length),
    close() {},
  }
}

function writable(file: MemoryFile): ServedWritableFile {
  return {
    kind: 'served',
    append: async (bytes) => file.append(bytes),
    sync: async () => {},
    truncate: async (size) => file.truncate(size),
    close: async () => {},
  }
}
