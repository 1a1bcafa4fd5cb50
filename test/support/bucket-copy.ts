import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { objectName, parseFileName } from '#src/format/file-name.js'
import type { TestStore } from './test-stores.ts'

const epoch = parseEpoch('c0ffee')!

/**
 * Puts the files of a closed RocksDB database on disk into a store, as the database `path` that one epoch wrote.
 */
export async function copyToBucket(directory: string, store: TestStore, path: string): Promise<void> {
  const limit = pLimit(16)
  const names = await readdir(directory)
  const current = (await readFile(join(directory, 'CURRENT'), 'utf8')).trim()
  const copies = names.flatMap((name) => {
    const target = targetOf(name, current)
    if (target === undefined) return []
    return [limit(async () => store.put(`${path}/${target}`, await readFile(join(directory, name))))]
  })
  await Promise.all(copies)
  await store.put(`${path}/CLOUDMANIFEST`, encodeCloudManifest({ past: [], current: epoch }))
}

function targetOf(name: string, current: string): string | undefined {
  if (name === current) return objectName({ kind: 'manifest', epoch })
  const parsed = parseFileName(name)
  if (parsed.kind !== 'table' && parsed.kind !== 'blob') return undefined
  return objectName({ kind: parsed.kind, number: parsed.number, epoch })
}
