import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Everything of a store in a directory that is not an object lies here. Objects below it are neither listed nor written. */
export const privateName = '.cloudenv-store'

/**
 * Root of the store in which a directory lies. If nobody used one as a store yet, the parent of the directory: an Env keeps
 * its databases below the directory of its store.
 */
export async function directoryStoreRoot(directory: string): Promise<string> {
  return (await usedStoreRoot(directory)) ?? dirname(directory)
}

/** The nearest directory, from this one upwards, that somebody used as a store; undefined if there is none. */
export async function usedStoreRoot(directory: string): Promise<string | undefined> {
  for (let root = directory; ; root = dirname(root)) {
    if (await isDirectory(join(root, privateName))) return root
    if (root === dirname(root)) return undefined
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
