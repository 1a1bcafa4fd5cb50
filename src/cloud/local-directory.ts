import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** Base names, or undefined when there is no such directory. */
export async function readDirectory(path: string): Promise<string[] | undefined> {
  return readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
}

export async function fsyncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Writes the whole file, durable and atomic: a crash leaves the old content or the new. */
export async function writeFileDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(`${path}.tmp`, 'w')
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
}

/** Moves `names` from `directory` into its subdirectory `aside`, which is made when missing. */
export async function setAside(directory: string, names: readonly string[], aside: string): Promise<void> {
  if (names.length === 0) return
  const target = join(directory, aside)
  await mkdir(target, { recursive: true })
  for (const name of names) await rename(join(directory, name), join(target, name))
  await fsyncDirectory(target)
  await fsyncDirectory(directory)
}
