import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Everything of a store in a directory that is not an object lies here. Objects below it are neither listed nor written. */
export const privateName = '.cloudenv-store'

/**
 * Root of the store in which a directory lies: the nearest one, from the directory upwards, that somebody used as a
 * store. If there is none, the parent of the directory: an Env keeps its databases below the directory of its store.
 */
export async function directoryStoreRoot(directory: string): Promise<string> {
  for (let root = directory; ; root = dirname(root)) {
    if (await isDirectory(join(root, privateName))) return root
    if (root === dirname(root)) return dirname(directory)
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
