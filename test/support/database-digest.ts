import { type OpenOptions, RocksDB } from '#src/index.js'
import { Machine } from './machine.js'
import { Digest } from './open-bucket.js'
import type { TestStore } from './test-stores.js'

/** Number of entries and digest of each column family, by its name. */
export type DatabaseDigest = Readonly<Record<string, { readonly count: number; readonly sha256: string }>>

/** Column families that have to be opened with options of their own. */
type Families = Pick<OpenOptions, 'columnFamilies'>

export async function digestOf(db: RocksDB): Promise<DatabaseDigest> {
  const found: Record<string, { readonly count: number; readonly sha256: string }> = {}
  for (const name of db.columnFamilyNames) {
    const digest = new Digest()
    for await (const [key, value] of db.iterator({ columnFamily: db.columnFamily(name) }))
      digest.add(key, value)
    found[name] = digest.result()
  }
  return found
}

/** Digest of the database at a path of the store, as a machine sees it that has nothing of it. */
export async function digestInStore(
  store: TestStore,
  path: string,
  options: Families = {},
): Promise<DatabaseDigest> {
  const machine = new Machine(store)
  return await machine.open(digestOf, {
    ...options,
    path: `${machine.root}/${path}`,
    readOnly: true,
  })
}

/** Digest of the plain database in a directory. */
export async function digestInDirectory(path: string, options: Families = {}): Promise<DatabaseDigest> {
  const db = await RocksDB.open(path, { ...options, readOnly: true })
  try {
    return await digestOf(db)
  } finally {
    await db.close()
  }
}
