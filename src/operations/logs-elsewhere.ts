import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { readText, systemFiles } from '../env/files.js'
import { parseFileName } from '../format/file-name.js'
import type { PlainDirectory } from './plain-directory.js'

/**
 * Refuses a database that keeps its write-ahead log in another directory (`wal_dir`): without it, the last writes would be
 * lost. Its options file says so. A path that does not exist is that of a directory which was moved since.
 * @throws EnvError NotSupported
 */
export async function refuseLogsElsewhere({ path, files }: PlainDirectory): Promise<void> {
  if (files.some(({ parsed }) => parsed.kind === 'wal')) return
  const elsewhere = /^\s*wal_dir=(.+)$/m.exec(await newestOptions(path))?.[1]?.trim()
  if (!elsewhere) return
  const names = await readdir(elsewhere).catch(() => [])
  if (!names.some((name) => parseFileName(name).kind === 'wal')) return
  throw new EnvError(
    'NotSupported',
    `${path} has its write-ahead log in ${elsewhere}. Flush it there with its own program, or open it once without "wal_dir", ` +
      'with the log moved to the directory',
  )
}

/** Empty if there is none. */
async function newestOptions(path: string): Promise<string> {
  const numbered = (await readdir(path)).flatMap((name) => {
    const parsed = parseFileName(name)
    return parsed.kind === 'options' ? [{ name, number: parsed.number }] : []
  })
  const newest = numbered.sort((a, b) => b.number - a.number)[0]
  return (newest && (await readText(systemFiles, join(path, newest.name)))) ?? ''
}
