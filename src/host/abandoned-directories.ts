import { once } from 'node:events'
import { lstat, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { readBootId } from '../cloud/boot-id.js'

/** In the directory of a host. */
export const socketName = 'env.sock'
/** Beside the socket: which boot of which machine it is of. Only there does a refused connection say that nobody listens. */
export const bootName = 'boot'

/** A host listens within moments of making its directory. */
const minAgeMs = 60_000
/** One that has no socket may belong to a host that is still opening its Env. */
const minAgeWithoutSocketMs = 24 * 60 * 60 * 1000
/** At one start, lest it take long. Others have their turn once these are gone. */
const maxLooks = 200

/** Removes the directories that hosts of this user, which were killed, have left in `parent`. */
export async function removeAbandonedDirectories(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter(isHostName)
  for (const name of names.slice(0, maxLooks)) {
    const directory = join(parent, name)
    // What can't be looked at or goes away meanwhile is somebody else's to remove.
    if (await isAbandoned(directory).catch(() => false)) await remove(directory).catch(() => undefined)
  }
}

function isHostName(name: string): boolean {
  return /^cloudenv-[A-Za-z0-9]{6}$/.test(name)
}

/** Directories of a host of ours in another's belong to a process that it watches over: both were killed then. */
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
  return names.includes(socketName) ? isRefused(join(directory, socketName)) : ageMs > minAgeWithoutSocketMs
}

async function isRefused(socketPath: string): Promise<boolean> {
  const socket = createConnection(socketPath).unref()
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

/** No more than what was looked at: what somebody adds meanwhile keeps the directory. */
async function remove(directory: string): Promise<void> {
  for (const name of (await readdir(directory)).filter(isHostName)) {
    const inner = join(directory, name)
    if (!(await isAbandoned(inner))) return
    await remove(inner)
  }
  for (const name of [socketName, bootName]) await rm(join(directory, name), { force: true })
  await rmdir(directory)
}
