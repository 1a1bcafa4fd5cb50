import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DatabasePlace, objectKey, objectUrl } from '../catalog/database-place.js'
import { findFirst } from '../catalog/get-first.js'
import { FileGoneError, type StoredFile } from '../catalog/stored-file.js'
import { download, fetchWhole } from './download.js'

/** Four of these at a time are in memory, with the ranges that are under way. */
const maxBytesInMemory = 16 * 1024 * 1024

/**
 * Copies a table or blob file to another place under its own name: within the store if source and target share it, and
 * through this machine otherwise, small ones in memory and others by way of a temporary file.
 * @throws FileGoneError, EnvError
 */
export async function copyFile(file: StoredFile, target: DatabasePlace, signal: AbortSignal): Promise<void> {
  const { objectName, size } = file
  const key = objectKey(target, objectName)
  if (isServerSide(file, target)) {
    await copyWithin(file, target, signal)
    return
  }
  if (size <= maxBytesInMemory) {
    await target.store.put(key, await fetchWhole(file, signal), { signal })
    return
  }
  const directory = await mkdtemp(join(tmpdir(), 'cloudenv-copy-'))
  try {
    const path = join(directory, objectName)
    const draft = await open(path, 'wx')
    try {
      await download(file, draft, { signal })
    } finally {
      await draft.close()
    }
    await target.store.put(key, { file: path, size }, { signal })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Reports whether no byte passes through this machine. */
export function isServerSide({ place, copy }: StoredFile, target: DatabasePlace): boolean {
  const copies = ({ store }: DatabasePlace) =>
    store === target.store || target.store.copiesFrom?.(store) === true
  return [place, ...(copy ? [copy] : [])].every(copies)
}

async function copyWithin(
  { place, copy, objectName, size }: StoredFile,
  target: DatabasePlace,
  signal: AbortSignal,
): Promise<void> {
  const copied = await findFirst(
    copy ? [place, copy] : [place],
    ({ store }, key) => {
      const from = store === target.store ? {} : { from: store }
      return target.store.copy(key, objectKey(target, objectName), { size, signal, ...from })
    },
    objectName,
  )
  if (!copied) throw new FileGoneError(`${objectUrl(place, objectName)} is gone from the store`)
}
