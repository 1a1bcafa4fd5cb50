import { lstat, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile } from '../env/file-lock.js'

/** Name of the socket in the directory of a host. */
export const socketName = 'env.sock'
/** File beside the socket, which the host's process has locked for as long as it lives. */
export const lockName = 'lock'

/** A host takes the lock within moments of creating its directory. */
const minAgeMs = 60_000
/** Bounds the time of one start. The other directories have their turn once these are gone. */
const maxLooks = 200

/** Removes the directories that killed hosts of this user have left in `parent`. */
export async function removeAbandonedDirectories(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter(isHostName)
  for (const name of names.slice(0, maxLooks)) {
    // A directory that can't be examined, or that goes away meanwhile, is somebody else's to remove.
    await removeIfAbandoned(join(parent, name)).catch(() => false)
  }
}

function isHostName(name: string): boolean {
  return /^cloudenv-[A-Za-z0-9]{6}$/.test(name)
}

/**
 * Removes only what was examined: anything that somebody adds meanwhile keeps the directory. A host's directory inside
 * another's belongs to a process that the outer one watches, and may outlive it.
 * @returns whether it was abandoned.
 */
async function removeIfAbandoned(directory: string): Promise<boolean> {
  const stats = await lstat(directory)
  const isYoung = Date.now() - stats.mtimeMs < minAgeMs
  if (!stats.isDirectory() || stats.uid !== process.getuid?.() || isYoung) return false
  const names = await readdir(directory)
  if (!names.includes(lockName)) return false
  if (names.some((name) => name !== socketName && name !== lockName && !isHostName(name))) return false
  const lock = await lockFile(join(directory, lockName))
  if (lock === undefined) return false
  try {
    for (const name of names.filter(isHostName))
      if (!(await removeIfAbandoned(join(directory, name)))) return false
    for (const name of [socketName, lockName]) await rm(join(directory, name), { force: true })
    await rmdir(directory)
    return true
  } finally {
    await lock.close()
  }
}
