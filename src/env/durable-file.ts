import { dirname } from 'node:path'
import type { Files } from './files.js'

/**
 * Writes a file and waits until it would survive a power cut. Its name needs {@link syncDirectory}.
 * @param flags `wx`: there must be none yet. `w`: it takes the place of what is there.
 */
export async function writeSynced(
  files: Files,
  path: string,
  content: Uint8Array | string,
  flags: 'wx' | 'w' = 'wx',
): Promise<void> {
  const file = await files.open(path, flags)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Replaces the whole file, as durably: a crash leaves the old content or the new. */
export async function replaceDurably(
  files: Files,
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  const draft = `${path}.tmp`
  await writeSynced(files, draft, content, 'w')
  await files.rename(draft, path)
}

/** Makes what was written to a file survive a power cut. Its name needs {@link syncDirectory}. */
export async function syncFile(files: Files, path: string): Promise<void> {
  const file = await files.open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the names in a directory survive a power cut. */
export async function syncDirectory(files: Files, path: string): Promise<void> {
  await syncFile(files, path)
}

/** Creates the directory and its parents, just as durably. */
export async function makeDirectory(files: Files, path: string): Promise<void> {
  const firstCreated = await files.mkdir(path, { recursive: true })
  if (firstCreated === undefined) return
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    await syncDirectory(files, parent)
    if (parent === dirname(firstCreated)) return
  }
}
