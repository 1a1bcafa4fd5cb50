import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Files } from '../env/files.js'
import { makeDirectory } from './local-directory.js'

/**
 * Takes `directory` for this host alone, unless another living host has it. The kernel releases it with the process,
 * however that ends: an abstract socket on Linux, a lock taken by open() elsewhere (BSD, macOS).
 * @returns a function that releases it; undefined if another host has it.
 */
export async function lockDirectory(
  files: Files,
  directory: string,
): Promise<(() => Promise<void>) | undefined> {
  await makeDirectory(files, directory)
  return process.platform === 'linux' ? bindAbstractSocket(directory) : openExclusively(directory)
}

async function bindAbstractSocket(directory: string): Promise<(() => Promise<void>) | undefined> {
  const { dev, ino } = await stat(directory, { bigint: true })
  const server = createServer((socket) => socket.destroy())
  const isBound = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen(`\0rocksdb-cloud-env:${dev}:${ino}`, () => resolve(true))
  })
  if (!isBound) return undefined
  server.unref()
  return () => new Promise((resolve) => server.close(() => resolve()))
}

/** `O_EXLOCK` of BSD and macOS, which `fs.constants` leaves out. */
const O_EXLOCK = 0x20

async function openExclusively(directory: string): Promise<(() => Promise<void>) | undefined> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | O_EXLOCK
  try {
    const file = await open(join(directory, 'HOST'), flags)
    return () => file.close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}
