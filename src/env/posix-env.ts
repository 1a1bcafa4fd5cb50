import { access, link, mkdir, readdir, rename, rmdir, stat, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectorySync, Env, FileAttributes, LocalReadableFile, LocalWritableFile } from './env.js'
import { EnvError, toEnvError } from './env-error.js'

/** The local file system: every path is that very path. For tests, and to see what the protocol costs. */
export class PosixEnv implements Env {
  readonly localNames = ['*.log', 'LOG*', '*.dbtmp', 'OPTIONS-*']
  readonly localLocks = true

  newSequentialFile(path: string): Promise<LocalReadableFile> {
    return openForReading(path)
  }

  newRandomAccessFile(path: string): Promise<LocalReadableFile> {
    return openForReading(path)
  }

  async newWritableFile(path: string): Promise<LocalWritableFile> {
    return { kind: 'local', path }
  }

  async reopenWritableFile(path: string): Promise<LocalWritableFile> {
    return { kind: 'local', path }
  }

  async fsyncDirectory(path: string): Promise<DirectorySync> {
    return { localPath: path }
  }

  async fileExists(path: string): Promise<void> {
    await told(access(path), `look for ${path}`)
  }

  async getChildren(path: string): Promise<readonly string[]> {
    return await told(readdir(path), `list ${path}`)
  }

  async getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]> {
    const names = await this.getChildren(path)
    const files = await Promise.all(
      names.map(async (name) => {
        const size = await this.getFileSize(join(path, name)).catch(undefinedIfNotFound)
        return size === undefined ? [] : [{ name, size }]
      }),
    )
    return files.flat()
  }

  async deleteFile(path: string): Promise<void> {
    await told(unlink(path), `delete ${path}`)
  }

  async createDirIfMissing(path: string): Promise<void> {
    try {
      await mkdir(path)
    } catch (error) {
      const exists = (error as NodeJS.ErrnoException).code === 'EEXIST' && (await this.isDirectory(path))
      if (!exists) throw toEnvError(error, `create directory ${path}`)
    }
  }

  async deleteDir(path: string): Promise<void> {
    await told(rmdir(path), `delete directory ${path}`)
  }

  async getFileSize(path: string): Promise<number> {
    const { size } = await told(stat(path), `get the size of ${path}`)
    return size
  }

  async getFileModificationTime(path: string): Promise<number> {
    const { mtimeMs } = await told(stat(path), `get the modification time of ${path}`)
    return Math.floor(mtimeMs / 1000)
  }

  async renameFile(source: string, target: string): Promise<void> {
    await told(rename(source, target), `rename ${source} to ${target}`)
  }

  async linkFile(source: string, target: string): Promise<void> {
    await told(link(source, target), `link ${source} to ${target}`)
  }

  // The local lock, taken by the bridge, is all that is needed.
  async lockFile(): Promise<void> {}

  async unlockFile(): Promise<void> {}

  async isDirectory(path: string): Promise<boolean> {
    const found = await told(stat(path), `look at ${path}`)
    return found.isDirectory()
  }

  async getFreeSpace(path: string): Promise<number> {
    const { bavail, bsize } = await told(statfs(path), `get the free space of ${path}`)
    return Math.min(bavail * bsize, Number.MAX_SAFE_INTEGER)
  }

  async close(): Promise<void> {}
}

export function createPosixEnv(): Env {
  return new PosixEnv()
}

async function openForReading(path: string): Promise<LocalReadableFile> {
  await told(access(path), `open ${path}`)
  return { kind: 'local', path }
}

async function told<T>(result: Promise<T>, operation: string): Promise<T> {
  try {
    return await result
  } catch (error) {
    throw toEnvError(error, operation)
  }
}

function undefinedIfNotFound(error: unknown): undefined {
  if (!EnvError.is(error, 'NotFound')) throw error
}
