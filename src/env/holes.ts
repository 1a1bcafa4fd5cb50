import { open, rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'

/** A range of a file. */
export interface Hole {
  readonly offset: number
  readonly length: number
}

/**
 * Takes ranges out of a file: they read as zeros then, and need no space. Rejects if the file system cannot do that
 * (`EOPNOTSUPP`), or if the file has another name (`EMLINK`), under which it may be somebody else's.
 */
export type PunchHoles = (path: string, holes: readonly Hole[]) => Promise<void>

/** @returns undefined where the file system of the directory can't do that, or where the native part is missing. */
export async function holePuncher(directory: string): Promise<PunchHoles | undefined> {
  if (process.platform !== 'linux') return undefined
  // Loaded here, so that what needs no holes needs no native part.
  const { native } = await import('../binding/native.js').catch(() => ({ native: undefined }))
  if (!native) return undefined
  const punchHoles = punchingWith(native)
  const path = join(directory, '.holes-probe')
  try {
    // Not what a link of that name leads to.
    await rm(path, { force: true, recursive: true })
    await writeFile(path, new Uint8Array(1), { flag: 'wx' })
    await punchHoles(path, [{ offset: 0, length: 1 }])
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes(code)) return undefined
  } finally {
    await rm(path, { force: true }).catch(() => undefined)
  }
  return punchHoles
}

function punchingWith(native: {
  punchHole(fd: number, offset: number, length: number): Promise<number>
}): PunchHoles {
  return async (path, holes) => {
    const file = await open(path, 'r+')
    try {
      if ((await file.stat()).nlink > 1) throw cannotPunch(constants.errno.EMLINK, path)
      for (const { offset, length } of holes) {
        const errno = await native.punchHole(file.fd, offset, length)
        if (errno !== 0) throw cannotPunch(errno, path)
      }
    } finally {
      await file.close()
    }
  }
}

function cannotPunch(errno: number, path: string): NodeJS.ErrnoException {
  const [code = `errno ${errno}`] =
    Object.entries(constants.errno).find(([, number]) => number === errno) ?? []
  return Object.assign(new Error(`${code}: no hole can be made, fallocate '${path}'`), { code, path })
}
