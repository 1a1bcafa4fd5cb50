/** Objects as files: one version of an object is one file, which never changes once it is in place. */
import { randomInt } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { access, copyFile, type FileHandle, open } from 'node:fs/promises'
import { EnvError } from '../env/env-error.js'
import type { ByteRange, ObjectInfo, ObjectKey, PutBody } from './object-store.js'
import { type FileBody, tooShort, unreadable } from './put-body.js'

export function assertFile(stats: BigIntStats): BigIntStats {
  if (stats.isFile()) return stats
  throw Object.assign(new Error('it is no file'), { code: 'EISDIR' })
}

/** Does not block on a named pipe; a socket is ENXIO. {@link assertFile} checks what was opened. */
export async function openToRead(path: string): Promise<FileHandle> {
  return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
}

export function describeFile(key: ObjectKey, stats: BigIntStats): Omit<ObjectInfo, 'metadata'> {
  return { key, size: Number(stats.size), etag: etagOf(stats), lastModified: stats.mtime }
}

/** Every version is a file of its own. Its inode number may be reused, its time is not: {@link seal}. */
export function etagOf(stats: BigIntStats): string {
  return [stats.ino, stats.mtimeNs, stats.size].map((value) => value.toString(16)).join('-')
}

/** Writes a new file with this content. The content survives a power cut; the name does not yet. */
export async function writeDraft(path: string, body: PutBody): Promise<void> {
  if (!(body instanceof Uint8Array)) return await copyDraft(path, body)
  const file = await open(path, 'wx')
  try {
    await file.writeFile(body)
    await seal(file)
  } finally {
    await file.close()
  }
}

/** Shares blocks with the source if the file system can. */
async function copyDraft(path: string, body: FileBody): Promise<void> {
  await copyFile(body.file, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch(
    async (error) => {
      // The error does not say which of the two files it concerns.
      await access(body.file, constants.R_OK).catch((cause: unknown) => {
        throw unreadable(body, cause)
      })
      throw error.code === 'EISDIR' ? unreadable(body, error) : error
    },
  )
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    if (size < body.size) throw tooShort(body, size)
    if (size > body.size) await file.truncate(body.size)
    await seal(file)
  } finally {
    await file.close()
  }
}

/**
 * Makes the content durable, and the file's time unique: kernels stamp files with a clock that ticks every few
 * milliseconds, so this adds a random part of one.
 */
async function seal(file: FileHandle): Promise<void> {
  const { mtimeMs } = await file.stat()
  // Times pass through Node as seconds in a double: about 2^22 steps in a second, 4,096 in a millisecond.
  const seconds = (Math.floor(mtimeMs) + randomInt(4096) / 4096) / 1000
  await file.utimes(seconds, seconds)
  await file.sync()
}

export async function readRange(
  file: FileHandle,
  size: number,
  range: ByteRange | undefined,
): Promise<Uint8Array> {
  const start = Math.min(range?.offset ?? 0, size)
  const end = Math.min(start + (range?.length ?? size), size)
  const body = Buffer.allocUnsafe(end - start)
  for (let filled = 0; filled < body.length; ) {
    const { bytesRead } = await file.read(body, filled, body.length - filled, start + filled)
    if (bytesRead === 0)
      throw new EnvError('IOError', 'the file shrank while it was read', { retryable: true })
    filled += bytesRead
  }
  return body
}
