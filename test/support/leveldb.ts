import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.js'

const archive = join(import.meta.dirname, '../fixtures/leveldb.tar.gz')

/** Number of entries in {@link levelDbDirectory}. `last` is only in its write-ahead log. */
export const levelDbEntries = 1358

/**
 * A database that LevelDB wrote (classic-level 3): tables `.ldb` in level 0 and below, with overwritten and deleted keys,
 * and a write-ahead log.
 */
export function levelDbDirectory(): string {
  const parent = temporaryDirectory()
  execFileSync('tar', ['-xzf', archive, '-C', parent])
  return join(parent, 'leveldb')
}
