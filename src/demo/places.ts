import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { openStore } from '../store/open-store.js'

/** Sizes in bytes, by name. */
export type Sizes = ReadonlyMap<string, number>

export async function objectsIn(
  url: string,
  connection: { readonly endpoint?: string; readonly region?: string },
): Promise<Sizes> {
  const store = await openStore(url, connection)
  try {
    const sizes = new Map<string, number>()
    for await (const { key, size } of store.list('')) sizes.set(key, size)
    return sizes
  } finally {
    await store.close()
  }
}

export async function filesIn(directory: string): Promise<Sizes> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const sizes = new Map<string, number>()
  for (const entry of entries.filter((entry) => entry.isFile())) {
    const path = join(entry.parentPath, entry.name)
    sizes.set(relative(directory, path), (await stat(path)).size)
  }
  return sizes
}
