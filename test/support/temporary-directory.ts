import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { checkStores, storesBelow } from './left-stores.ts'

/** Test that made it, by directory. */
const made = new Map<string, string>()

// Here, where the file is still collected: a hook that a running test adds is never called.
afterAll(async () => {
  const left = [...made]
  made.clear()
  try {
    const stores = await Promise.all(left.map(([directory, maker]) => storesBelow(directory, maker)))
    await checkStores(stores.flat())
  } finally {
    for (const [directory] of left) rmSync(directory, { recursive: true, force: true })
  }
})

/**
 * An empty local directory, removed after the tests of the file. What it has of stores by then is checked
 * (`left-stores.ts`). Its name is short: a socket's path has about 100 bytes.
 */
export function temporaryDirectory(name = 'ce'): string {
  const directory = mkdtempSync(join(tmpdir(), `${name}-`))
  made.set(directory, expect.getState().currentTestName ?? 'before the tests')
  return directory
}
