import { lstat, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readBootId } from '../env/boot-id.js'
import { isDeadSocket } from './dead-socket.js'

/** Name of the socket in the directory of a host. */
export const socketName = 'env.sock'
/**
 * File beside the socket that names its machine's boot. Only in that boot does a refused connection mean no listener.
 */
export const bootName = 'boot'

/** A host listens within moments of creating its directory. */
const minAgeMs = 60_000
/** A directory without a socket may belong to a host that is still opening its Env. */
const minAgeWithoutSocketMs = 24 * 60 * 60 * 1000
/** Bounds the time of one start. The other directories have their turn once these are gone. */
const maxLooks = 200

/** Removes the directories that killed hosts of this user have left in `parent`. */
export async function removeAbandonedDirectories(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter(isHostName)
  for (const name of names.slice(0, maxLooks)) {
    const directory = join(parent, name)
    // A directory that can't be examined, or that goes away meanwhile, is somebody else's to remove.
    if (await isAbandoned(directory).catch(() => false)) await remove(directory).catch(() => undefined)
  }
}

function isHostName(name: string): boolean {
  return /^cloudenv-[A-Za-z0-9]{6}$/.test(name)
}

/** A host's directory inside another's belongs to a process that the outer one watches: both were killed then. */
async function isAbandoned(directory: string): Promise<boolean> {
  const stats = await lstat(directory)
  const ageMs = Date.now() - stats.mtimeMs
  if (!stats.isDirectory() || stats.uid !== process.getuid?.() || ageMs < minAgeMs) return false
  const names = await readdir(directory)
  if (names.some((name) => name !== socketName && name !== bootName && !isHostName(name))) return false
  if ((await readFile(join(directory, bootName), 'utf8')) !== readBootId()) return false
  const inner = names.filter(isHostName)
  for (const name of inner) if (!(await isAbandoned(join(directory, name)))) return false
  if (inner.length > 0) return true
  if (!names.includes(socketName)) return ageMs > minAgeWithoutSocketMs
  return isDeadSocket(join(directory, socketName))
}

/** Removes only what was examined: anything that somebody adds meanwhile keeps the directory. */
async function remove(directory: string): Promise<void> {
  for (const name of (await readdir(directory)).filter(isHostName)) {
    const inner = join(directory, name)
    if (!(await isAbandoned(inner))) return
    await remove(inner)
  }
  for (const name of [socketName, bootName]) await rm(join(directory, name), { force: true })
  await rmdir(directory)
}
