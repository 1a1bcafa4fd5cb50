import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a new file and waits until it would survive a power cut. Its name needs {@link syncDirectory}. */
export async function writeSynced(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the names in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Creates the directory and those above it, as durably. */
export async function makeDirectory(path: string): Promise<void> {
  const firstCreated = await mkdir(path, { recursive: true })
  if (firstCreated === undefined) return
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    await syncDirectory(parent)
    if (parent === dirname(firstCreated)) return
  }
}
