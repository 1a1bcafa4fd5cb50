// Vitest's global setup: whatever tests leave in the directory for temporary files goes away when all have run. Hooks are
// not called of a file of which no test runs, and what is unpacked to name tests would stay.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export default function setup(): () => void {
  // A short name: the path of a socket has about 100 bytes.
  const directory = mkdtempSync(join(tmpdir(), 'ce-'))
  process.env.TMPDIR = directory
  return () => rmSync(directory, { recursive: true, force: true })
}
