import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readBootId } from '../env/boot-id.js'
import { EnvError } from '../env/env-error.js'
import { bootName, removeAbandonedDirectories, socketName } from './abandoned-directories.js'

/** `sun_path` of a socket address: 108 bytes on Linux, 104 on macOS, including the terminating zero. */
export const maxSocketPathBytes = 103

const directories = new Set<string>()

/** A fresh directory that only this user may enter, removed by {@link removeSocketDirectory} or as the process exits. */
export interface SocketDirectory {
  readonly path: string
  readonly socketPath: string
}

/**
 * @throws EnvError if no parent will do; the message says why each one fails, and how to fix that.
 */
export function makeSocketDirectory(parents: readonly string[] = usualParents()): SocketDirectory {
  const { path, parent } = makeTemporaryDirectory(parents)
  if (directories.size === 0) process.once('exit', removeAll)
  directories.add(path)
  writeFileSync(join(path, bootName), readBootId())
  // Nobody waits for this, and nothing depends on its success.
  void removeAbandonedDirectories(parent).catch(() => undefined)
  return { path, socketPath: join(path, socketName) }
}

/** A container with a read-only file system has a writable `/dev/shm`. */
function usualParents(): string[] {
  const { XDG_RUNTIME_DIR } = process.env
  return [...new Set([tmpdir(), '/tmp', ...(XDG_RUNTIME_DIR ? [XDG_RUNTIME_DIR] : []), '/dev/shm'])]
}

/** Creates it in the first parent that accepts it. mkdtemp appends six characters, and sets mode 0700. */
function makeTemporaryDirectory(parents: readonly string[]): {
  readonly path: string
  readonly parent: string
} {
  const refusals: string[] = []
  for (const parent of parents) {
    const prefix = join(parent, 'cloudenv-')
    if (Buffer.byteLength(join(`${prefix}XXXXXX`, socketName)) > maxSocketPathBytes) {
      refusals.push(`${parent} (its path is too long for a socket)`)
      continue
    }
    try {
      return { path: mkdtempSync(prefix), parent }
    } catch (error) {
      refusals.push(`${parent} (${(error as NodeJS.ErrnoException).code})`)
    }
  }
  throw new EnvError(
    'IOError',
    `can't make a directory for the socket of the Env in ${refusals.join(', ')}. Set TMPDIR to a directory that can be ` +
      'written and has a short path',
  )
}

export function removeSocketDirectory({ path }: SocketDirectory): void {
  rmSync(path, { recursive: true, force: true })
  directories.delete(path)
  if (directories.size === 0) process.off('exit', removeAll)
}

function removeAll(): void {
  for (const path of directories) rmSync(path, { recursive: true, force: true })
}
