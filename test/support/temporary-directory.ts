import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []

// Here, where the file is still collected: a hook that a running test adds is never called.
afterAll(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** An empty local directory, removed after the tests of the file. Its name is short: a socket's path has about 100 bytes. */
export function temporaryDirectory(name = 'ce'): string {
  const directory = mkdtempSync(join(tmpdir(), `${name}-`))
  made.push(directory)
  return directory
}
