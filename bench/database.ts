/** Databases of benchmarks, opened with nothing on the local disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CloudEnvOptions, RocksDB as Database, HostedCloudEnv, RocksDBOptions } from '../dist/index.js'

// Seen from build/bench, where this runs.
const built = new URL('../../dist/index.js', import.meta.url).href
export const { cloudEnv, RocksDB } = (await import(built)) as typeof import('../dist/index.js')

export interface StorePlace {
  readonly store: string
  readonly endpoint?: string
}

export interface OpenTerms {
  readonly options: RocksDBOptions
  readonly readOnly?: true
  readonly cache?: NonNullable<CloudEnvOptions['cache']>
}

/** Opens a database below a new root in `directory`, does the work, and closes and removes what is local. */
export async function inEnv<T>(
  place: StorePlace,
  directory: string,
  name: string,
  { cache, ...terms }: OpenTerms,
  work: (db: Database, env: HostedCloudEnv) => Promise<T>,
): Promise<T> {
  const root = await mkdtemp(join(directory, 'root-'))
  const env = cloudEnv({ ...place, root, ...(cache && { cache }) })
  const db = await RocksDB.open(join(root, name), { env, ...terms })
  try {
    return await work(db, env)
  } finally {
    await db.close()
    await env.close()
    await rm(root, { recursive: true })
  }
}

/** Opens a database on plain files in `directory`, does the work, and removes it. */
export async function inPlainDirectory<T>(
  directory: string,
  terms: { readonly options: RocksDBOptions },
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const path = await mkdtemp(join(directory, 'plain-'))
  const db = await RocksDB.open(path, terms)
  try {
    return await work(db)
  } finally {
    await db.close()
    await rm(path, { recursive: true })
  }
}

/** 16 bytes. */
export function keyOf(number: number): string {
  return `key${String(number).padStart(13, '0')}`
}

/** Records of the database that {@link fill} makes: 480 MB. */
export const records = 480_000
const valueBytes = 1000
/** With the key. */
export const recordBytes = 16 + valueBytes

const mib = 1024 * 1024

/** Tables of 64 MiB, without compression. */
export const largeTables = {
  compression: 'kNoCompression',
  write_buffer_size: 64 * mib,
  target_file_size_base: 64 * mib,
} as const

/** Puts all records into an empty database, and compacts it. */
export async function fill(db: Database): Promise<void> {
  const value = Buffer.alloc(valueBytes)
  for (let first = 0; first < records; first += 1000) {
    const batch = []
    for (let at = first; at < first + 1000; at++) {
      value.writeUInt32LE(at)
      batch.push({ type: 'put' as const, key: keyOf(at), value: Buffer.from(value) })
    }
    await db.batch(batch)
  }
  await db.flush()
  await db.compactRange()
}
