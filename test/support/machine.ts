import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type CloudEnvOptions, cloudEnv, type HostedCloudEnv, type OpenOptions, RocksDB } from '#src/index.js'
import { temporaryDirectory } from './temporary-directory.js'
import type { TestStore } from './test-stores.js'

/** A machine of a user: a local directory, a store, and a database on both. */
export class Machine {
  readonly root: string
  /** Of the database. */
  readonly path: string
  readonly options: CloudEnvOptions

  constructor(store: TestStore, options: Partial<CloudEnvOptions> = {}) {
    this.root = options.root ?? newRoot()
    this.path = join(this.root, 'db')
    this.options = { ...store.connection, store: store.url(), ...options, root: this.root }
  }

  /** Opens the database, on an Env of its own, for as long as `use` takes. What that did not flush is in the log only then. */
  async open<T>(
    use: (db: RocksDB, env: HostedCloudEnv) => Promise<T> | T,
    { path = this.path, ...openOptions }: OpenOptions & { readonly path?: string } = {},
  ): Promise<T> {
    const env = cloudEnv(this.options)
    try {
      const db = await RocksDB.open(path, { env, ...openOptions })
      try {
        return await use(db, env)
      } finally {
        await db.close({ flush: false })
      }
    } finally {
      await env.close()
    }
  }

  /** The names in the directory of the database, none where it is missing. */
  async names(): Promise<string[]> {
    return pathsBelow(this.path)
  }
}

/** An empty local directory, removed after the test file. */
export const newRoot = () => temporaryDirectory('cloudenv-root')

/** The paths below `directory`, what the Env keeps for itself left out. */
export async function pathsBelow(directory: string): Promise<string[]> {
  const paths = await readdir(directory, { recursive: true }).catch(() => [])
  return paths.filter((path) => !path.startsWith('.cloudenv')).sort()
}

/** Error of `action`, which must not change the store. */
export async function refusal(store: TestStore, action: () => unknown): Promise<Error> {
  const before = await store.list()
  const outcome = await (async () => action())().then(
    () => undefined,
    (error: Error) => error,
  )
  expect(await store.list()).toEqual(before)
  return outcome ?? expect.fail('it was accepted')
}
