/**
 * Checks the format of whatever a test leaves in a store, after the tests of its file: of a directory before it is
 * removed (`temporary-directory.ts`), of a prefix of a bucket with its `TestStore`.
 */
import { readdir } from 'node:fs/promises'
import type { S3Connection } from '#src/store/s3-connection.js'
import type { S3Credentials } from '#src/store/s3-credentials.js'
import type { FormatFault } from './assert-format.ts'

export interface LeftStore {
  /** URL of the whole bucket or directory. */
  readonly url: string
  /** Prefix of the keys to check. */
  readonly prefix: string
  readonly connection: S3Connection & { readonly credentials?: S3Credentials }
  /** Test that made it. */
  readonly maker: string
}

const unchecked: string[] = []

/**
 * Leaves the objects below a URL out of the check: the test damages them on purpose. What `TestStore.put` and
 * `TestStore.delete` did last to an object is left out anyway.
 */
export function leaveUnchecked(url: string, _why: string): void {
  unchecked.push(`${url.replace(/\/+$/, '')}/`)
}

interface WrittenByTest {
  /** Undefined: deleted. */
  readonly sha256: string | undefined
  /** @returns undefined: it is missing. */
  now(): Promise<string | undefined>
}

/** Writes and deletions of tests, by URL of the object. */
const byTests = new Map<string, WrittenByTest>()

/** Notes what a test did to an object. */
export function noteWrite(url: string, written: WrittenByTest): void {
  byTests.set(url, written)
}

/** @throws Error with every fault. */
export async function checkStores(stores: readonly LeftStore[]): Promise<void> {
  if (stores.length === 0) return
  // Only here: most tests leave no store.
  const { describeFaults } = await import('./assert-format.ts')
  const complaints: string[] = []
  for (const store of stores) {
    const faults = await faultsOf(store)
    if (faults.length > 0) complaints.push(`${store.maker}\n${describeFaults(faults)}`)
  }
  if (complaints.length > 0) throw new Error(complaints.join('\n\n'))
}

async function faultsOf({ url, prefix, connection }: LeftStore): Promise<FormatFault[]> {
  const { formatFaults } = await import('./assert-format.ts')
  const { openStore } = await import('#src/store/open-store.js')
  const { openInspected } = await import('#src/catalog/open-places.js')
  const store = await openStore(url, connection)
  const sources = await openInspected([{ url, options: connection }])
  try {
    // Access to a server is what the test has, not the directory.
    const openSource = async (source: string) =>
      new URL(source).protocol === new URL(url).protocol ? await sources.openPlace(source) : undefined
    const found = await formatFaults({ store, prefix, openSource })
    const faults: FormatFault[] = []
    for (const fault of found) if (!(await isOfTest(fault))) faults.push(fault)
    return faults
  } finally {
    await sources.close()
    await store.close()
  }
}

/** Reports whether a test wants it so: one of the objects is left unchecked, or still as a test left it. */
async function isOfTest({ objects }: FormatFault): Promise<boolean> {
  for (const url of objects) {
    if (unchecked.some((place) => url.startsWith(place))) return true
    const written = byTests.get(url)
    if (written && (await written.now()) === written.sha256) return true
  }
  return false
}

/** Stores in a directory that the product wrote to, the outermost where one is in another. */
export async function storesBelow(directory: string, maker: string): Promise<LeftStore[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const roots = entries
    .filter((entry) => entry.name === '.cloudenv-store' && entry.isDirectory())
    .map(({ parentPath }) => parentPath)
  return roots
    .filter((root) => !roots.some((other) => root.startsWith(`${other}/`)))
    .map((root) => ({ url: `file://${root}`, prefix: '', connection: {}, maker }))
}
