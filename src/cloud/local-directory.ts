import { constants } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncDirectory } from '../env/durable-file.js'
import { EnvError, toEnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import { succeeds } from '../env/succeeds.js'

/** Base names, or undefined when there is no such directory. */
export async function readDirectory(files: Files, path: string): Promise<string[] | undefined> {
  return files.readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
}

export async function exists(files: Files, path: string): Promise<boolean> {
  return succeeds(files.stat(path))
}

/** Creates the directory and its parents if missing. Node says ENOENT if a parent can't be written; this says why. */
export async function makeDirectory(files: Files, path: string): Promise<void> {
  try {
    await files.mkdir(path, { recursive: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') await assertWritable(files, dirname(path))
    throw error
  }
}

/** Like {@link makeDirectory}, with advice for writers: a database can be read without its directory. */
export async function makeDatabaseDirectory(files: Files, path: string): Promise<void> {
  await makeDirectory(files, path).catch((cause: unknown) => {
    const code = toEnvError(cause, path).code === 'NoSpace' ? 'NoSpace' : 'IOError'
    throw new EnvError(
      code,
      `can't create the directory ${path} (${codeOf(cause)}), in which a database that is opened for writing keeps its ` +
        'write-ahead log. Make its parent writable, choose another "root", or open the database read-only',
      { cause },
    )
  })
}

/** Checks the directory, or the nearest existing one above it. */
async function assertWritable(files: Files, path: string): Promise<void> {
  await files.access(path, constants.W_OK).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    return assertWritable(files, dirname(path))
  })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/**
 * Moves `names` from `directory` into a new subdirectory of it.
 * @returns its name: `aside`, or the first free one of `aside-2`, `aside-3`…; undefined without names.
 */
export async function setAside(
  files: Files,
  directory: string,
  names: readonly string[],
  aside: string,
): Promise<string | undefined> {
  if (names.length === 0) return undefined
  const existing = (await readDirectory(files, directory)) ?? []
  let target = aside
  for (let number = 2; existing.includes(target); number++) target = `${aside}-${number}`
  await files.mkdir(join(directory, target))
  await moveFiles(files, directory, join(directory, target), names)
  await syncDirectory(files, directory)
  return target
}

/** Moves what {@link setAside} set aside back to `directory`. */
export async function bringBack(files: Files, directory: string, aside: string): Promise<void> {
  const source = join(directory, aside)
  await moveFiles(files, source, directory, (await readDirectory(files, source)) ?? [])
  await files.rmdir(source)
  await syncDirectory(files, directory)
}

async function moveFiles(
  files: Files,
  source: string,
  target: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) await files.rename(join(source, name), join(target, name))
  await syncDirectory(files, target)
}
