import { access, link, mkdir, readdir, rename, rmdir, stat, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectorySync, Env, FileAttributes, LocalReadableFile, LocalWritableFile } from './env.js'
import { EnvError, toEnvError } from './env-error.js'

/** The local file system: every path stands for itself. For tests, and to measure the cost of the protocol. */
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
    await asEnvError(access(path), `look for ${path}`)
  }

  async getChildren(path: string): Promise<readonly string[]> {
    return await asEnvError(readdir(path), `list ${path}`)
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
    await asEnvError(unlink(path), `delete ${path}`)
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
    await asEnvError(rmdir(path), `delete directory ${path}`)
  }

  async getFileSize(path: string): Promise<number> {
    const { size } = await asEnvError(stat(path), `get the size of ${path}`)
    return size
  }

  async getFileModificationTime(path: string): Promise<number> {
    const { mtimeMs } = await asEnvError(stat(path), `get the modification time of ${path}`)
    return Math.floor(mtimeMs / 1000)
  }

  async renameFile(source: string, target: string): Promise<void> {
    await asEnvError(rename(source, target), `rename ${source} to ${target}`)
  }

  async linkFile(source: string, target: string): Promise<void> {
    await asEnvError(link(source, target), `link ${source} to ${target}`)
  }

  // The local lock, which the bridge takes, is all that is needed.
  async lockFile(): Promise<void> {}

  async unlockFile(): Promise<void> {}

  async isDirectory(path: string): Promise<boolean> {
    const found = await asEnvError(stat(path), `look at ${path}`)
    return found.isDirectory()
  }

  async getFreeSpace(path: string): Promise<number> {
    const { bavail, bsize } = await asEnvError(statfs(path), `get the free space of ${path}`)
    return Math.min(bavail * bsize, Number.MAX_SAFE_INTEGER)
  }

  async close(): Promise<void> {}
}

export function createPosixEnv(): Env {
  return new PosixEnv()
}

async function openForReading(path: string): Promise<LocalReadableFile> {
  await asEnvError(access(path), `open ${path}`)
  return { kind: 'local', path }
}

async function asEnvError<T>(result: Promise<T>, operation: string): Promise<T> {
  try {
    return await result
  } catch (error) {
    throw toEnvError(error, operation)
  }
}

function undefinedIfNotFound(error: unknown): undefined {
  if (!EnvError.is(error, 'NotFound')) throw error
}
