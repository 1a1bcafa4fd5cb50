import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readBootId } from '../cloud/boot-id.js'
import { bootName, removeAbandonedDirectories, socketName } from './abandoned-directories.js'

/** `sun_path` of a socket address: 108 bytes on Linux, 104 on macOS, the terminating zero included. */
export const maxSocketPathBytes = 103

const directories = new Set<string>()

/** A fresh directory that only this user may enter, removed by {@link removeSocketDirectory} or as the process exits. */
export interface SocketDirectory {
  readonly path: string
  readonly socketPath: string
}

export function makeSocketDirectory(parents: readonly string[] = [tmpdir(), '/tmp']): SocketDirectory {
  const name = 'cloudenv-'
  // mkdtemp appends six characters, and gives the directory mode 0700.
  const parent = parents.find(
    (parent) => Buffer.byteLength(join(parent, `${name}XXXXXX`, socketName)) <= maxSocketPathBytes,
  )
  if (parent === undefined)
    throw new RangeError(
      `expected a temporary directory with a path short enough for a socket, got ${parents.join(', ')}`,
    )
  const path = mkdtempSync(join(parent, name))
  if (directories.size === 0) process.once('exit', removeAll)
  directories.add(path)
  writeFileSync(join(path, bootName), readBootId())
  // Nobody waits for that, and nobody is the worse if it fails.
  void removeAbandonedDirectories(parent).catch(() => undefined)
  return { path, socketPath: join(path, socketName) }
}

export function removeSocketDirectory({ path }: SocketDirectory): void {
  rmSync(path, { recursive: true, force: true })
  directories.delete(path)
  if (directories.size === 0) process.off('exit', removeAll)
}

function removeAll(): void {
  for (const path of directories) rmSync(path, { recursive: true, force: true })
}
