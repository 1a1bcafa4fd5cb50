import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type OpenOptions, RocksDB } from '#src/index.js'

/** A directory that does not exist yet, and is removed when the test ends. */
export function newPath(): string {
  const parent = mkdtempSync(join(tmpdir(), 'cloudenv-engine-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, 'db')
}

/** A database that is closed when the test ends. */
export async function openDatabase(options: OpenOptions & { readonly path?: string } = {}): Promise<RocksDB> {
  const { path = newPath(), ...openOptions } = options
  const db = await RocksDB.open(path, openOptions)
  onTestFinished(() => db.close())
  return db
}

/** Entries of an iterator. */
export async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of iterable) items.push(item)
  return items
}
