import { type FileHandle, open } from 'node:fs/promises'
import { constants } from 'node:os'

/** A lock of the kernel on a file. The kernel releases it when its process ends, however that happens. */
export interface FileLock {
  close(): Promise<void>
}

/** Locked files. Node.js closes a file that nobody refers to, and with that the lock would end. */
const held = new Set<FileHandle>()

/**
 * Locks a file for exclusive use, and creates it if it is missing. The lock belongs to the open file, so a second call
 * in the same process is refused too. The file must stay where it is as long as anybody may ask for it: after a deletion
 * the next one would lock another file.
 * @returns undefined if somebody else has the lock.
 */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  // Loaded here, so that nothing but a lock needs the native part.
  const { native } = await import('../binding/native.js')
  // For writing: NFS refuses an exclusive lock on a file that is open for reading only.
  const file = await open(path, 'a')
  const errno = await native.lockFile(file.fd)
  if (errno === 0) {
    held.add(file)
    return {
      close() {
        held.delete(file)
        return file.close()
      },
    }
  }
  await file.close()
  if (errno === constants.errno.EWOULDBLOCK) return undefined
  throw lockError(errno, path)
}

function lockError(errno: number, path: string): NodeJS.ErrnoException {
  const [code = `errno ${errno}`] =
    Object.entries(constants.errno).find(([, number]) => number === errno) ?? []
  return Object.assign(new Error(`${code}: this file can't be locked, flock '${path}'`), { code, path })
}
