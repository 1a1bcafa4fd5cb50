import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { type FileLock, lockFile } from '../env/file-lock.js'
import { lockName, removeAbandonedDirectories, socketName } from './abandoned-directories.js'

/** `sun_path` of a socket address: 108 bytes on Linux, 104 on macOS, including the terminating zero. */
export const maxSocketPathBytes = 103

/** Those of this process, each with the lock that says so. */
const directories = new Map<string, FileLock>()

/** A fresh directory that only this user may enter, removed by {@link removeSocketDirectory} or as the process exits. */
export interface SocketDirectory {
  readonly path: string
  readonly socketPath: string
}

/**
 * @throws EnvError if no parent will do; the message says why each one fails, and how to fix that.
 */
export async function makeSocketDirectory(
  parents: readonly string[] = usualParents(),
): Promise<SocketDirectory> {
  const { path, parent, lock } = await makeLockedDirectory(parents)
  if (directories.size === 0) process.once('exit', removeAll)
  directories.set(path, lock)
  // Nobody waits for this, and nothing depends on its success.
  void removeAbandonedDirectories(parent).catch(() => undefined)
  return { path, socketPath: join(path, socketName) }
}

/** A container with a read-only file system has a writable `/dev/shm`. */
function usualParents(): string[] {
  const { XDG_RUNTIME_DIR } = process.env
  return [...new Set([tmpdir(), '/tmp', ...(XDG_RUNTIME_DIR ? [XDG_RUNTIME_DIR] : []), '/dev/shm'])]
}

interface LockedDirectory {
  readonly path: string
  readonly lock: FileLock
}

/** Creates it in the first parent that accepts it. */
async function makeLockedDirectory(
  parents: readonly string[],
): Promise<LockedDirectory & { readonly parent: string }> {
  const refusals: string[] = []
  for (const parent of parents) {
    const prefix = join(parent, 'cloudenv-')
    if (Buffer.byteLength(join(`${prefix}XXXXXX`, socketName)) > maxSocketPathBytes) {
      refusals.push(`${parent} (its path is too long for a socket)`)
      continue
    }
    try {
      return { ...(await makeLocked(prefix)), parent }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      refusals.push(`${parent} (${code})`)
    }
  }
  throw new EnvError(
    'IOError',
    `can't make a directory for the socket of the Env in ${refusals.join(', ')}. Set TMPDIR to a directory that can be ` +
      'written and has a short path',
  )
}

/** mkdtemp appends six characters, and sets mode 0700. */
async function makeLocked(prefix: string): Promise<LockedDirectory> {
  const path = await mkdtemp(prefix)
  try {
    const lock = await lockFile(join(path, lockName))
    if (lock === undefined) throw new EnvError('Busy', `somebody else has locked ${path}`)
    return { path, lock }
  } catch (error) {
    rmSync(path, { recursive: true, force: true })
    throw error
  }
}

export async function removeSocketDirectory({ path }: SocketDirectory): Promise<void> {
  rmSync(path, { recursive: true, force: true })
  const lock = directories.get(path)
  directories.delete(path)
  if (directories.size === 0) process.off('exit', removeAll)
  await lock?.close()
}

function removeAll(): void {
  for (const path of directories.keys()) rmSync(path, { recursive: true, force: true })
}
